// One blotter on the page: strip, notices, tabs, filter, table, drawer, and the questions before danger.

const EMPTY = {
  Unknown: "No order is unknown.",
  Working: "No working orders. Try desk.buy('SPY', 100, limit=500)",
  "All orders": "No orders yet. Try desk.buy('SPY', 100)",
  Fills: "No fills yet. Try desk.buy('SPY', 100)",
  Positions: "No positions. A fill makes one: try desk.buy('SPY', 100)",
  "Denied & rejected": "Nothing was denied or rejected.",
};

class View {
  constructor(store, root) {
    this.store = store;
    this.root = root;
    this.tab = WORKING;
    this.sorts = new Map(); // tab -> {place, down}
    this.items = new Map(); // name -> element of the strip
    this.tabButtons = new Map();
    this.hidden = 0; // columns there is no room for
    this.build();
    store.views.add(this);
    this.timer = setInterval(() => this.tick(), 500);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(root);
    this.update(new Map());
  }

  end() {
    clearInterval(this.timer);
    this.sizes.disconnect();
    this.store.views.delete(this);
  }

  build() {
    const { root } = this;
    root.classList.add("tkb");
    // JupyterLab's own shortcuts (c copies a cell) must not act on keys that are meant for the table.
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", "Blotter");
    this.hide = element("style", "", root);
    const top = element("div", "tkb-top", root);
    this.strip = element("div", "tkb-strip", top);
    this.killButton = button("Kill switch", "kill", "Kill switch: cancel our orders, send nothing more", top);
    this.killButton.addEventListener("click", () => this.askKill());
    const asks = element("div", "tkb-asks", root, { hidden: "" });
    this.question = new Question(asks, () => this.table.focus());
    this.notices = element("div", "tkb-notices", root);
    const bar = element("div", "tkb-bar", root);
    this.tabs = element("div", "tkb-tabs", bar, { role: "tablist", "aria-label": "Tables" });
    this.tabs.addEventListener("keydown", (event) => this.tabKey(event));
    this.filter = element("input", "tkb-input tkb-filter", bar, {
      type: "search",
      placeholder: "Filter ( / )",
      "aria-label": "Filter the rows: words that must all be in a row",
    });
    this.filter.addEventListener("input", () => this.refilter());
    this.filter.addEventListener("keydown", (event) => this.filterKey(event));
    this.cancelAll = button("Cancel all…", "offer", "Cancel all", bar);
    this.cancelAll.addEventListener("click", () => this.askCancelAll());
    const panel = element("div", "tkb-panel", root, { role: "tabpanel" });
    this.panel = panel;
    this.table = new Table(this, panel);
    this.empty = element("div", "tkb-empty", panel);
    this.drawer = new Drawer(root, this.store, () => this.table.focus());
    this.foot = element("div", "tkb-foot", root);
    this.live = element("div", "tkb-live", root, { role: "status", "aria-live": "polite" });
  }

  get sort() {
    return this.sorts.get(this.tab);
  }

  // --- what is shown -------------------------------------------------------------------------------

  /** The kernel told something: `changed` are the rows that are new. */
  update(changed) {
    const { store } = this;
    if (store.mark) set(this.hide, hiding(store.mark));
    this.announce(changed);
    this.drawTabs();
    this.drawRows();
    this.table.flash(changed);
    if (changed.has(`orders ${this.drawer.id}`)) this.drawer.refresh();
    this.tick();
  }

