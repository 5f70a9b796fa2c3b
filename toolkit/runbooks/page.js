// Tables that sort by a click, or by Enter, on a column's head; numbers as numbers, gaps at the end.
const key = (cell) => {
  const text = cell ? cell.textContent.trim() : "";
  if (text === "" || text === "-") return null;
  const number = Number(text.replace(/,/g, "").replace("\u2212", "-"));
  return Number.isNaN(number) ? text : number;
};

const compare = (a, b) => {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
};

const sort = (table, head) => {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const total = (row) => row.cells[0].textContent.trim() === "all";
  const rows = [...body.rows].map((row) => [key(row.cells[head.cellIndex]), row]);
  rows.sort(([a, first], [b, second]) => {
    if (total(first) !== total(second)) return total(first) ? 1 : -1;
    if (a === null || b === null) return (a === null) - (b === null);
    return down ? compare(b, a) : compare(a, b);
  });
  body.append(...rows.map(([, row]) => row));
};

for (const table of document.querySelectorAll("main table")) {
  const heads = table.tHead ? [...table.tHead.rows].pop() : undefined;
  if (!heads || !table.tBodies.length || table.tBodies[0].rows.length < 2) continue;
  for (const head of heads.cells) {
    head.classList.add("sorts");
    head.tabIndex = 0;
    head.title = "sort";
    head.addEventListener("click", () => sort(table, head));
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter") sort(table, head);
    });
  }
}

// A table longer than a screen scrolls in a box of its own, its head in sight.
for (const table of document.querySelectorAll("main table")) {
  if (table.rows.length > 30) table.closest(".output_area").classList.add("long");
}

for (const cell of document.querySelectorAll("main tbody td")) {
  if (cell.textContent.trim() === "FAILED") cell.parentElement.classList.add("failed");
}
