// Which columns there is room for, how rows are sorted, and how one cell is drawn.

const NUMBERS = new Set(["number", "fill"]);
const RECENT = 20 * 3600 * 1000; // ms; what is older is shown with its date

/** Places of the columns that fit into `width` px: the least important go first, those of rank 1 never. */
function fitting(columns, width) {
  let room = columns.reduce((sum, column) => sum + column.width, 0) - width;
  const gone = new Set();
  const ranked = columns.map((column, place) => ({ ...column, place })).filter(({ rank }) => rank > 1);
  for (const { place, width: wide } of ranked.sort((a, b) => b.rank - a.rank || b.place - a.place)) {
    if (room <= 0) break;
    gone.add(place);
    room -= wide;
  }
  return columns.flatMap((_, place) => (gone.has(place) ? [] : [place]));
}

/** What a row is sorted by in one column. */
function sortKey(store, column, place) {
  if (column.kind === "time" || column.kind === "age") return (row) => row.at;
  if (column.kind === "quote") return (row) => parseFloat(plain(store.quotes.get(String(row.con))?.[0] ?? ""));
  if (NUMBERS.has(column.kind)) return (row) => parseFloat(plain(row.cells[place]));
  return (row) => row.cells[place].toLowerCase();
}

/** Rows in the order asked for; newest first where nothing was. What has no value comes last. */
function sorted(rows, key, down) {
  if (!key) return rows.reverse().sort((a, b) => b.at - a.at);
  const sign = down ? -1 : 1;
  const missing = (value) => value === "" || Number.isNaN(value);
  return rows
    .map((row) => [key(row), row])
    .sort(([a, one], [b, other]) => {
      if (missing(a) || missing(b)) return missing(a) - missing(b) || other.at - one.at;
      return a < b ? -sign : a > b ? sign : other.at - one.at;
    })
    .map(([, row]) => row);
}

/** Whether a row has every word of the filter somewhere. */
function matches(row, words) {
  row.search ??= `${row.cells.join(" ")} ${row.note ?? ""}`.toLowerCase();
  return words.every((word) => row.search.includes(word));
}

function drawCell(cell, column, row, text, store) {
  switch (column.kind) {
    case "time": {
      const [day, time, zone] = text.split(" ");
      const old = store.now() - row.at > RECENT;
      const short = old ? `${day?.slice(5)} ${time?.slice(0, 5)}` : `${time?.slice(0, 8)} ${zone}`;
      set(cell, text && short, text && `${text}, ${utc(row.at, true)}`);
      break;
    }
    case "fill":
      set(cell, text, `${text} filled, ${Math.round(row.filled * 100)} %`);
      cell.style.setProperty("--tkb-filled", `${Math.min(1, row.filled) * 100}%`);
      break;
    case "quote":
      drawQuote(cell, row, store);
      break;
    case "status":
      set(cell, `${row.icon} ${text}${row.change === "pending" ? ", changing" : ""}`, row.note || text);
      break;
    case "symbol":
      set(cell, row.note && "icon" in row === false ? `${text} ⊘ locked` : text, row.note ?? "");
      break;
    case "age": {
      const open = row.working && !store.closed;
      set(cell, open ? age(store.now() - row.at) : "", open ? `since ${utc(row.at, true)}` : "");
      break;
    }
    case "note":
    case "id":
      set(cell, text, text);
      break;
    default:
      set(cell, text);
  }
}

function drawQuote(cell, row, store) {
  const [bid, ask, when, delayed] = (row.working && store.quotes.get(String(row.con))) || ["", "", 0, false];
  const told = bid || ask ? `${bid || "–"} / ${ask || "–"}` : "";
  set(cell, told, told && `${delayed ? "Delayed on purpose; " : ""}last tick ${utc(when)}`);
  cell.classList.toggle("tkb-delayed", Boolean(delayed));
}
