// The live blotter. Rows come as text and are drawn as text; only those in sight are in the document.

const ROW = 26; // px
const MOST_VISIBLE = 14; // rows before the table scrolls
const STALE_AFTER = 3000; // ms without a message
const KILL_ASKS_FOR = 3000; // ms in which the second press of the kill switch counts
const KERNEL_ANSWERS_IN = 1500; // ms after which a busy kernel is told of
const KERNEL_BUSY_AFTER = 1500; // ms without an answer to a click

const TABS = [
  { name: "Unknown", table: "orders", keep: (row) => row.unknown, only: true },
  { name: "Working", table: "orders", keep: (row) => row.working },
  { name: "All orders", table: "orders", keep: () => true },
  { name: "Fills", table: "fills", keep: () => true },
  { name: "Positions", table: "positions", keep: () => true },
  { name: "Denied & rejected", table: "refused", keep: () => true },
];

const EMPTY = {
  Working: "No working orders. Try desk.buy('SPY', 100, limit=500)",
  "All orders": "No orders yet. Try desk.buy('SPY', 100)",
  Fills: "No fills yet. Try desk.buy('SPY', 100)",
  Positions: "No positions. A fill makes one: try desk.buy('SPY', 100)",
  "Denied & rejected": "Nothing was denied or rejected.",
};

/** What one front end knows: the rows so far, fed by the kernel, shared by all views of the widget. */
class Store {
  constructor(model) {
    this.model = model;
    this.tables = new Map(); // name -> Map(row id -> row)
    this.columns = {};
    this.strip = null;
    this.number = 0;
    this.heardAt = 0;
    this.skew = 0; // ms that our clock is ahead of the engine's
    this.cancels = new Map(); // intent id -> {told, at, reason}
    this.killedAt = 0; // when the switch was pressed here; 0: it was not
    this.flashed = new Map(); // row id -> when it last changed
    this.views = new Set();
    model.on("msg:custom", (message) => this.hear(message));
    model.send({ kind: "hello" });
  }

  hear(message) {
    if (message.kind === "delta" && message.number !== this.number + 1) {
      // Something was missed: what is shown stays, marked stale, until everything has come again.
      this.model.send({ kind: "hello" });
      return;
    }
    this.number = message.number;
    this.heardAt = Date.now();
    this.strip = message.strip;
    this.mark = message.mark;
    this.skew = this.heardAt - message.strip.now;
    if (message.kind === "full") {
      this.columns = message.columns;
      this.tables = new Map(Object.keys(message.columns).map((name) => [name, new Map()]));
    }
    for (const [name, rows] of Object.entries(message.tables)) {
      for (const row of rows) {
        this.tables.get(name).set(row.id, row);
        if (message.kind === "delta") this.flashed.set(name + row.id, this.heardAt);
      }
    }
    for (const answer of message.answers) {
      this.cancels.set(answer.intent_id, { told: answer.told, reason: answer.reason, at: this.heardAt });
    }
    for (const view of this.views) view.update();
  }

  get closed() {
    return this.strip?.link === "closed";
  }

  rows(tab) {
    const rows = [...(this.tables.get(tab.table) ?? new Map()).values()].filter(tab.keep);
    return rows.reverse().sort((a, b) => b.at - a.at);
  }

  ask(intentId) {
    this.cancels.set(intentId, { told: "waiting", reason: "", at: Date.now() });
    this.model.send({ kind: "cancel", intent_id: intentId });
  }

  kill() {
    this.killedAt = Date.now();
    this.model.send({ kind: "kill" });
  }
}

/** One blotter on the page. */
class View {
  constructor(store, root) {
    this.store = store;
    this.root = root;
    this.tab = TABS[1];
    this.selected = null; // row id
    this.asking = null; // intent id whose cancel waits for a yes
    this.drawn = new Map(); // row id -> element
    this.build();
    store.views.add(this);
    this.timer = setInterval(() => this.tick(), 500);
    this.update();
  }

  close() {
    clearInterval(this.timer);
    this.store.views.delete(this);
  }

