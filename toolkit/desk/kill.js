// The kill switch: two presses, because one may be a slip.

const ASKS_FOR = 3000; // ms in which the second press counts

export default () => {
  let line;
  return {
    initialize({ model }) {
      line = new KillLine(model);
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

      const fail = (pressed) => (sentence) => {
        if (pressedAt !== pressed || failed) return;
        failed = sentence;
        draw();
      };

      button.addEventListener("click", () => {
        const now = Date.now();
        if (now - askedAt >= ASKS_FOR) {
          askedAt = now;
        } else {
          askedAt = 0;
          pressedAt = now;
          failed = "";
          line.press((press) => model.get("heard") === press, killed, fail(now));
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
