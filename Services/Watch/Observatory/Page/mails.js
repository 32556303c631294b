// The list of mails, and one mail with its whole way.
import { api } from "./api.js";
import { byId, h, keyed, onceAFrame, say } from "./dom.js";
import { move } from "./path.js";
import { bytes, dateAndTime, duration, labels, percent, sender, several, time } from "./words.js";

const most = 500;
const mails = new Map();
/** Mails received before the page was opened are not shown moving. */
let openedAt = Date.now();
let paused = false;
let missed = 0;
let next = null;

export function start() {
  byId("mail-find").addEventListener("input", draw);
  byId("mail-pause").addEventListener("click", pause);
  byId("mail-older").addEventListener("click", older);
}

/** Forgets all; also what is on the screen, which may be somebody else's soon. */
export function reset() {
  byId("mail").close();
  for (const part of ["mail-title", "mail-body"]) byId(part).replaceChildren();
  openedAt = Date.now();
  mails.clear();
  next = null;
  draw();
}

export function put(mail) {
  const known = mails.get(mail.id);
  if (!known && Date.parse(mail.receivedAt) < openedAt - 5000) {
    if (!next || mail.id < next) next = mail.id;
  } else {
    move(mail, known ? known.hops.length : 0);
  }
  mails.set(mail.id, mail);
  if (mails.size > most) mails.delete([...mails.keys()].reduce((a, b) => (a < b ? a : b)));
  if (!paused) draw();
  else if (!known) {
    missed += 1;
    sayPaused();
  }
}

function pause() {
  paused = !paused;
  missed = 0;
  byId("mail-pause").setAttribute("aria-pressed", paused);
  sayPaused();
  draw();
}

function sayPaused() {
  say(byId("mail-pause"), paused ? (missed ? `Go on (${missed} new)` : "Go on") : "Pause");
}

async function older() {
  const button = byId("mail-older");
  button.disabled = true;
  try {
    const page = await api.mails(next);
    for (const mail of page.mails) mails.set(mail.id, mail);
    next = page.next;
    draw();
  } catch (problem) {
    say(button, problem.message);
  } finally {
    button.disabled = false;
  }
}