  build() {
    this.root.classList.add("tkb");
    // JupyterLab's own shortcuts (c copies a cell) must not act on keys that are meant for the table.
    this.root.setAttribute("data-lm-suppress-shortcuts", "true");
    this.hide = element("style", "", this.root);
    const top = element("div", "tkb-top", this.root);
    this.bar = element("div", "tkb-strip", top);
    this.kill = element("button", "tkb-button tkb-kill", top);
    this.kill.addEventListener("click", () => this.pressKill());
    this.tabs = element("div", "tkb-tabs", this.root, { role: "tablist", "aria-label": "Blotter" });
    this.scroll = element("div", "tkb-scroll", this.root, {
      role: "grid",
      tabindex: "0",
      "aria-label": "Orders; arrows move, c cancels the selected order",
    });
    this.head = element("div", "tkb-head tkb-row", this.scroll, { role: "row" });
    this.body = element("div", "tkb-body", this.scroll, { role: "rowgroup" });
    this.empty = element("div", "tkb-empty", this.root);
    this.live = element("div", "tkb-live", this.root, { role: "status", "aria-live": "polite" });
    this.scroll.addEventListener("scroll", () => this.draw());
    this.scroll.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
  }

  update() {
    const { store } = this;
    if (store.mark) this.hide.textContent = hiding(store.mark);
    const tabs = TABS.filter((tab) => !tab.only || store.rows(tab).length > 0);
    if (!tabs.includes(this.tab)) this.tab = tabs[0];
    this.announce(store.rows(TABS[5]).length);
    this.drawTabs(tabs);
    this.rows = store.rows(this.tab);
    this.drawHead();
    this.draw();
    this.tick();
  }

  announce(refusals) {
    if (this.refusals !== undefined && refusals > this.refusals) {
      const newest = this.store.rows(TABS[5])[0];
      this.live.textContent = `${newest.cells[1]} ${newest.cells[6]}: ${newest.note}`;
    }
    this.refusals = refusals;
  }

  drawTabs(tabs) {
    this.tabs.replaceChildren(
      ...tabs.map((tab) => {
        const chosen = tab === this.tab;
        const button = element("button", chosen ? "tkb-tab tkb-chosen" : "tkb-tab", null, {
          role: "tab",
          type: "button",
          "aria-selected": String(chosen),
        });
        button.append(tab.name, element("span", "tkb-count"));
        button.lastChild.textContent = this.store.rows(tab).length.toLocaleString("en-US");
        button.addEventListener("click", () => this.choose(tab));
        return button;
      }),
    );
  }

  choose(tab) {
    this.tab = tab;
    this.asking = null;
    this.scroll.scrollTop = 0;
    this.wipe();
    this.update();
  }

  wipe() {
    this.body.replaceChildren();
    this.drawn.clear();
  }

  drawHead() {
    const columns = this.store.columns[this.tab.table] ?? [];
    if (this.shownColumns === columns) return;
    this.shownColumns = columns;
    this.wipe();
    const template = columns.map((column) => `${column.width}px`).join(" ");
    const width = columns.reduce((sum, column) => sum + column.width, 0);
    this.scroll.style.setProperty("--tkb-columns", template);
    this.scroll.style.setProperty("--tkb-width", `${width}px`);
    this.head.replaceChildren(
      ...columns.map((column) => {
        const cell = element("div", `tkb-cell tkb-${column.kind}`, null, { role: "columnheader" });
        cell.textContent = column.title;
        return cell;
      }),
    );
  }

