// A click on a column's name sorts its table by that column, a second one the other way round.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const text = (row) => row.cells[head.cellIndex].textContent;
    const number = (row) => Number.parseFloat(text(row).replaceAll(",", ""));
    const rows = [...body.rows].sort((a, b) => {
      const [left, right] = [number(a), number(b)];
      if (Number.isNaN(left) !== Number.isNaN(right)) return Number.isNaN(left) ? 1 : -1; // what has no figure stays last
      const order = Number.isNaN(left) ? text(a).localeCompare(text(b)) : left - right;
      return up ? order : -order;
    });
    body.append(...rows);
  });
}
