// The picture: stations of a mail, and the mails that move between them.
import { byId, h, say } from "./dom.js";
import { duration, several } from "./words.js";

const stations = [
  { id: "accept", title: "Accept", daemon: "smtpd", what: "SMTP in, committed before 250", counted: "accepted" },
  { id: "classify", title: "Classify", daemon: "classifyd", what: "verdict with reasons", stage: "classify" },
  { id: "file", title: "File", daemon: "filerd", what: "Inbox or Junk", stage: "file" },
  { id: "read", title: "Read", daemon: "accessd", what: "IMAP and POP3", counted: "filed" },
  { id: "relay", title: "Relay", daemon: "relayd", what: "to the servers of the world", stage: "relay" },
];

/** Where a mail is after an event of its history; an event that is not here (parked, notified) moves it nowhere. */
const after = { accepted: "accept", classified: "classify", unclassified: "classify", filed: "read", discarded: "file",
  appended: "read", relabelled: "read", relayed: "relay", deferred: "relay", undeliverable: "relay" };

const mostTokens = 24;
const hopMilliseconds = 700;
const still = matchMedia("(prefers-reduced-motion: reduce)");

let moving = 0;

export function start() {
  byId("stations").replaceChildren(...stations.map((station) => h("li", { class: "station", "data-station": station.id },
    h("span", { class: "title" }, station.title),
    h("span", { class: "count" }, "–"),
    h("span", { class: "words" }, ""),
    h("span", { class: "daemon" }, station.daemon, h("span", { class: "what" }, `: ${station.what}`)))));
}

export function show(overview, rate) {
  for (const station of stations) {
    const element = elementOf(station.id);
    const [count, words] = station.stage ? waiting(overview, station.stage) : passed(overview, station.counted);
    say(element.querySelector(".count"), count);
    say(element.querySelector(".words"), words);
    const daemons = overview.daemons.filter((daemon) => daemon.daemon === station.daemon);
    const absent = overview.daemons.length > 0 && daemons.length === 0;
    const unready = daemons.length > 0 && !daemons.some((daemon) => daemon.ready);
    element.classList.toggle("troubled", absent || unready);
    if (absent) say(element.querySelector(".words"), `no ${station.daemon} is running`);
  }
  say(byId("rate"), rate == null ? "" : rate < 0.05 ? "quiet" : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} mails a second`);
}

function waiting(overview, name) {
  const stage = overview.stages.find((one) => one.stage === name);
  // The numbers are null while the database does not answer.
  if (stage?.count == null) return ["–", stage?.words ?? ""];
  const oldest = stage.oldestSeconds == null ? "nothing waits" : `waiting, oldest ${duration(stage.oldestSeconds)}`;
  return [stage.count.toLocaleString("en"), stage.parked > 0 ? `${oldest}; ${stage.parked} parked` : oldest];
}

function passed(overview, counter) {
  if (!overview.totals) return ["✓", counter];
  return [overview.totals[counter].toLocaleString("en"), `${counter} since the start`];
}

const elementOf = (id) => byId("stations").querySelector(`[data-station="${id}"]`);

/** Lets a mail travel along the hops that are new to us. */
export function move(mail, knownHops) {
  const stops = mail.hops.slice(knownHops).map((hop) => after[hop.event]).filter(Boolean);
  const before = knownHops > 0 ? after[mail.hops[knownHops - 1].event] : null;
  const way = [before, ...stops].filter((stop, index, all) => stop && stop !== all[index - 1]);
  if (way.length === 0 || still.matches || document.hidden || moving >= mostTokens) return;
  const path = way.flatMap((stop, index) => (stop === "read" && way[index - 1] !== "file" ? ["file", stop] : [stop]));
  travel(mail, path);
}

async function travel(mail, path) {
  const frame = byId("path").getBoundingClientRect();
  const places = path.map((id) => {
    const box = elementOf(id).getBoundingClientRect();
    return { x: box.left - frame.left + box.width / 2, y: box.top - frame.top + 14 };
  });
  const label = mail.verdict?.label;
  const token = h("span", { class: "token", "data-label": label }, mail.subject ? mail.subject.slice(0, 18) : "✉");
  byId("tokens").append(token);
  moving += 1;
  const frames = places.flatMap((place) => {
    const transform = `translate(${place.x}px, ${place.y}px) translate(-50%, -50%)`;
    return [{ transform, opacity: 1 }, { transform, opacity: 1 }];
  });
  frames.push({ ...frames.at(-1), opacity: 0 });
  try {
    await token.animate(frames, { duration: hopMilliseconds * Math.max(places.length, 1.5), easing: "ease-in-out" }).finished;
  } finally {
    token.remove();
    moving -= 1;
  }
}

export const summary = (overview) =>
  overview.words || (overview.ready ? "Ready" : `Not ready: ${overview.reasons.join(", ") || several(0, "reason")}`);