  drawRows() {
    const { store, tab } = this;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = this.sort && store.columns[tab.table]?.[this.sort.place];
    const kept = words.length ? store.rows(tab).filter((row) => matches(row, words)) : store.rows(tab);
    const rows = sorted(kept, column && sortKey(store, column, this.sort.place), this.sort?.down);
    this.table.show(tab, rows);
    this.table.scroll.setAttribute("aria-label", `${tab.name}; arrows move, Enter opens the details, c cancels, e changes`);
    this.empty.hidden = rows.length > 0;
    const waiting = "Waiting for the kernel, which may be busy with a cell…";
    set(this.empty, !store.strip ? waiting : words.length ? `No row has “${this.filter.value}”. Esc shows all.` : EMPTY[tab.name]);
    const able = tab === WORKING ? rows.filter((row) => row.cancellable).length : 0;
    this.cancelAll.hidden = able === 0 || store.closed;
    set(this.cancelAll, words.length ? `Cancel the ${able} shown…` : `Cancel all ${able.toLocaleString("en-US")}…`);
    this.cancelAll.setAttribute("aria-label", this.cancelAll.textContent);
    const total = store.count(tab);
    const shown = rows.length < total ? `${rows.length.toLocaleString("en-US")} of ${plural(total, "row")}` : plural(total, "row");
    const hidden = this.hidden ? ` · ${plural(this.hidden, "column")} hidden for want of room, see the details` : "";
    set(this.foot, `${shown}${hidden} · ↑ ↓ move · Enter details · c cancel · e change · / filter · Esc close`);
  }

  drawTabs() {
    const { store } = this;
    const tabs = TABS.filter((tab) => !tab.only || store.count(tab) > 0 || tab === this.tab);
    for (const tab of TABS) {
      let press = this.tabButtons.get(tab);
      if (!press) {
        press = element("button", "tkb-tab", null, { role: "tab", type: "button" });
        press.append(`${tab.name} `, element("span", "tkb-count"));
        press.addEventListener("click", () => this.choose(tab));
        this.tabs.append(press);
        this.tabButtons.set(tab, press);
      }
      const chosen = tab === this.tab;
      press.hidden = !tabs.includes(tab);
      press.classList.toggle("tkb-chosen", chosen);
      press.classList.toggle("tkb-alarm", Boolean(tab.only));
      press.setAttribute("aria-selected", String(chosen));
      press.tabIndex = chosen ? 0 : -1;
      set(press.lastChild, store.count(tab).toLocaleString("en-US"));
    }
    this.panel.setAttribute("aria-label", this.tab.name);
  }

  /** Say aloud what a trader must not miss: refusals, unknown orders, a lost link. */
  announce(changed) {
    const said = [];
    for (const [key, { row, before }] of changed) {
      if (key.startsWith("refused ") && !before) said.push(`${row.cells[1]} ${row.cells[6]}: ${row.note}`);
      if (row.unknown && !before?.unknown) said.push(`${row.id} is unknown: ${row.note}`);
    }
    if (said.length) set(this.live, said.slice(0, 3).join(" ") + (said.length > 3 ? ` And ${said.length - 3} more.` : ""));
  }

  tick() {
    const { store } = this;
    const { strip } = store;
    if (!strip) return;
    this.root.classList.toggle("tkb-stale", store.stale);
    this.root.classList.toggle("tkb-offline", !store.closed && !(strip.gateway && strip.broker));
    this.root.classList.toggle("tkb-liveaccount", store.live);
    const killing = store.killedAt > 0;
    this.killButton.hidden = store.closed || strip.control === "KILLED";
    this.killButton.disabled = killing;
    set(this.killButton, killing ? "Killing…" : "Kill switch", this.killButton.title);
    this.table.tick();
    this.table.tellChange();
    this.drawStrip(stripItems(store));
    this.drawNotices(notices(store));
  }

  drawStrip(items) {
    const seen = new Set();
    for (const [name, tone, label, text, title = ""] of items) {
      seen.add(name);
      let item = this.items.get(name);
      if (!item) {
        item = element("span", "tkb-item", this.strip);
        item.dataset.item = name;
        item.append(element("span", "tkb-label"), element("span", "tkb-value"));
        this.items.set(name, item);
      }
      item.hidden = false;
      item.className = `tkb-item tkb-item-${tone}`;
      item.title = title;
      set(item.firstChild, label && `${label} `);
      set(item.lastChild, text);
    }
    for (const [name, item] of this.items) if (!seen.has(name)) item.hidden = true;
  }

