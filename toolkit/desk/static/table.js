// The table: only the rows in sight are in the document, whatever number there is.

const ROW = 26; // px
const MOST_VISIBLE = 14; // rows before the table scrolls
const LEAST_VISIBLE = 4;
const FLASH = 700; // ms

let lines = 0;

class Table {
  constructor(view, host) {
    this.view = view;
    this.store = view.store;
    this.selected = null; // row id
    this.asking = null; // intent id whose cancel waits for a yes
    this.drawn = new Map(); // row id -> element
    this.rows = [];
    this.columns = [];
    this.places = []; // of the columns in sight
    this.tallest = LEAST_VISIBLE;
    this.scroll = element("div", "tkb-scroll", host, { role: "grid", tabindex: "0" });
    this.headGroup = element("div", "tkb-headgroup", this.scroll, { role: "rowgroup" });
    this.head = element("div", "tkb-head tkb-row", this.headGroup, { role: "row", "aria-rowindex": "1" });
    this.body = element("div", "tkb-body", this.scroll, { role: "rowgroup" });
    const inline = element("div", "tkb-inline", this.body, { role: "row", hidden: "" });
    this.question = new Question(element("div", "", inline, { role: "gridcell" }), () => this.endChange());
    this.inline = inline;
    this.scroll.addEventListener("scroll", () => this.draw());
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("dblclick", (event) => {
      if (!event.target.closest("button, .tkb-inline")) this.view.open(this.selectedRow());
    });
  }

  wipe() {
    for (const line of this.drawn.values()) line.remove();
    this.drawn.clear();
  }

  /** Show these rows of a tab. */
  show(tab, rows) {
    const columns = this.store.columns[tab.table] ?? [];
    this.tab = tab;
    this.rows = rows;
    if (columns !== this.columns) this.layOut(columns);
    this.draw();
  }

  layOut(columns = this.columns) {
    const width = this.view.root.clientWidth || 1200;
    const places = fitting(columns, width);
    if (columns === this.columns && String(places) === String(this.places)) return;
    this.columns = columns;
    this.places = places;
    this.wipe();
    const widths = places.map((place) => columns[place].width);
    this.scroll.style.setProperty("--tkb-columns", widths.map((px) => `minmax(${px}px, ${px}fr)`).join(" "));
    this.scroll.style.setProperty("--tkb-width", `${widths.reduce((sum, px) => sum + px, 0)}px`);
    this.scroll.setAttribute("aria-colcount", String(columns.length));
    this.head.replaceChildren(...places.map((place, index) => this.heading(columns[place], place, index)));
    this.drawSort();
    this.view.hidden = columns.length - places.length;
  }

  heading(column, place, index) {
    const cell = element("div", `tkb-cell tkb-${column.kind}`, null, { role: "columnheader", "aria-colindex": String(place + 1) });
    if (column.kind === "action") {
      cell.textContent = column.title;
      return cell;
    }
    const press = element("button", "tkb-sort", cell, { type: "button", tabindex: index ? "-1" : "0" });
    press.dataset.place = String(place);
    press.append(column.title, element("span", "tkb-arrow", null, { "aria-hidden": "true" }));
    press.addEventListener("click", () => this.view.sortBy(place));
    return cell;
  }

  drawSort() {
    const sort = this.view.sort;
    for (const cell of this.head.children) {
      const press = cell.firstElementChild;
      if (!press) continue;
      const mine = sort && sort.place === Number(press.dataset.place);
      if (mine) cell.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
      set(press.lastChild, mine ? (sort.down ? " ▼" : " ▲") : "");
    }
  }

