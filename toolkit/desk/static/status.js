// What the strip and the notices say. State is told by word and shape, never by colour alone.

const SLOW = 500; // ms of engine lag from which it is a warning

/** [name, tone, label, text, title] of each item of the strip. */
function stripItems(store) {
  const { strip, closed } = store;
  const part = (up, word) => `${up ? "●" : "✕"} ${word} ${up ? "up" : "DOWN"}`;
  const up = strip.gateway && strip.broker;
  const link = closed
    ? "closed"
    : `${part(strip.gateway, "gateway")} · ${part(strip.broker, "broker")} · ${part(up && !strip.data, "data")}`;
  const event = strip.last_event === null ? "none yet" : `${utc(strip.last_event)}, ${age(store.now() - strip.last_event)} ago`;
  const items = [
    ["account", "account", "", `${strip.account} ${strip.mode}`, "The account, and whether its money is real"],
    ["link", closed ? "" : up && !strip.data ? "ok" : "bad", "Link", link, strip.address],
  ];
  if (!closed) {
    items.push(["gate", strip.gate ? "bad" : "ok", "Gate", strip.gate ? `✕ closed: ${strip.gate}` : "● open", strip.why]);
    items.push(["control", strip.control ? "bad" : "", "Control", strip.control || "ACTIVE", strip.control_told]);
    if (strip.armed) items.push(["armed", "bad", "Armed until", utc(strip.armed), "Live orders may go"]);
    else if (store.live) items.push(["armed", "", "", "Not armed", strip.armed_told && `Was armed until ${strip.armed_told}`]);
  }
  items.push(["unknown", strip.unknown ? "bad" : "", "Unknown", `${strip.unknown ? "? " : ""}${strip.unknown}`, "Orders of which nobody can tell what became"]);
  items.push(["event", "", closed ? "As of" : "Last event", closed ? utc(strip.now, true) : event, ""]);
  if (!closed) items.push(["lag", strip.lag > SLOW ? "bad" : "", "Engine lag", `${strip.lag} ms`, "How long the engine took to turn to us"]);
  return items;
}

/** Sentences about what is not as it should be, with what to do: {tone, text, dismiss}. */
function notices(store) {
  const { strip } = store;
  const told = [];
  const say = (text, tone = "bad", dismiss = null) => told.push({ tone, text, dismiss });
  const asOf = utc(strip.now, true);
  if (store.stale) {
    say(`STALE: nothing heard since ${utc(store.heardAt - store.skew, true)}. What you see may be wrong; if it lasts, run toolkit orders in a terminal.`);
  }
  if (store.killedAt > 0 && Date.now() - store.killedAt > BUSY_AFTER) {
    say("The kill is not confirmed yet; toolkit kill in a terminal works whatever the kernel does.");
  }
  if (store.fault || strip.error) say(store.fault || strip.error, store.closed && !store.fault ? "" : "bad");
  if (store.closed) {
    say(`The desk is closed. What you see is how things stood at ${asOf}; toolkit.connect() opens it again.`, "");
    return told;
  }
  if (!strip.gateway) {
    const since = strip.down_since ? ` since ${strip.down_since.slice(0, 19).replace("T", " ")} UTC` : "";
    say(`DISCONNECTED from ${strip.address}${since}: orders, fills and positions are as of then. The engine tries again by itself.`);
  } else if (!strip.broker) {
    say("The gateway has lost the broker: orders, fills and positions are as they were. Nothing new is sent until it is back.");
  }
  if (strip.data) say(`No quote can be trusted: the data farm ${strip.data} is out of reach.`);
  if (strip.gate && strip.gateway && strip.why !== strip.error) say(`No order goes out: ${strip.why}`);
  else if (strip.control && !strip.gate) say(`${strip.control_told}; toolkit resume ends that.`);
  if (strip.unknown) {
    const first = store.rows(TABS[0])[0]?.id ?? "INTENT_ID";
    say(
      `${plural(strip.unknown, "order")} unknown: nobody can tell what became of ${strip.unknown === 1 ? "it" : "them"}, so risk counts ` +
        `${strip.unknown === 1 ? "it" : "them"} as open. The broker is asked again and again; when TWS shows you the truth, close the desk and settle it: ` +
        `toolkit resolve ${first} --as cancelled --reason "…"`,
    );
  }
  for (const [symbol, why] of Object.entries(strip.locked)) say(`${symbol} is locked: ${why}`);
  if (store.refusal) {
    say(store.refusal, "bad", () => {
      store.refusal = "";
    });
  }
  return told;
}
