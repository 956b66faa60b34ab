// Search and order of the tables. Without it they are read as they are.
const FIRST = 200;
const order = new Intl.Collator("en", { numeric: true });
for (const table of document.querySelectorAll("table[data-noun]")) {
  const body = table.tBodies[0];
  const noun = table.dataset.noun;
  let rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));

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

  // To lay out thousands of rows takes a second: the first ones are shown, until the others are asked for.
  let shown = FIRST;
  const all = document.createElement("button");
  all.type = "button";
  all.className = "all";
  table.parentElement.after(all);
  all.addEventListener("click", () => {
    shown = Infinity;
    show();
  });

  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    let found = 0;
    for (const { row, text } of rows) {
      row.hidden = !text.includes(wanted);
      found += row.hidden ? 0 : 1;
      row.classList.toggle("beyond", !row.hidden && found > shown);
    }
    count.textContent = wanted ? `${found} of ${rows.length}` : "";
    all.hidden = !(found > shown);
    all.textContent = `Show all ${found.toLocaleString("en")} rows`;
  };
  search.addEventListener("input", show);
  show();

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const isNumber = rows.some(({ row }) => "v" in row.cells[column].dataset);
    const key = (row) => (isNumber ? Number(row.cells[column].dataset.v) : row.cells[column].textContent);
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const next = now ? (now === "ascending" ? "descending" : "ascending") : isNumber ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", next);
      const keyed = rows.map((entry) => ({ entry, key: key(entry.row) }));
      keyed.sort(isNumber ? (a, b) => a.key - b.key : (a, b) => order.compare(a.key, b.key));
      if (next === "descending") keyed.reverse();
      rows = keyed.map(({ entry }) => entry);
      show();
      body.append(...rows.map(({ row }) => row));
    });
  });
}
