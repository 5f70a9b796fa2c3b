// The drawer of one order: its life step by step, the verdicts of risk, the broker's own words.

class Drawer {
  constructor(host, store, back) {
    this.store = store;
    this.back = back;
    this.id = null;
    this.box = element("section", "tkb-drawer", host, { hidden: "" });
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  show(id) {
    this.id = id;
    this.box.hidden = false;
    this.box.setAttribute("aria-label", `Details of ${id}`);
    this.store.look(id);
    this.draw();
  }

  close() {
    if (this.id === null) return;
    this.id = null;
    this.box.hidden = true;
    this.back();
  }

  /** The order changed: ask again. */
  refresh() {
    if (this.id !== null) this.store.look(this.id);
  }

  draw() {
    if (this.id === null) return;
    const told = this.store.details.get(this.id);
    const row = this.store.row("orders", this.id) ?? this.store.row("refused", this.id);
    const hadFocus = this.box.contains(document.activeElement);
    const unfolded = this.box.querySelector("details")?.open;
    this.box.replaceChildren();
    const head = element("div", "tkb-drawer-head", this.box);
    element("h3", "", head).textContent = row ? `${row.cells[2]} ${row.cells[3]} ${row.cells[1]}` : this.id;
    element("span", "tkb-id", head).textContent = this.id;
    const close = button("Close", "no", "Close the details", head);
    close.addEventListener("click", () => this.close());
    if (hadFocus) close.focus({ preventScroll: true });
    if (!told) {
      element("p", "tkb-empty", this.box).textContent = "Asking the kernel, which may be busy with a cell…";
      return;
    }
    const facts = element("dl", "tkb-facts", this.box);
    for (const [label, text] of told.facts) {
      const fact = element("div", "", facts);
      element("dt", "", fact).textContent = label;
      element("dd", "", fact).textContent = text;
    }
    this.list("Timeline", ["Time", "What happened", "Status after", "In words", "+ ms", "since start, ms"], told.steps.map(
      (step) => [step.at, step.event, step.status, step.detail, ms(step.gap), ms(step.since)],
    ), [4, 5]);
    this.risk(told);
    const raw = element("details", "tkb-raw", this.box);
    raw.open = Boolean(unfolded);
    element("summary", "", raw).textContent = "The facts as they were journaled, the broker's words untouched";
    for (const step of told.steps) {
      const line = element("div", "", raw);
      element("b", "", line).textContent = `${step.event} `;
      element("code", "", line).textContent = step.raw;
    }
  }

  risk(told) {
    element("h4", "", this.box).textContent = "Risk decisions";
    for (const text of [told.passed, ...told.denials]) if (text) element("p", "", this.box).textContent = text;
    if (told.decisions.length) {
      this.list("", ["Check", "Verdict", "Observed", "Limit", "In words", "Intent"], told.decisions.map((one) => [
        one.code, one.passed ? "✓ passed" : "⊘ failed", one.observed, one.limit, one.message, one.intent,
      ]), [2, 3]);
    } else if (!told.passed && !told.denials.length) {
      element("p", "", this.box).textContent = "None yet.";
    }
  }

  list(title, heads, lines, numbers) {
    if (title) element("h4", "", this.box).textContent = title;
    const wrap = element("div", "tkb-list", this.box, { tabindex: "0", role: "group", "aria-label": title || "Checks" });
    const table = element("table", "", wrap);
    const head = element("tr", "", element("thead", "", table));
    heads.forEach((text, place) => {
      element("th", numbers.includes(place) ? "tkb-right" : "", head, { scope: "col" }).textContent = text;
    });
    const body = element("tbody", "", table);
    for (const line of lines) {
      const row = element("tr", "", body);
      line.forEach((text, place) => {
        element("td", numbers.includes(place) ? "tkb-right" : "", row).textContent = text;
      });
    }
  }
}

function ms(value) {
  return value.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