  draw() {
    const { rows } = this;
    const open = this.question.open ? this.rows.findIndex((row) => row.id === this.changing) : -1;
    const extra = open >= 0 ? this.inline.offsetHeight : 0;
    this.tallest = Math.min(MOST_VISIBLE, Math.max(this.tallest, rows.length + Math.ceil(extra / ROW)));
    this.scroll.style.height = `${ROW * (this.tallest + 1) + 2}px`;
    this.body.style.height = `${ROW * rows.length + extra}px`;
    this.scroll.setAttribute("aria-rowcount", String(rows.length + 1));
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / ROW) - 2);
    const visible = rows.slice(first, first + MOST_VISIBLE + 5);
    const wanted = new Set(visible.map((row) => row.id));
    for (const [id, line] of this.drawn) {
      if (wanted.has(id)) continue;
      line.remove();
      this.drawn.delete(id);
    }
    visible.forEach((row, index) => {
      const place = first + index;
      this.drawRow(row, place, ROW * place + (open >= 0 && place > open ? extra : 0));
    });
    this.inline.style.transform = `translateY(${ROW * (open + 1)}px)`;
    this.inline.style.visibility = this.question.open && open < 0 ? "hidden" : "";
    const line = this.drawn.get(this.selected);
    if (line) this.scroll.setAttribute("aria-activedescendant", line.id);
    else this.scroll.removeAttribute("aria-activedescendant");
  }

  drawRow(row, place, top) {
    let line = this.drawn.get(row.id);
    if (!line) {
      line = element("div", "tkb-row", null, { role: "row", id: `tkb-${++lines}` });
      line.dataset.id = row.id;
      for (const at of this.places) {
        const { kind } = this.columns[at];
        element("div", `tkb-cell tkb-${kind}`, line, { role: "gridcell", "aria-colindex": String(at + 1) });
      }
      this.body.insertBefore(line, this.inline);
      this.drawn.set(row.id, line);
    }
    line.style.transform = `translateY(${top}px)`;
    line.setAttribute("aria-rowindex", String(place + 2));
    line.setAttribute("aria-selected", String(row.id === this.selected));
    line.dataset.side = row.side ?? "";
    line.dataset.tone = row.tone ?? "";
    this.places.forEach((at, index) => this.drawCell(line.children[index], at, row));
  }

  drawCell(cell, place, row) {
    const column = this.columns[place];
    if (column.kind === "action") this.drawAction(cell, row);
    else drawCell(cell, column, row, row.cells[place], this.store);
  }

  /** What ticks by itself: ages, and how long an answer has been waited for. */
  tick() {
    for (const row of this.rows) {
      const line = this.drawn.get(row.id);
      if (!line) continue;
      this.places.forEach((place, index) => {
        const { kind } = this.columns[place];
        if (kind === "age" || kind === "action" || kind === "quote") this.drawCell(line.children[index], place, row);
      });
    }
  }

  /** Light up, once, the cells that are new. */
  flash(changed) {
    if (calm()) return;
    for (const { row, places } of changed.values()) {
      const line = this.drawn.get(row.id);
      if (!line) continue;
      for (const place of places) {
        const cell = line.children[this.places.indexOf(place)];
        cell?.animate([{ backgroundColor: "var(--tkb-flash)" }, {}], { duration: FLASH, easing: "ease-out" });
      }
    }
  }

  drawAction(cell, row) {
    const state = this.actionState(row);
    const key = `${state} ${row.amendable}`;
    if (cell.dataset.state === key) return;
    cell.dataset.state = key;
    const { id, note } = row;
    const why = this.store.asked.get(`cancel ${id}`)?.reason || note;
    const cancel = (text, label) => button(text, "offer", label);
    const parts = {
      none: () => [],
      offer: () => [
        ...(row.amendable ? [button("Change", "change", `Change ${id}`)] : []),
        cancel("Cancel", `Cancel ${id}`),
      ],
      ask: () => [button("Cancel it", "yes", `Yes, cancel ${id}`), button("Keep", "no", `Keep ${id}`)],
      waiting: () => ["Cancelling…"],
      changing: () => ["Changing…"],
      busy: () => ["Kernel is busy…"],
      refused: () => [cancel("Refused · retry", `Refused: ${why}. Cancel ${id} again`)],
      done: () => ["Cancel done"],
    };
    cell.replaceChildren(...parts[state]());
    for (const press of cell.children) if (state !== "ask") press.tabIndex = -1; // the keys c and e do it
  }

  actionState(row) {
    const { store } = this;
    const cancel = store.asked.get(`cancel ${row.id}`);
    const waits = store.waiting("cancel", row.id) ?? store.waiting("change", row.id);
    if (store.closed) return "none";
    if (row.cancellable && this.asking === row.id) return "ask";
    if (waits && row.working && Date.now() - waits.at > BUSY_AFTER) return "busy";
    if (store.waiting("cancel", row.id) && row.working) return "waiting";
    if (row.working && !row.cancellable) return "waiting";
    if (row.change === "pending" || (store.waiting("change", row.id) && row.working)) return "changing";
    if (row.working && cancel?.told === "refused") return "refused";
    if (cancel?.told === "asked" && row.tone === "off") return "done";
    return row.cancellable ? "offer" : "none";
  }

  // --- what a person does ------------------------------------------------------------------------

  selectedRow() {
    return this.rows.find((row) => row.id === this.selected);
  }

  click(event) {
    const line = event.target.closest(".tkb-row");
    if (!line) return;
    this.selected = line.dataset.id;
    const { action } = event.target.dataset;
    const row = this.selectedRow();
    if (action === "offer") this.askCancel(row);
    else if (action === "change") this.askChange(row);
    else if (action === "no") this.endAsking();
    else if (action === "yes") this.cancel(row);
    else this.draw();
    this.view.follow();
  }

  askCancel(row) {
    if (!row?.cancellable || this.store.closed) return;
    this.asking = row.id;
    this.draw();
    this.drawn.get(row.id)?.querySelector("[data-action=no]")?.focus({ preventScroll: true });
  }

  cancel(row) {
    this.asking = null;
    if (row) this.store.cancel([row.id]);
    this.focus();
  }

  endAsking() {
    this.asking = null;
    this.focus();
  }

  askChange(row) {
    if (!row?.amendable || this.store.closed) return;
    const [, symbol, side, quantity, , , limit, stop] = row.cells;
    const fields = [["quantity", "Quantity", plain(quantity)]];
    if (limit) fields.push(["limit_price", "Limit", plain(limit)]);
    if (stop) fields.push(["stop_price", "Stop", plain(stop)]);
    const old = Object.fromEntries(fields.map(([name, , value]) => [name, value]));
    const different = (values) => fields.filter(([name]) => values[name] && values[name] !== old[name]);
    const told = (values) => {
      const parts = different(values).map(([name, label]) => `${label.toLowerCase()} ${old[name]} → ${values[name]}`);
      return parts.length ? `Change ${side} ${symbol}: ${parts.join(", ")}?` : "Nothing is different yet: go back and change a figure.";
    };
    this.changing = row.id;
    this.changed = null;
    const typed = this.store.live ? this.store.strip.account.slice(-4) : "";
    this.inline.hidden = false;
    this.question.ask(
      `Change ${row.id}`,
      [
        { text: `Change ${row.id}, ${side} ${symbol}:`, yes: "Review", fields },
        { text: told, yes: "Send the change", danger: true, typed },
      ],
      "Keep as it is",
      (values) => {
        const terms = Object.fromEntries(different(values).map(([name]) => [name, values[name]]));
        if (!Object.keys(terms).length) {
          this.question.tell("Nothing was different, so nothing was sent.", "");
          return;
        }
        this.changed = { id: row.id, from: row.change };
        this.store.change(row.id, terms, values.typed ?? "");
        this.tellChange();
      },
    );
    this.draw();
    this.bringIntoSight(this.rows.indexOf(row), this.inline.offsetHeight);
  }

  /** How the change that was sent stands, in the broker's words where it refused. */
  tellChange() {
    if (!this.changed || !this.question.open) return;
    const { id } = this.changed;
    const row = this.store.row("orders", id);
    const asked = this.store.asked.get(`change ${id}`);
    if (asked.told === "refused") {
      this.question.tell(`Refused: ${asked.reason}`, "bad");
      this.store.refusal = ""; // it is read here
    } else if (asked.told === "waiting") {
      const busy = Date.now() - asked.at > BUSY_AFTER;
      this.question.tell(busy ? "Not answered yet; the kernel may be busy with a cell…" : "Asking…", "");
    } else if (row.change === "refused") this.question.tell(`The broker refused: ${row.note}`, "bad");
    else if (row.change === "done") this.question.tell("Done: the broker shows the order on its new terms.", "ok");
    else this.question.tell("Sent; the broker has not answered yet…", "");
  }

  endChange() {
    this.changing = this.changed = null;
    this.inline.hidden = true;
    this.focus();
  }

  focus() {
    this.draw();
    this.scroll.focus({ preventScroll: true });
  }

  bringIntoSight(place, extra = 0) {
    const top = place * ROW;
    const height = this.scroll.clientHeight - ROW;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    if (top + ROW + extra > this.scroll.scrollTop + height) this.scroll.scrollTop = top + ROW + extra - height;
  }

  move(step) {
    const place = this.rows.findIndex((row) => row.id === this.selected);
    const next = Math.min(this.rows.length - 1, Math.max(0, place + step));
    if (next < 0) return;
    this.selected = this.rows[next].id;
    this.asking = null;
    this.bringIntoSight(next);
    this.focus();
    this.view.follow();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest(".tkb-head")) {
      this.headKey(event);
      return;
    }
    if (event.target !== this.scroll && event.key !== "Escape") return; // a button's own keys
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: MOST_VISIBLE, PageUp: -MOST_VISIBLE, Home: -1e9, End: 1e9 };
    if (event.key in moves) this.move(moves[event.key]);
    else if (event.key === "c") this.askCancel(this.selectedRow());
    else if (event.key === "e") this.askChange(this.selectedRow());
    else if (event.key === "Enter") this.view.open(this.selectedRow());
    else if (event.key === "/") this.view.filter.focus();
    else if (event.key === "Escape") this.view.escape();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Headings are one stop of the tabulator; arrows go from one to the next. */
  headKey(event) {
    const presses = [...this.head.querySelectorAll("button")];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = presses[(presses.indexOf(document.activeElement) + step + presses.length) % presses.length];
    for (const press of presses) press.tabIndex = press === next ? 0 : -1;
    next.focus();
    event.preventDefault();
  }
}
