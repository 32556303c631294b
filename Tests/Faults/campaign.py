"""Rounds: a load on fresh accounts, faults in it, then quiet, then the account. The campaign keeps the table."""
import os, pathlib, random, shutil, subprocess, sys, time, traceback
from account import Account, collect, same_by_pop3
from ledger import Ledger, Mail
from load import Load
from sinks import Host
from system import DAEMONS, Skip
from wire import IMAP, SMTP, Gone, content, new_token

FAULTS = {}


def fault(name, title, rounds, short=None, seconds=600):
    """Registers a fault: how often in the whole campaign, how often in the short form (None: not in it), and its time limit."""
    def register(function):
        FAULTS[name] = Fault(name, title, rounds, short, seconds, function)
        return function
    return register


class Fault:
    def __init__(self, name, title, rounds, short, seconds, function):
        self.name, self.title, self.rounds, self.short, self.seconds, self.function = name, title, rounds, short, seconds, function


class Round:
    """`with campaign.round("F1") as r:` has the load running; at its end come quiet, the sinks and the account."""

    def __init__(self, campaign, name, quiet=90, allowed_repeats=0, database_lost=False, host=True, hooks=None, users=4, machines=None, **load):
        self.campaign, self.system, self.name, self.quiet_limit, self.allowed_repeats = campaign, campaign.system, name, quiet, allowed_repeats
        self.database_lost = database_lost
        self.machines = machines or [self.system]  # which the clients talk to; each has a load of its own
        self.folder = campaign.folder / f"{name}-{len(campaign.rows)}-{new_token()[:4]}"
        self.folder.mkdir(parents=True)
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        self.accounts = [self.system.new_account(f"{name.lower()}-{number}") for number in range(users)]
        self.maildrop = self.system.new_account(f"{name.lower()}-pop")
        self.alias = f"all-{new_token()[:8]}@{self.system.domain}"
        self.host = Host(self.machines[0].world, self.system.relay_port, self.folder / "host", **(hooks or {})) if host else None
        if host:
            self.system.cli("alias", "add", self.alias, self.accounts[0].address)
            self.system.cli("alias", "add", self.alias, "friend@remote.test")
        load = {"rate": campaign.rate / len(self.machines), **load}
        self.loads = [Load(machine, self.ledger, self.accounts, self.maildrop, self.alias, seed=f"{campaign.seed}-{name}-{number}", world=host,
                           **load) for number, machine in enumerate(self.machines)]
        self.load = self.loads[0]
        self.rng = random.Random(f"{campaign.seed}-{name}-faults")
        self.failures, self.times, self.facts, self.faults, self.account = [], {}, [], 0, None
        self.senders, self.checks = [load.sender for load in self.loads], []  # envelope senders; what else to look at when all is quiet
        self.ledger.note("begins", seed=campaign.seed, fault=name, version=campaign.version, processors=os.cpu_count(), busy=os.getloadavg()[0])

    # -- for the faults
    def struck(self, what):
        self.faults += 1
        self.ledger.note(what, fault=self.faults)

    def fail(self, text):
        self.failures.append(text)
        self.ledger.note("FAILED: " + text)

    def within(self, label, seconds, limit):
        """Notes how long something took; None or more than the limit is a failure."""
        self.times.setdefault(label, []).append(seconds if seconds is not None else float("inf"))
        self.ledger.note(f"{label}: {seconds}")
        limit *= self.campaign.slow
        if seconds is None or seconds > limit:
            self.fail(f"{label}: {'not at all' if seconds is None else f'{seconds:.1f} s'}, limit {limit:g} s")

    def one_mail(self, to=None, sender=None, size=600, timeout=30, before_dot=None, machine=None):
        """One mail in the ledger, outside the load; returns it."""
        address = (to or self.accounts[1]).address
        token = new_token()
        data = content(token, self.load.sender, address, size, self.rng)
        mail = Mail(token, "probe", [address], data)
        try:
            client = SMTP(machine or self.machines[0], timeout=timeout, slow=self.load.slow("SMTP"))
        except Gone:
            return mail
        try:
            client.deliver(self.ledger, mail, data, sender or self.load.sender, [address], before_dot)
            client.quit()
        except Gone:
            pass
        return mail

    def flow(self, seconds, machine=None):
        """A mail sent now is acknowledged and read over IMAP (by that machine): after how many seconds?"""
        started, mail = time.monotonic(), None
        while time.monotonic() < started + seconds:
            try:
                if mail is None or not mail.acked:
                    mail = self.one_mail(timeout=12, machine=machine)
                if mail.acked and self.visible(mail, machine=machine):
                    return time.monotonic() - started
            except Gone:
                pass
            time.sleep(0.1)
        return None

    def visible(self, mail, machine=None):
        client = IMAP(machine or self.machines[0], self.accounts[1], timeout=12)
        try:
            for mailbox in ["INBOX", "Junk"]:
                client.ok(f'EXAMINE "{mailbox}"')
                lines, _ = client.ok(f'SEARCH SUBJECT "{mail.token}"')
                if any(line.split()[2:] for line in lines if line.startswith(b"* SEARCH")):
                    return True
        finally:
            client.logout()
        return False

    def answered(self):
        """No answer of SMTP took longer than 10 s, none of IMAP and POP3 longer than 15."""
        for load in self.loads:
            if load.too_slow:
                self.fail(f"{len(load.too_slow)} answers came too late: " + "; ".join(load.too_slow[:3]))
            self.times.setdefault("slowest answer", []).append(load.slowest_answer)

    # -- the end
    def _names(self):
        """SQL: everybody who sends or receives in this round."""
        return ",".join(f"'{name}'" for name in [*self.senders, *(account.address for account in [*self.accounts, self.maildrop])])

    def mine(self):
        """SQL: the mails of this round."""
        names = self._names()
        return f"(envelope_from IN ({names}) OR mail_id IN (SELECT mail_id FROM recipient WHERE address IN ({names})))"

    def wait_quiet(self):
        """Until nothing of this round is under way. What takes longer than the limit stays where it is, and is told."""
        started, rows = time.monotonic(), None
        while time.monotonic() < started + self.quiet_limit:
            try:
                rows = self.system.sql(f"SELECT stage, count(*) FROM work JOIN mail USING (mail_id) WHERE {self.mine()} GROUP BY 1")
                if not rows:
                    break
            except AssertionError as error:  # the database is not there yet
                rows = str(error)
            time.sleep(0.3)
        else:
            self.fail(f"not quiet after {self.quiet_limit} s: stages {rows}")
        self.times["quiet after"] = [time.monotonic() - started]

    def take_account(self):
        """The sinks, the classes, the cross-check; returns the copies."""
        everybody = self.accounts + [self.maildrop]
        copies = collect(self.machines[0], everybody, self.host and self.host.folder)
        self.account = Account(self.ledger).judge(copies, self.allowed_repeats, self.database_lost)
        for line in same_by_pop3(self.machines[-1], everybody, copies):
            self.fail(line)
        self._cross_check(copies)
        return copies

    def _cross_check(self, copies):
        """The product's own books must say the same as the ledger."""
        [[accepted]] = self.system.sql(f"SELECT count(*) FROM mail WHERE helo = 'client.load.test' AND envelope_from IN ({self._names()})")
        here = {copy.token for copy in copies}
        there = [mail for mail in self.ledger.mails.values() if mail.via != "append" and (mail.acked or mail.token in here or any(
            (place, mail.token) in self.ledger.removed for place in mail.places))]
        perhaps = [mail for mail in self.ledger.mails.values() if mail not in there and any(
            (place, mail.token) in self.ledger.maybe_removed for place in mail.places)]
        if not len(there) <= int(accepted) <= len(there) + len(perhaps):
            self.fail(f"the database has {accepted} mails of this round, the ledger {len(there)}")
        depth = {row["queue"]: row["messages"] for row in self.system.cli_json("status")["queues"]}
        if any(depth[name] for name in ["mail.classify", "mail.file"]):
            time.sleep(2)  # hints of mails that are done are acked and forgotten
            depth = {row["queue"]: row["messages"] for row in self.system.cli_json("status")["queues"]}
        if any(depth[name] for name in ["mail.classify", "mail.file", "mail.relay"]):
            self.fail(f"hints are left in the broker: {depth}")

    def __enter__(self):
        for load in self.loads:
            load.__enter__()
        return self

    def __exit__(self, kind, error, trace):
        for load in self.loads:
            load.stopping.set()
        for load in self.loads:
            try:
                load.stop()
            except RuntimeError as trouble:
                self.fail(str(trouble))
        if kind is None or issubclass(kind, (AssertionError, RuntimeError, Gone, OSError, subprocess.SubprocessError)):
            if kind:
                self.fail(f"{kind.__name__}: {error}")
                traceback.print_exception(kind, error, trace, limit=-3, file=sys.stderr)
            try:
                self.wait_quiet()
                copies = self.take_account()
                for check in self.checks:
                    check(copies)
            except (AssertionError, RuntimeError, Gone, OSError, subprocess.SubprocessError) as trouble:
                self.fail(f"the account could not be taken: {type(trouble).__name__}: {trouble}")
        elif kind:  # skipped, or interrupted: no row of its own
            if self.host:
                self.host.close()
            self.ledger.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            return False
        self.end()
        return True

    def end(self):
        if self.host:
            self.host.close()
        self.ledger.close()
        if self.account:
            self.failures += self.account.details()
        self.campaign.finished(self)


