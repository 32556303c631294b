// What waits, who works, and what was given up for now.
import { api } from "./api.js";
import { byId, h, keyed, say } from "./dom.js";
import { bytes, dateAndTime } from "./words.js";

export function reset() {
  show({ stages: [], queues: [], daemons: [] });
  showParked({ parked: [] });
  say(byId("parked-said"), "");
}

export function show(overview) {
  words(byId("stage-words"), overview.stages, (one) => one.stage, (one) => one.words, (one) => one.parked > 0);
  words(byId("queue-words"), overview.queues, (one) => one.queue, (one) => `${one.queue}: ${one.words}`,
    (one) => one.messages > 0 && one.consumers === 0);
  words(byId("daemon-words"), overview.daemons, (one) => `${one.daemon} ${one.instance}`,
    (one) => `${one.daemon} on ${one.host}: ${one.ready ? "ready" : one.reasons.join(", ")}, ${bytes(one.rss)}, since ${dateAndTime(one.startedAt)}`,
    (one) => !one.ready);
}

function words(list, items, key, text, troubled) {
  keyed(list, items, key, () => h("li"), (element, item) => {
    say(element, text(item));
    element.classList.toggle("troubled", troubled(item));
  });
}

export function showParked({ parked, mayRetry }) {
  byId("parked").hidden = parked.length === 0;
  keyed(byId("parked-list"), parked, (one) => `${one.mail} ${one.stage} ${one.recipient}`, (one) => parkedRow(one, mayRetry),
    (element, one) => say(element.querySelector(".words"), one.words));
}

function parkedRow(one, mayRetry) {
  const name = one.subject || "(no subject)";
  return h("li", {},
    h("div", {}, h("strong", {}, name), ` from ${one.from || "the mail system"}`, h("br"),
      h("span", { class: "words" }), h("br"), h("span", { class: "hint" }, one.reason ?? "")),
    mayRetry ? h("button", { type: "button", "aria-label": `Try again: ${name}`, click: (event) => retry(event.currentTarget, one) }, "Try again") : "");
}

async function retry(button, one) {
  button.disabled = true;
  try {
    const { retried } = await api.retry(one.mail);
    say(byId("parked-said"), `Trying again: ${one.subject || one.mail} (${retried} ${retried === 1 ? "piece" : "pieces"} of work).`);
  } catch (problem) {
    say(byId("parked-said"), problem.message);
    button.disabled = false;
  }
}
