// Who is logged in, the stream, and what of it goes where.
import { api, openStream } from "./api.js";
import { byId, say } from "./dom.js";
import * as mails from "./mails.js";
import * as path from "./path.js";
import * as queues from "./queues.js";
import * as sessions from "./sessions.js";

/** After a refusal, before the stream is asked for again. */
const pause = 5000;

let close = () => {};
let readings = [];
let again;

/** Nothing of one login is left for the next. */
function reset() {
  clearTimeout(again);
  close();
  mails.reset();
  sessions.reset();
  queues.reset();
  readings = [];
}

function showLogin(words = "") {
  reset();
  byId("login").hidden = false;
  byId("page").hidden = byId("who").hidden = byId("live").hidden = true;
  say(byId("login-problem"), words);
  say(byId("health"), "");
  byId("user").focus();
}

function showPage({ role, name }) {
  byId("login").hidden = true;
  byId("page").hidden = byId("who").hidden = byId("live").hidden = false;
  say(byId("name"), name);
  for (const element of document.querySelectorAll("[data-role]")) element.hidden = element.dataset.role !== role;
  reset();
  sessions.ask();
  open();
}

function open() {
  close();
  close = openStream({
    overview: showOverview,
    mail: mails.put,
    session: sessions.put,
    line: sessions.line,
    dropped: sessions.dropped,
    parked: queues.showParked,
  }, showState);
}

function showOverview(overview) {
  say(byId("health"), path.summary(overview));
  byId("health").dataset.state = !overview.ready ? "bad" : overview.degraded.length ? "fair" : "good";
  path.show(overview, rate(overview));
  queues.show(overview);
}

/** Accepted mails a second over the last readings: the daemons count on, and report every few seconds. */
function rate(overview) {
  if (!overview.totals) return null;
  readings.push({ at: Date.parse(overview.at) / 1000, accepted: overview.totals.accepted });
  while (readings.at(-1).at - readings[0].at > 20) readings.shift();
  const seconds = readings.at(-1).at - readings[0].at;
  return seconds > 0 ? Math.max(0, (readings.at(-1).accepted - readings[0].accepted) / seconds) : 0;
}

async function showState(state) {
  byId("live").dataset.state = state;
  say(byId("live"), state === "live" ? "live" : "connecting again …");
  if (state !== "ended") return;
  // Refused may mean logged out, too many streams, or that a server behind this one is away: only the first is an end.
  let words = "perhaps too many pages are open";
  try {
    await api.me();
  } catch (problem) {
    if (problem.status === 401) return showLogin("Your login has ended. Please log in again.");
    words = problem.message;
  }
  say(byId("live"), `not live: ${words}`);
  again = setTimeout(open, pause);
}

async function logIn(event) {
  event.preventDefault();
  const button = event.submitter;
  button.disabled = true;
  say(byId("login-problem"), "");
  try {
    const who = await api.login(byId("user").value.trim(), byId("password").value);
    byId("password").value = "";
    showPage(who);
    byId("main").focus();
  } catch (problem) {
    say(byId("login-problem"), problem.message);
    byId("password").select();
  } finally {
    button.disabled = false;
  }
}

async function logOut() {
  try {
    await api.logout();
    showLogin("You are logged out.");
  } catch (problem) {
    // Whoever leaves a shared computer must know.
    say(byId("live"), `Not logged out: ${problem.message}`);
  }
}

path.start();
mails.start();
sessions.start();
byId("login").addEventListener("submit", logIn);
byId("logout").addEventListener("click", logOut);
api.me().then(showPage, (problem) => showLogin(problem.status === 401 ? "" : problem.message));