function wanted() {
  // Mail ids are UUIDs of version 7: their order is that of acceptance.
  const all = [...mails.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  const find = byId("mail-find").value.trim().toLowerCase();
  if (!find) return all;
  return all.filter((mail) =>
    [mail.subject, mail.from, ...mail.to, mail.words, mail.stage, mail.verdict?.label, mail.verdict?.category, mail.id]
      .some((text) => text?.toLowerCase().includes(find)));
}

const draw = onceAFrame(() => {
  const shown = wanted();
  byId("mail-empty").hidden = shown.length > 0;
  say(byId("mail-empty"), mails.size ? "No mail here matches." : "No mail yet. Send one: it appears here while it moves.");
  byId("mail-older").hidden = !next;
  keyed(byId("mail-rows"), shown, (mail) => mail.id, row, fill);
});

function row(mail) {
  return h("tr", {},
    h("td", { class: "received" }, time(mail.receivedAt)),
    h("td", { class: "subject" },
      h("button", { type: "button", class: "link", click: () => open(mail.id) }),
      h("span", { class: "envelope" })),
    h("td", { class: "verdict" }), h("td", { class: "where" }));
}

function fill(element, mail) {
  const mark = `${mail.hops.length} ${mail.stage} ${mail.words} ${mail.verdict?.label}`;
  if (element.dataset.mark === mark) return;
  element.dataset.mark = mark;
  element.dataset.stage = mail.stage;
  say(element.querySelector("button"), mail.subject || "(no subject)");
  const others = mail.recipients - mail.to.length;
  say(element.querySelector(".envelope"),
    `${sender(mail.from)} → ${mail.to.join(", ")}${others > 0 ? ` and ${others} more` : ""}`);
  element.querySelector(".verdict").replaceChildren(...chip(mail.verdict));
  say(element.querySelector(".where"), mail.words);
}

function chip(verdict) {
  if (!verdict) return [h("span", { class: "chip" }, "none yet")];
  return [
    h("span", { class: "chip", "data-label": verdict.label, title: `${percent(verdict.probability)} unwanted` },
      labels[verdict.label] ?? verdict.label),
    verdict.category ? h("span", { class: "chip quiet" }, verdict.category) : "",
  ];
}

async function open(id) {
  const dialog = byId("mail");
  say(byId("mail-title"), mails.get(id)?.subject || "(no subject)");
  byId("mail-body").replaceChildren(h("p", { class: "hint" }, "Reading its history …"));
  dialog.showModal();
  byId("mail-title").focus();
  try {
    const trace = await api.mail(id);
    if (dialog.open) byId("mail-body").replaceChildren(...story(trace));
  } catch (problem) {
    byId("mail-body").replaceChildren(h("p", { class: "problem", role: "alert" }, problem.message));
  }
}

function story({ mail, recipients, events, verdict, copies, work, traceparent }) {
  return [
    facts([
      ["From", sender(mail.from)],
      ["To", recipients.map((one) => one.address + (one.local ? "" : " (elsewhere)")).join(", ")],
      ["Received", `${dateAndTime(mail.receivedAt)}, ${bytes(mail.size)}, by ${mail.origin === "mx" ? "SMTP from another server" : mail.origin}`],
      ["Now", mail.words],
      ["Copies", copies.map((copy) => `${copy.mailbox}, UID ${copy.uid}, ${copy.seen ? "seen" : "unseen"}`).join("; ")],
    ]),
    h("h3", {}, "Verdict"),
    ...judgement(verdict),
    h("h3", {}, "Its way"),
    h("ol", { class: "way" }, events.map((event) => h("li", {},
      h("span", { class: "after" }, `+ ${duration(event.seconds)}`),
      h("span", {}, event.words, event.recipient ? ` (copy ${event.recipient})` : ""),
      h("details", {}, h("summary", {}, "detail"), h("code", {}, JSON.stringify(event.detail, null, 1)))))),
    work.length ? h("h3", {}, "Still to do") : "",
    work.length ? h("ul", { class: "plain" }, work.map((one) => h("li", {}, toDo(one)))) : "",
    h("p", { class: "hint" }, `mail ${mail.id}, trace ${traceparent}; the same on the command line: martlet trace ${mail.id}`),
  ].filter(Boolean);
}

function facts(pairs) {
  return h("dl", { class: "facts" },
    pairs.filter(([, text]) => text).map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]).flat());
}

function judgement(verdict) {
  if (!verdict) return [h("p", {}, "None yet. A mail without a verdict is delivered all the same.")];
  const strongest = Math.max(...verdict.reasons.map((reason) => Math.abs(reason.weight)), 0.1);
  return [
    h("p", {}, ...chip(verdict), ` ${percent(verdict.probability)} unwanted, by version ${verdict.modelVersion} of the model`),
    h("table", { class: "reasons" },
      h("caption", {}, "Reasons, the strongest first: each one's share of the odds"),
      h("tbody", {}, verdict.reasons.map((reason) => h("tr", {},
        h("th", { scope: "row" }, reason.text),
        h("td", {}, bar(reason.weight / strongest),
          h("span", { class: "share" }, `${reason.weight > 0 ? "+" : "−"}${Math.abs(reason.weight).toFixed(2)} ${reason.weight > 0 ? "unwanted" : "wanted"}`)))))),
  ];
}

function bar(share) {
  const element = h("span", { class: "share-bar", "data-side": share > 0 ? "against" : "for", "aria-hidden": "true" });
  element.style.setProperty("--share", Math.abs(share).toFixed(3));
  return element;
}

function toDo(work) {
  const tries = work.attempts ? `, ${several(work.attempts, "try", "tries")} so far` : "";
  const error = work.lastError ? `: ${work.lastError}` : "";
  if (work.parkedAt) return `${work.stage}: parked at ${time(work.parkedAt)}${tries}${error}`;
  return `${work.stage}: next at ${time(work.nextHintAt)}${tries}${error}`;
}
