// What one front end knows: the rows so far, fed by the kernel, shared by all views of the widget.

const TABS = [
  { name: "Unknown", table: "orders", keep: (row) => row.unknown, only: true },
  { name: "Working", table: "orders", keep: (row) => row.working },
  { name: "All orders", table: "orders", keep: () => true },
  { name: "Fills", table: "fills", keep: () => true },
  { name: "Positions", table: "positions", keep: () => true },
  { name: "Denied & rejected", table: "refused", keep: () => true },
];
const WORKING = TABS[1];

class Store {
  constructor(model) {
    this.model = model;
    this.tables = new Map(); // name -> Map(row id -> row)
    this.shown = new Map(); // tab -> Set of row ids that belong in it
    this.columns = {};
    this.quotes = new Map(); // contract number -> [bid, ask, when, delayed]
    this.strip = null;
    this.fault = "";
    this.number = 0;
    this.heardAt = 0;
    this.skew = 0; // ms that our clock is ahead of the engine's
    this.asked = new Map(); // "what intent" -> {told, at, reason}
    this.refusal = ""; // the latest one, until somebody reads it
    this.killedAt = 0; // when the switch was pressed here; 0: it was not
    this.pressHeard = ""; // the latest press that the kernel has
    this.killLine = new KillLine(model);
    this.details = new Map(); // intent id -> what its drawer shows
    this.views = new Set();
    this.wipe();
    model.on("msg:custom", (message) => this.hear(message));
    model.send({ kind: "hello" });
  }

  wipe() {
    this.tables = new Map(Object.keys(this.columns).map((name) => [name, new Map()]));
    this.shown = new Map(TABS.map((tab) => [tab, new Set()]));
    this.quotes = new Map();
  }

  hear(message) {
    if (message.kind === "fault") {
      this.fault = message.text;
      for (const view of this.views) view.tick();
      return;
    }
    if (message.kind === "address") return; // the kill line's
    if (message.kind === "heard") {
      this.pressHeard = message.press;
      return;
    }
    if (message.kind === "detail") {
      this.details.set(message.intent_id, message);
      for (const view of this.views) view.drawer.draw();
      return;
    }
    if (message.kind === "delta" && message.number !== this.number + 1) {
      // Something was missed: what is shown stays, marked stale, until everything has come again.
      this.model.send({ kind: "hello" });
      return;
    }
    this.number = message.number;
    this.heardAt = Date.now();
    this.strip = message.strip;
    this.fault = "";
    this.mark = message.mark;
    this.skew = this.heardAt - message.strip.now;
    if (this.strip.control === "KILLED") this.killedAt = 0;
    if (message.kind === "full") {
      this.columns = message.columns;
      this.wipe();
    }
    for (const [con, quote] of Object.entries(message.quotes)) this.quotes.set(con, quote);
    const changed = this.take(message.tables, message.kind === "delta");
    for (const answer of message.answers) this.answer(answer);
    this.judgeCancels();
    for (const view of this.views) view.update(changed);
  }

  /** Keep rows; "table id" -> places of the cells that are new, where somebody was looking. */
  take(tables, looking) {
    const changed = new Map();
    for (const [name, rows] of Object.entries(tables)) {
      const table = this.tables.get(name);
      for (const row of rows) {
        const before = table.get(row.id);
        if (looking) {
          const places = row.cells.flatMap((cell, place) => (before?.cells[place] === cell ? [] : [place]));
          changed.set(`${name} ${row.id}`, { row, before, places });
        }
        table.set(row.id, row);
        for (const tab of TABS) {
          if (tab.table !== name) continue;
          if (tab.keep(row)) this.shown.get(tab).add(row.id);
          else this.shown.get(tab).delete(row.id);
        }
      }
    }
    return changed;
  }

  answer({ what, intent_id: id, told, reason }) {
    this.asked.set(`${what} ${id}`, { told, reason, at: this.heardAt });
    if (told !== "refused") return;
    if (what === "kill") this.killedAt = 0;
    const named = { cancel: `The cancel of ${id}`, change: `The change of ${id}`, kill: "The kill switch" }[what];
    this.refusal = `${named} was refused: ${reason}`;
  }

  /** A cancel that was asked for and is no longer pending, while its order works, was refused by the broker. */
  judgeCancels() {
    for (const [key, asked] of this.asked) {
      const row = key.startsWith("cancel ") && asked.told === "asked" && this.row("orders", key.slice(7));
      if (!row || !row.working || !row.cancellable) continue;
      Object.assign(asked, { told: "refused", reason: row.note });
      this.refusal = `The broker refused to cancel ${row.id}: ${row.note}`;
    }
  }

  get closed() {
    return Boolean(this.strip?.closed);
  }

  get live() {
    return this.strip?.mode === "LIVE";
  }

  get stale() {
    return this.strip !== null && !this.closed && Date.now() - this.heardAt > STALE_AFTER;
  }

  /** The engine's time. */
  now() {
    return Date.now() - this.skew;
  }

  count(tab) {
    return this.shown.get(tab).size;
  }

  row(table, id) {
    return this.tables.get(table)?.get(id);
  }

  rows(tab) {
    const table = this.tables.get(tab.table);
    return Array.from(this.shown.get(tab), (id) => table.get(id));
  }

  waiting(what, id) {
    const asked = this.asked.get(`${what} ${id}`);
    return asked?.told === "waiting" ? asked : null;
  }

  cancel(ids) {
    for (const id of ids) this.asked.set(`cancel ${id}`, { told: "waiting", reason: "", at: Date.now() });
    this.model.send({ kind: "cancel", intent_ids: ids });
  }

  change(id, terms, typed) {
    this.asked.set(`change ${id}`, { told: "waiting", reason: "", at: Date.now() });
    this.model.send({ kind: "change", intent_id: id, ...terms, typed });
  }

  kill() {
    const pressed = Date.now();
    this.killedAt = pressed;
    this.killLine.press(
      (press) => this.pressHeard === press,
      () => this.strip.control === "KILLED" || this.closed,
      (sentence) => {
        if (this.killedAt !== pressed) return;
        this.killedAt = 0;
        this.refusal = sentence;
        for (const view of this.views) view.tick();
      },
    );
  }

  look(id) {
    this.model.send({ kind: "detail", intent_id: id });
  }
}

const STALE_AFTER = 3000; // ms without a message
const BUSY_AFTER = 1500; // ms without an answer, after which the kernel is called busy
