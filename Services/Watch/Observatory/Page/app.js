// Who is logged in, the stream, and what of it goes where.
import { api, openStream } from "./api.js";
import { byId, say } from "./dom.js";
import * as mails from "./mails.js";
import * as path from "./path.js";
import * as queues from "./queues.js";
import * as sessions from "./sessions.js";

let close = () => {};
let readings = [];

function showLogin(words = "") {
  close();
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
  mails.reset();
  sessions.reset();
  readings = [];
  close();
  close = openStream({
    overview: showOverview,
    mail: mails.put,
    session: sessions.put,
    line: sessions.line,
    parked: queues.showParked,
  }, showState);
}

function showOverview(overview) {
  path.show(overview, rate(overview));
  queues.show(overview);
  say(byId("health"), path.summary(overview));
  byId("health").dataset.state = !overview.ready ? "bad" : overview.degraded.length ? "fair" : "good";
}

/** Accepted mails a second over the last readings: the daemons count on, and report every few seconds. */
function rate(overview) {
  if (!overview.totals) return null;
  readings.push({ at: Date.parse(overview.at) / 1000, accepted: overview.totals.accepted });
  while (readings.at(-1).at - readings[0].at > 20) readings.shift();
  const seconds = readings.at(-1).at - readings[0].at;
  return seconds > 0 ? Math.max(0, (readings.at(-1).accepted - readings[0].accepted) / seconds) : 0;
}

async function showState(state, reason) {
  byId("live").dataset.state = state;
  say(byId("live"), state === "live" ? "live" : "connecting again …");
  if (state !== "ended") return;
  // Refused may mean logged out, or too many streams: the server knows.
  try {
    await api.me();
    say(byId("live"), "not live: too many pages are open");
  } catch (problem) {
    showLogin(reason === "expired" || problem.status === 401 ? "Your login has ended. Please log in again." : problem.message);
  }
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
    showLogin(problem.message);
  }
}

path.start();
mails.start();
sessions.start();
byId("login").addEventListener("submit", logIn);
byId("logout").addEventListener("click", logOut);
api.me().then(showPage, (problem) => showLogin(problem.status === 401 ? "" : problem.message));