class Campaign:
    def __init__(self, system, folder, seed, rate, rounds=None, short=False, seconds=120, slow=1):
        self.system, self.folder, self.seed, self.rate, self.rounds, self.short = system, pathlib.Path(folder), seed, rate, rounds, short
        self.seconds = seconds  # how long the broker and the database stay off in F11 and F19
        self.slow, self.rows = slow, []
        self.version = system.cli("--version").stdout.strip()
        self.rng = random.Random(seed)

    def round(self, name, **options):
        return Round(self, name, **options)

    def say(self, text):
        print(text, flush=True)

    def finished(self, r):
        """A row of the table. The ledger of a round that did not balance stays, with what the server says of the mails in question."""
        times = ", ".join(f"{label} {max(values):.1f} s" + (f" (median {sorted(values)[len(values) // 2]:.1f})" if len(values) > 2 else "")
                          for label, values in r.times.items())
        words = r.account.words() if r.account else "no account"
        self.rows.append((r.name, r.faults, words, "; ".join(filter(None, [times, *r.facts])), list(r.failures)))
        self.say(f"    {words}\n    {times}" + "".join(f"\n    {fact}" for fact in r.facts))
        if not r.failures:
            shutil.rmtree(r.folder, ignore_errors=True)
            return
        for failure in r.failures:
            self.say(f"    FAILED: {failure}")
        self._keep(r)

    def _keep(self, r):
        ids = {mail.id for rows in (r.account.bad.values() if r.account else []) for row in rows
               for mail in r.ledger.mails.values() if mail.id and mail.token in row}
        for mail in list(ids)[:10]:
            (r.folder / f"trace-{mail}.txt").write_text(self.system.cli("trace", mail, check=False).stdout)
        logs = r.folder / "log"
        logs.mkdir(exist_ok=True)
        for daemon in [*DAEMONS, "postgres", "rabbitmq"]:
            path = self.system.data / "log" / daemon / "current"
            if path.exists():
                (logs / daemon).write_bytes(path.read_bytes()[-2_000_000:])
        self.say(f"    the ledger and the logs are kept in {r.folder}")

    def run(self, names):
        for name in names:
            one = FAULTS[name]
            rounds = self.rounds or (one.short if self.short else one.rounds) or 1
            self.say(f"==> {name}: {one.title}" + (f", {rounds} times" if rounds > 1 else ""))
            started, before = time.monotonic(), len(self.rows)
            try:
                one.function(self, rounds)
            except Skip as reason:
                self.rows.append((name, 0, f"skipped: {reason}", "", []))
                self.say(f"    skipped: {reason}")
            except Exception as error:
                traceback.print_exc()
                self.rows.append((name, 0, "ended early", "", [f"{type(error).__name__}: {error}"]))
            if time.monotonic() - started > one.seconds:
                self.rows[-1][4].append(f"took longer than {one.seconds} s")
            self.system.wait_ready(60)
        return not any(row[4] for row in self.rows)

    def table(self):
        lines = ["", f"| fault | times | the account | measured | outcome |", "|---|---|---|---|---|"]
        for name, faults, words, times, failures in self.rows:
            outcome = "FAILED: " + "; ".join(failures[:3]) if failures else "skipped" if words.startswith("skipped") else "as required"
            lines.append(f"| {name} | {faults or ''} | {words} | {times} | {outcome} |")
        return "\n".join(lines)