  drawNotices(told) {
    const texts = told.map(({ text }) => text);
    if (String(texts) === String([...this.notices.children].map((line) => line.firstChild.textContent))) return;
    const known = this.notices.textContent;
    this.notices.replaceChildren();
    for (const { tone, text, dismiss } of told) {
      const line = element("p", `tkb-notice tkb-item-${tone}`, this.notices);
      element("span", "", line).textContent = text;
      if (dismiss) {
        const close = button("Understood", "no", "Understood", line);
        close.addEventListener("click", () => {
          dismiss();
          this.tick();
        });
      }
      if (tone === "bad" && !known.includes(text.slice(0, 12))) set(this.live, text);
    }
  }

  resize() {
    const before = this.hidden;
    this.table.layOut();
    if (this.hidden !== before || this.table.drawn.size === 0) this.drawRows();
  }

  // --- what a person does --------------------------------------------------------------------------

  choose(tab) {
    this.tab = tab;
    this.table.asking = null;
    this.table.question.close();
    this.table.scroll.scrollTop = 0;
    this.table.wipe();
    this.drawTabs();
    this.drawRows();
    this.table.drawSort();
  }

  tabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const tabs = TABS.filter((tab) => !this.tabButtons.get(tab).hidden);
    this.choose(tabs[(tabs.indexOf(this.tab) + step + tabs.length) % tabs.length]);
    this.tabButtons.get(this.tab).focus();
    event.preventDefault();
  }

  sortBy(place) {
    const { sort } = this;
    if (!sort || sort.place !== place) this.sorts.set(this.tab, { place, down: false });
    else if (!sort.down) this.sorts.set(this.tab, { place, down: true });
    else this.sorts.delete(this.tab);
    this.table.drawSort();
    this.drawRows();
  }

  refilter() {
    this.table.scroll.scrollTop = 0;
    this.drawRows();
  }

  filterKey(event) {
    event.stopPropagation();
    if (event.key === "Escape") {
      this.filter.value = "";
      this.refilter();
      this.table.focus();
    } else if (event.key === "Enter" || event.key === "ArrowDown") {
      this.table.move(1);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The details of a row's order. */
  open(row) {
    if (!row || this.tab.table === "positions") return;
    this.drawer.show(row.intent ?? row.id);
  }

  /** Another row was selected: details that are open become its own. */
  follow() {
    const row = this.table.selectedRow();
    if (this.drawer.id !== null && row && (row.intent ?? row.id) !== this.drawer.id) this.open(row);
  }

  escape() {
    if (this.table.asking) this.table.endAsking();
    else if (this.table.question.open) this.table.question.close();
    else if (this.drawer.id !== null) this.drawer.close();
    else if (this.filter.value) {
      this.filter.value = "";
      this.refilter();
    }
  }

  get typed() {
    return this.store.live ? this.store.strip.account.slice(-4) : "";
  }

  askCancelAll() {
    const ids = this.table.rows.filter((row) => row.cancellable).map((row) => row.id);
    const orders = plural(ids.length, "working order");
    this.question.ask(
      "Cancel all",
      [
        { text: `This asks the broker to cancel ${orders}; what is filled meanwhile stays filled.`, yes: "Go on…" },
        { text: `Really cancel ${orders} of ${this.store.strip.account}, ${this.store.strip.mode}?`, yes: `Cancel ${orders}`, danger: true, typed: this.typed },
      ],
      "Keep them",
      () => {
        this.store.cancel(ids);
        this.question.close();
      },
    );
  }

  askKill() {
    const { strip } = this.store;
    const orders = plural(strip.working, "working order");
    this.question.ask(
      "Kill switch",
      [
        { text: `The kill switch cancels ${orders} of ours and lets nothing more out until somebody resumes.`, yes: "Go on…" },
        { text: `Really kill ${strip.account}, ${strip.mode}, with ${orders}?`, yes: "Kill: cancel all, stop", danger: true, typed: this.typed },
      ],
      "Keep trading",
      () => {
        this.store.kill();
        this.question.close();
        this.tick();
      },
    );
  }
}

/** Hide the static table while the live one is on the page. */
function hiding(mark) {
  return `.jp-OutputArea-child:has(.${mark}), .cell-output:has(> .${mark}), .${mark} { display: none; }`;
}
