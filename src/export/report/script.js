// Search and order of the tables. Without it they are read as they are.
for (const table of document.querySelectorAll("table[data-noun]")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const noun = table.dataset.noun;

  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "part of an address, a name, a time …";
  const label = document.createElement("label");
  label.append(`Search ${noun} `, search);
  const count = document.createElement("output");
  const tools = document.createElement("p");
  tools.className = "tools";
  tools.append(label, count);
  table.parentElement.before(tools);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !texts[i].includes(wanted);
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = wanted ? `${shown} of ${rows.length}` : "";
  };
  search.addEventListener("input", show);

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const key = (row) => {
      const cell = row.cells[column];
      return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent;
    };
    const isNumber = rows.some((row) => "v" in row.cells[column].dataset);
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const order = now ? (now === "ascending" ? "descending" : "ascending") : isNumber ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const compare = isNumber
        ? (a, b) => key(a) - key(b)
        : (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
      rows.sort(compare);
      if (order === "descending") rows.reverse();
      body.append(...rows);
      const again = rows.map((row) => row.textContent.toLowerCase());
      texts.splice(0, texts.length, ...again);
    });
  });
}
