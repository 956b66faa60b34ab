// Keeps the page up to date: every ten seconds its main part is fetched and put in place of the old one, unless the reader is in the
// middle of something: a selection, an opened part, the focus inside.
"use strict";
(() => {
  const status = document.getElementById("updated");
  const busy = () => {
    const main = document.getElementById("content");
    return document.hidden || main.contains(document.activeElement) || String(getSelection()) !== "" ||
      main.querySelector("details[open]") !== null;
  };
  const update = async () => {
    if (busy()) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("content").replaceWith(document.adoptNode(fresh.getElementById("content")));
      document.title = fresh.title;
      status.textContent = "";
    } catch {
      status.textContent = "The sensor does not answer; this page is not up to date.";
    }
  };
  setInterval(update, 10000);
})();