  draw() {
    const { rows } = this;
    if (!rows) return;
    const none = rows.length === 0;
    this.empty.hidden = !none;
    this.empty.textContent = this.store.strip ? EMPTY[this.tab.name] : "Waiting for the kernel…";
    this.scroll.hidden = none;
    this.scroll.setAttribute("aria-rowcount", String(rows.length + 1));
    this.scroll.style.maxHeight = `${ROW * (MOST_VISIBLE + 1) + 2}px`;
    this.body.style.height = `${ROW * rows.length}px`;
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / ROW) - 2);
    const visible = rows.slice(first, first + MOST_VISIBLE + 5);
    const wanted = new Set(visible.map((row) => row.id));
    for (const [id, line] of this.drawn) {
      if (!wanted.has(id)) {
        line.remove();
        this.drawn.delete(id);
      }
    }
    visible.forEach((row, index) => this.drawRow(row, first + index));
    if (this.selected && this.drawn.has(this.selected)) {
      this.scroll.setAttribute("aria-activedescendant", this.drawn.get(this.selected).id);
    } else {
      this.scroll.removeAttribute("aria-activedescendant");
    }
  }

  drawRow(row, place) {
    const columns = this.store.columns[this.tab.table];
    let line = this.drawn.get(row.id);
    if (!line) {
      line = element("div", "tkb-row", this.body, { role: "row", id: `tkb-${++lines}` });
      line.dataset.id = row.id;
      for (const column of columns) {
        element("div", `tkb-cell tkb-${column.kind}`, line, { role: "gridcell" });
      }
      this.drawn.set(row.id, line);
    }
    line.style.transform = `translateY(${place * ROW}px)`;
    line.setAttribute("aria-rowindex", String(place + 2));
    line.setAttribute("aria-selected", String(row.id === this.selected));
    line.dataset.side = row.side ?? "";
    line.dataset.tone = row.tone ?? "";
    const flash = Date.now() - (this.store.flashed.get(this.tab.table + row.id) ?? 0) < 700;
    line.classList.toggle("tkb-flash", flash);
    columns.forEach((column, index) => this.drawCell(line.children[index], column, row, index));
  }

  drawCell(cell, column, row, index) {
    const text = row.cells[index];
    switch (column.kind) {
      case "fill":
        set(cell, text, `${text} filled`);
        cell.style.setProperty("--tkb-filled", `${Math.min(1, row.filled) * 100}%`);
        break;
      case "status":
        set(cell, `${row.icon} ${text}`, row.note || text);
        break;
      case "age":
        set(cell, row.working && !this.store.closed ? age(this.now() - row.at) : "");
        break;
      case "action":
        this.drawAction(cell, row);
        break;
      case "note":
      case "id":
        set(cell, text, text);
        break;
      default:
        set(cell, text);
    }
  }

  drawAction(cell, row) {
    const cancel = this.store.cancels.get(row.id);
    let state = "none";
    if (this.store.closed) state = "none";
    else if (row.cancellable && this.asking === row.id) state = "ask";
    else if (cancel?.told === "waiting") {
      state = Date.now() - cancel.at > KERNEL_BUSY_AFTER ? "busy" : "waiting";
    } else if (cancel?.told === "refused" && row.working) state = "refused";
    else if (row.working && cancel?.told === "asked" && row.cancellable && row.note) state = "refused";
    else if (row.working && !row.cancellable) state = "waiting";
    else if (cancel?.told === "asked" && !row.working) state = row.tone === "off" ? "done" : "none";
    else if (row.cancellable) state = "offer";
    if (cell.dataset.state === state) return;
    cell.dataset.state = state;
    const parts = {
      none: () => [],
      offer: () => [button("Cancel", "offer", `Cancel ${row.id}`)],
      ask: () => [button("Cancel it", "yes", `Yes, cancel ${row.id}`), button("Keep", "no", `Keep ${row.id}`)],
      waiting: () => ["Cancelling…"],
      busy: () => ["Kernel is busy…"],
      refused: () => [button("Refused · retry", "offer", cancel?.reason || row.note)],
      done: () => ["Cancel done"],
    };
    cell.replaceChildren(...parts[state]());
  }

  /** Two presses within three seconds, because one may be a slip. */
  pressKill() {
    const now = Date.now();
    if (now - (this.killAskedAt ?? 0) < KILL_ASKS_FOR) {
      this.killAskedAt = 0;
      this.store.kill();
    } else {
      this.killAskedAt = now;
    }
    this.tick();
  }

  drawKill(strip) {
    const asking = Date.now() - (this.killAskedAt ?? 0) < KILL_ASKS_FOR;
    const waiting = this.store.killedAt > 0 && !strip.control;
    this.kill.hidden = this.store.closed || Boolean(strip.control);
    this.kill.disabled = waiting;
    this.kill.classList.toggle("tkb-button-yes", asking);
    set(this.kill, waiting ? "Killing…" : asking ? "Press again: cancel all, stop" : "Kill switch", "Cancel our orders, send nothing more");
    if (strip.control) this.store.killedAt = 0;
  }

  tick() {
    const { strip, heardAt } = this.store;
    if (!strip) return;
    this.drawKill(strip);
    const { killedAt } = this.store;
    const unheard = killedAt > 0 && Date.now() - killedAt > KERNEL_ANSWERS_IN;
    const silence = Date.now() - heardAt;
    const { closed } = this.store;
    const stale = silence > STALE_AFTER && !closed;
    this.root.classList.toggle("tkb-stale", stale);
    this.root.classList.toggle("tkb-liveaccount", strip.mode === "LIVE");
    const last = strip.last_event === null ? "no event yet" : `last event ${age(this.now() - strip.last_event)} ago`;
    const items = [
      ["account", `${strip.account} ${strip.mode}`],
      [strip.link === "connected" ? "ok" : "bad", `Link ${strip.link}`, strip.gateway],
      ...(strip.control && !closed ? [["bad", strip.control]] : []),
      ...(unheard ? [["bad", "The kernel is busy and has not heard the kill: run toolkit kill in a terminal"]] : []),
      ...(strip.read_only && !strip.control && !closed ? [["bad", "Orders not allowed"]] : []),
      ["", `${strip.working.toLocaleString("en-US")} working`],
      [strip.unknown ? "bad" : "", `${strip.unknown} unknown`],
      ["", closed ? `as of ${utc(strip.now)} UTC` : last],
      ...(stale ? [["bad", `STALE: nothing heard for ${age(silence)}, since ${utc(heardAt - this.store.skew)} UTC`]] : []),
      ...(strip.error ? [["bad", strip.error]] : []),
    ];
    this.bar.replaceChildren(
      ...items.map(([tone, text, title]) => {
        const item = element("span", `tkb-item tkb-item-${tone}`);
        set(item, text, title);
        return item;
      }),
    );
    for (const row of this.rows ?? []) {
      const line = this.drawn.get(row.id);
      if (!line) continue;
      this.shownColumns.forEach((column, index) => {
        if (column.kind === "age" || column.kind === "action") {
          this.drawCell(line.children[index], column, row, index);
        }
      });
    }
  }

  now() {
    return Date.now() - this.store.skew;
  }

  click(event) {
    const line = event.target.closest(".tkb-row");
    if (!line) return;
    this.selected = line.dataset.id;
    const action = event.target.dataset.action;
    if (action === "offer") this.asking = line.dataset.id;
    if (action === "no") this.asking = null;
    if (action === "yes") this.cancel(line.dataset.id);
    this.draw();
    if (action) this.scroll.focus({ preventScroll: true });
  }

  offers(place) {
    return this.rows[place]?.cancellable && !this.store.closed;
  }

  cancel(intentId) {
    this.asking = null;
    this.store.ask(intentId);
  }

  key(event) {
    const place = this.rows.findIndex((row) => row.id === this.selected);
    const page = MOST_VISIBLE;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (event.key in moves) {
      const next = Math.min(this.rows.length - 1, Math.max(0, place + moves[event.key]));
      this.selected = this.rows[next].id;
      this.asking = null;
      const top = next * ROW;
      const height = this.scroll.clientHeight - ROW;
      if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
      if (top + ROW > this.scroll.scrollTop + height) this.scroll.scrollTop = top + ROW - height;
    } else if (event.key === "c" && !event.ctrlKey && !event.metaKey && this.offers(place)) {
      this.asking = this.selected;
    } else if (event.key === "Escape") {
      this.asking = null;
    } else {
      return;
    }
    event.preventDefault();
    this.draw();
    if (this.asking) this.drawn.get(this.asking)?.querySelector("[data-action=no]")?.focus();
    else this.scroll.focus();
  }
}

let lines = 0;

function element(kind, classes, parent = null, attributes = {}) {
  const made = document.createElement(kind);
  made.className = classes;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.append(made);
  return made;
}

function button(text, action, title) {
  const made = element("button", `tkb-button tkb-button-${action}`, null, { type: "button", title });
  made.setAttribute("aria-label", title);
  made.dataset.action = action;
  made.textContent = text;
  return made;
}

function set(cell, text, title = "") {
  if (cell.textContent !== text) cell.textContent = text;
  if (cell.title !== title) cell.title = title;
}

/** Hide the static table while the live one is on the page. */
function hiding(mark) {
  return `.jp-OutputArea-child:has(.${mark}), .cell-output:has(> .${mark}), .${mark} { display: none; }`;
}

function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function utc(ms) {
  return new Date(ms).toISOString().slice(11, 19);
}

export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.close();
    },
  };
};
