// The protocol sessions: the last ones, and the lines of the one that is looked at.
import { api } from "./api.js";
import { byId, h, keyed, onceAFrame, say } from "./dom.js";
import { explain } from "./protocol.js";
import { duration, family, several, time } from "./words.js";

const most = 100;
const mostLines = 400;
const sessions = new Map();
/** Lines that came live, by session; what was missed is asked for when a session is looked at. */
const lines = new Map();
let chosen = null;
let left = { lines: 0, sessions: 0 };
let following = true;

export function start() {
  byId("session-role").addEventListener("change", () => {
    chosen = null;
    draw();
  });
  byId("session-follow").addEventListener("click", () => {
    following = !following;
    byId("session-follow").setAttribute("aria-pressed", following);
    draw();
  });
}

export function reset() {
  sessions.clear();
  lines.clear();
  chosen = null;
  left = { lines: 0, sessions: 0 };
  say(byId("session-dropped"), "");
  for (const part of ["transcript-title", "transcript-facts", "transcript-lines"]) byId(part).replaceChildren();
  draw();
}

/** The last sessions, also those that nobody watched. */
export async function ask() {
  try {
    for (const session of (await api.sessions()).sessions) if (!sessions.has(session.id)) sessions.set(session.id, session);
    draw();
  } catch (problem) {
    say(byId("session-empty"), problem.message);
  }
}

export function put(session) {
  sessions.set(session.id, session);
  if (sessions.size > most) {
    const others = [...sessions.values()].filter((other) => other.id !== chosen);
    const { id } = others.reduce((a, b) => (a.openedAt < b.openedAt ? a : b));
    sessions.delete(id);
    lines.delete(id);
  }
  draw();
}

/** How many are kept, sessions and transcripts; for tests. */
export const kept = () => [sessions.size, lines.size];

/** What was left out for want of speed is counted. */
export function dropped(more) {
  left = { lines: left.lines + more.lines, sessions: left.sessions + more.sessions };
  say(byId("session-dropped"), `Too much at once: ${several(left.lines, "line")} and ${several(left.sessions, "session")} are not shown.`);
}

export function line(one) {
  if (!sessions.has(one.session)) return;
  const kept = lines.get(one.session) ?? [];
  if (kept.some((other) => other.n === one.n)) return;
  kept.push(one);
  if (kept.length > mostLines) kept.shift();
  lines.set(one.session, kept);
  draw();
}

const shown = () => {
  const role = byId("session-role").value;
  return [...sessions.values()]
    .filter((session) => !role || family(session.role) === role)
    .sort((a, b) => (a.openedAt < b.openedAt ? 1 : -1));
};

const draw = onceAFrame(() => {
  const list = shown();
  byId("session-empty").hidden = list.length > 0;
  if (following) {
    const newest = list.find((session) => lines.has(session.id) || session.lines > 0);
    if (newest && newest.id !== chosen) choose(newest.id);
  }
  keyed(byId("session-list"), list.slice(0, 30), (session) => session.id, row, fill);
  drawTranscript();
});

function row(session) {
  return h("li", {}, h("button", { type: "button", click: () => { stopFollowing(); choose(session.id); byId("transcript-title").focus(); } },
    h("span", { class: "chip", "data-family": family(session.role) }, session.role),
    h("span", { class: "words" }), h("span", { class: "when" }, time(session.openedAt))));
}

function fill(element, session) {
  const button = element.firstElementChild;
  button.setAttribute("aria-pressed", session.id === chosen);
  element.dataset.state = session.state;
  const account = session.account ? `${session.account} from ` : session.role === "relay" ? "to " : "from ";
  const end = session.state === "open" ? "open now" : `${duration(session.durationSeconds)}, ended: ${session.reason}`;
  say(button.querySelector(".words"), `${account}${session.peer}, ${session.secure ? "TLS" : "clear text"}, ${end}`);
}

function stopFollowing() {
  following = false;
  byId("session-follow").setAttribute("aria-pressed", "false");
}

async function choose(id) {
  chosen = id;
  byId("transcript-lines").replaceChildren();
  draw();
  try {
    const known = await api.session(id);
    if (!sessions.has(id)) return;
    const all = new Map([...known.lines, ...(lines.get(id) ?? [])].map((one) => [one.n, one]));
    lines.set(id, [...all.values()].sort((a, b) => a.n - b.n).slice(-mostLines));
    draw();
  } catch {
    // The summary may still be known though the lines are not: what we have is shown.
  }
}

function drawTranscript() {
  const session = sessions.get(chosen);
  byId("transcript").hidden = !session;
  if (!session) return;
  say(byId("transcript-title"), `${session.role} ${session.role === "relay" ? "to" : "with"} ${session.peer}`);
  say(byId("transcript-facts"),
    `${several(session.bytesIn, "byte")} in, ${several(session.bytesOut, "byte")} out, ${several(session.roundTrips, "round trip")}`
    + `${session.account ? `, logged in as ${session.account}` : ""}. C: is the client, S: the server. Secrets and mail are only lengths.`);
  const kept = lines.get(chosen) ?? [];
  const list = byId("transcript-lines");
  const atEnd = list.scrollTop + list.clientHeight > list.scrollHeight - 40;
  keyed(list, kept.length ? kept : [nothing], (one) => one.n, (one) => lineOf(one, family(session.role)), () => {});
  if (atEnd) list.scrollTop = list.scrollHeight;
}

const nothing = { n: 0, kind: "state", text: "No lines were kept: a session is told line by line only while somebody watches." };

function lineOf(one, protocol) {
  if (one.kind === "line") {
    const note = explain(protocol, one.direction, one.text);
    return h("li", { class: one.direction },
      h("span", { class: "side" }, one.direction === "client" ? "C: " : "S: "),
      h("code", {}, one.text),
      note ? h("span", { class: "note" }, note.text, " ",
        note.link ? h("a", { href: note.link, target: "_blank", rel: "noreferrer noopener" }, note.source) : note.source) : "");
  }
  if (one.kind === "tls") return handshake(one);
  return h("li", { class: one.kind }, one.kind === "login" ? `logged in as ${one.text}` : one.text);
}

function handshake({ text, tls }) {
  const facts = [
    ["offered versions", tls.offeredVersions.join(", ")],
    ["offered suites", tls.offeredSuites.join(", ")],
    ["server name (SNI)", tls.serverName],
    ["ALPN", tls.offeredProtocols.join(", ")],
    ["certificates", tls.chain.join(" ← ")],
    ["resumed", tls.resumed ? "yes" : "no"],
    ["took", duration(tls.seconds)],
  ];
  return h("li", { class: "tls" }, h("details", {}, h("summary", {}, `🔒 ${text}`),
    h("dl", { class: "facts" }, facts.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]).flat())));
}
