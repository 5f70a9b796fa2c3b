// Small helpers: elements, texts, times. Text is always set as text, never as markup.

function element(kind, classes, parent = null, attributes = {}) {
  const made = document.createElement(kind);
  if (classes) made.className = classes;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.append(made);
  return made;
}

/** A button that says what it does; `label` says it in full where the text is short. */
function button(text, action, label = text, parent = null) {
  const made = element("button", `tkb-button tkb-button-${action}`, parent, { type: "button", title: label });
  if (label !== text) made.setAttribute("aria-label", label);
  made.dataset.action = action;
  made.textContent = text;
  return made;
}

/** Write only what differs, so that nothing flickers and no selection is lost. */
function set(node, text, title = "") {
  if (node.textContent !== text) node.textContent = text;
  if (node.title !== title) node.title = title;
}

function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** Time of day, UTC; with the date where `full`. */
function utc(ms, full = false) {
  const text = new Date(ms).toISOString();
  return `${full ? `${text.slice(0, 10)} ` : ""}${text.slice(11, 19)} UTC`;
}

function plain(text) {
  return text.replaceAll(",", "");
}

function plural(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/** Whether the person at the screen asked for less motion. */
function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
