// Asking before something happens to orders. What is dangerous is never focused first.

/**
 * One question after another in one place, until somebody says no or the last one is answered.
 *
 * A step is {text, yes, danger, fields, typed}: `fields` are [name, label, value]; `typed` is the end of
 * the account's name, which must be written down before yes can be pressed.
 */
class Question {
  constructor(host, back) {
    this.host = host;
    this.back = back; // gives the focus back
    this.box = element("form", "tkb-question", host, { hidden: "", novalidate: "" });
    this.box.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.yes && !this.yes.disabled) this.answer();
    });
    this.box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.close();
    });
  }

  get open() {
    return !this.box.hidden;
  }

  ask(label, steps, no, done) {
    Object.assign(this, { steps, no, done, place: 0, values: {} });
    this.box.setAttribute("aria-label", label);
    this.box.hidden = false;
    this.host.hidden = false;
    this.step();
  }

  step() {
    const { text, yes, danger, fields = [], typed = "" } = this.steps[this.place];
    this.box.replaceChildren();
    element("p", "tkb-question-text", this.box).textContent = typeof text === "function" ? text(this.values) : text;
    const inputs = fields.map(([name, label, value]) => this.field(label, value, (entered) => {
      this.values[name] = entered;
    }));
    fields.forEach(([name, , value]) => { this.values[name] ??= value; });
    this.yes = null;
    if (typed) {
      inputs.push(this.field(`Type the last ${typed.length} characters of the account`, "", (entered) => {
        this.values.typed = entered;
        this.yes.disabled = entered !== typed;
      }));
    }
    const keep = button(this.no, "no", this.no, this.box);
    keep.addEventListener("click", () => this.close());
    if (yes) {
      this.yes = button(yes, danger ? "yes" : "offer", yes, this.box);
      this.yes.type = "submit";
      this.yes.disabled = Boolean(typed);
    }
    (inputs[0] ?? keep).focus({ preventScroll: true });
    inputs[0]?.select();
  }

  field(label, value, take) {
    const wrap = element("label", "tkb-field", this.box);
    element("span", "", wrap).textContent = label;
    const input = element("input", "tkb-input", wrap, { type: "text", autocomplete: "off", spellcheck: "false" });
    input.value = value;
    input.addEventListener("input", () => take(input.value.trim()));
    return input;
  }

  answer() {
    if (this.place + 1 < this.steps.length) {
      this.place += 1;
      this.step();
      return;
    }
    this.done(this.values);
  }

  /** Say how it went, with nothing left to answer but that it was read. */
  tell(text, tone) {
    const said = this.box.querySelector(".tkb-told");
    if (said && this.box.children.length === 2) {
      said.className = `tkb-question-text tkb-told tkb-item-${tone}`;
      set(said, text);
      return;
    }
    this.box.replaceChildren();
    element("p", `tkb-question-text tkb-told tkb-item-${tone}`, this.box).textContent = text;
    const close = button("Close", "no", "Close", this.box);
    close.addEventListener("click", () => this.close());
    close.focus({ preventScroll: true });
  }

  close() {
    if (!this.open) return;
    this.box.hidden = true;
    this.host.hidden = true;
    this.box.replaceChildren();
    this.back();
  }
}
