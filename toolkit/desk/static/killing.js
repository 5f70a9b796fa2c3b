// How a press reaches the kill switch: the kernel is told, and past a busy kernel the engine itself.

const KERNEL_HEARS_IN = 400; // ms after which the engine is told directly
const GIVE_UP_AFTER = 4000; // ms after which the terminal is the way

class KillLine {
  constructor(model) {
    this.model = model;
    this.address = "";
    this.command = "toolkit kill";
    model.on("msg:custom", (message) => {
      if (message.kind === "address") ({ address: this.address, command: this.command } = message);
    });
  }

  /**
   * Kill, once, whichever way it gets through.
   * `heard(press)` says whether the kernel has this press, `killed()` whether it is done,
   * `failed(sentence)` is told when a person must go another way.
   */
  press(heard, killed, failed) {
    const press = [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16)).join("");
    const terminal = (why) => failed(`${why} Run ${this.command} in a terminal: it works at once.`);
    this.model.send({ kind: "kill", press });
    setTimeout(() => killed() || heard(press) || this.goPast(press, terminal), KERNEL_HEARS_IN);
    setTimeout(() => killed() || terminal("Nobody confirmed the kill yet."), GIVE_UP_AFTER);
  }

  async goPast(press, terminal) {
    if (!this.address) return terminal("The kernel is busy and this button has no other way.");
    try {
      const answer = await fetch(`${this.address}?press=${press}`, { method: "POST" });
      if (!answer.ok) terminal(await answer.text());
    } catch {
      terminal("The kernel is busy and this browser cannot reach its machine.");
    }
  }
}
