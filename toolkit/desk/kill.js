// The kill switch: two presses, then the kernel is told, and past a busy kernel the engine itself.

const ASKS_FOR = 3000; // ms in which the second press counts
const KERNEL_HEARS_IN = 400; // ms after which the engine is told directly
const GIVE_UP_AFTER = 4000; // ms after which the terminal is the way

export default () => {
  let address = "";
  let command = "toolkit kill";
  return {
    initialize({ model }) {
      model.on("msg:custom", (message) => {
        if (message.kind !== "address") return;
        ({ address, command } = message);
      });
      model.send({ kind: "hello" });
    },

    render({ model, el }) {
      el.classList.add("tkk");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "tkk-button";
      const words = document.createElement("span");
      words.className = "tkk-words";
      words.setAttribute("role", "status");
      el.append(button, words);
      let askedAt = 0;
      let pressedAt = 0;
      let failed = "";

      const killed = () => model.get("control").startsWith("KILLED");

      const draw = () => {
        const now = Date.now();
        if (killed()) pressedAt = 0;
        const asking = now - askedAt < ASKS_FOR;
        const count = model.get("working");
        const orders = count === 1 ? "1 order" : `${count} orders`;
        button.disabled = killed() || (pressedAt > 0 && !failed);
        button.classList.toggle("tkk-asking", asking);
        button.textContent = killed()
          ? "■ Killed"
          : pressedAt > 0 && !failed
            ? "Killing…"
            : asking
              ? `Press again: cancel ${orders}, send nothing more`
              : "■ Kill switch";
        words.textContent = killed() ? "" : failed || model.get("problem");
      };

      const tellTerminal = (why) => {
        failed = `${why} Run ${command} in a terminal: it works at once.`;
        draw();
      };

      const past = async (press) => {
        if (killed() || model.get("heard") === press) return;
        if (!address) return tellTerminal("The kernel is busy and this button has no other way.");
        try {
          const answer = await fetch(`${address}?press=${press}`, { method: "POST" });
          if (!answer.ok) tellTerminal(await answer.text());
        } catch {
          tellTerminal("The kernel is busy and this browser cannot reach its machine.");
        }
      };

      button.addEventListener("click", () => {
        const now = Date.now();
        if (now - askedAt >= ASKS_FOR) {
          askedAt = now;
        } else {
          const press = [...crypto.getRandomValues(new Uint8Array(8))].map((n) => n.toString(16)).join("");
          askedAt = 0;
          pressedAt = now;
          failed = "";
          model.send({ kind: "kill", press });
          setTimeout(() => past(press), KERNEL_HEARS_IN);
          setTimeout(() => {
            if (pressedAt === now && !failed && !killed()) tellTerminal("Nobody confirmed the kill yet.");
          }, GIVE_UP_AFTER);
        }
        draw();
      });

      for (const name of ["control", "working", "problem"]) model.on(`change:${name}`, draw);
      const timer = setInterval(draw, 500);
      draw();
      return () => clearInterval(timer);
    },
  };
};
