"""Processes die: planted errors first, then F1, F3, F4, F5, F7 and F8."""
import threading, time
from campaign import fault
from desk import Desk
from system import DAEMONS
from wire import IMAP


@fault("planted", "the checker must find four planted errors", rounds=1, short=1)
def planted(c, rounds):
    """A deleted mail, a doubled one, a flipped octet, two swapped between users. Whoever does not see them proves nothing."""
    r = c.round("planted")
    with r.load:
        r.load.wait_acks(150)
    r.wait_quiet()
    copies = r.take_account()
    if r.failures or not r.account.balanced:
        r.fail("the load without a fault does not balance")
        r.end()
        return
    alice, bob = r.accounts[:2]
    only = lambda account: [copy for copy in copies if copy.place == account.address and copy.folder == "INBOX" and not copy.is_report
                            and r.ledger.mails[copy.token].places == [account.address]]
    gone, twice, flipped, swapped = only(alice)[:4]
    other = only(bob)[0]
    with_alice, with_bob = IMAP(c.system, alice), IMAP(c.system, bob)
    for client in (with_alice, with_bob):
        client.ok("SELECT INBOX")

    def put(client, data):
        client.start(f"APPEND INBOX {{{len(data)}}}")
        client.response()
        client.send(data + b"\r\n")
        assert client.finish()[1].startswith("OK")

    at = len(flipped.data) - 200
    put(with_alice, flipped.data[:at] + bytes([flipped.data[at] ^ 1]) + flipped.data[at + 1:])
    put(with_alice, other.data)
    put(with_bob, swapped.data)
    with_alice.ok(f"UID COPY {twice.uid} INBOX")
    with_alice.ok(f"UID STORE {gone.uid},{flipped.uid},{swapped.uid} +FLAGS (\\Deleted)")
    with_bob.ok(f"UID STORE {other.uid} +FLAGS (\\Deleted)")
    for client in (with_alice, with_bob):
        client.ok("EXPUNGE")
        client.logout()
    failures, r.failures = r.failures, []
    r.take_account()
    seen, r.failures = r.account.totals(), failures
    if seen != {"lost": 1, "duplicated": 1, "unexpected": 0, "altered": 1, "misplaced": 2}:
        r.fail(f"the checker saw {seen} instead of the four planted errors: the run is void")
    r.faults, r.facts = 4, [f"the checker reported {', '.join(f'{count} {name}' for name, count in seen.items() if count)}"]
    r.account.bad = {}
    r.end()


@fault("F1", "smtpd killed (SIGKILL) at a random moment within 2 s", rounds=100, short=5, seconds=900)
def killed_ingress(c, rounds):
    with c.round("F1", rate=2 * c.rate) as r:
        r.load.wait_acks(50)
        for _ in range(rounds):
            time.sleep(r.rng.uniform(0, 2))
            r.struck("kill -9 smtpd")
            c.system.kill("smtpd")
            r.within("serving again", c.system.serving("smtpd"), 2)
        r.load.wait_acks(len(r.load.acks) + 50)


@fault("F3", "classifyd killed (SIGKILL) at a random moment within 2 s", rounds=50, short=3)
def killed_classifier(c, rounds):
    with c.round("F3") as r:
        r.checks.append(one_verdict_each(r))
        r.load.wait_acks(50)
        for _ in range(rounds):
            time.sleep(r.rng.uniform(0, 2))
            r.struck("kill -9 classifyd")
            c.system.kill("classifyd")
            r.within("a mail sent then is read", r.flow(35), 30)


def one_verdict_each(r):
    """Every mail has one label: one row, and one header in each copy."""
    def check(copies):
        [[mails, verdicts, distinct]] = r.system.sql(
            f"SELECT count(*), count(verdict.mail_id), count(DISTINCT verdict.mail_id) FROM mail LEFT JOIN verdict USING (mail_id) "
            f"WHERE {r.mine()} AND helo = 'client.load.test'")
        if not mails == verdicts == distinct:
            r.fail(f"{verdicts} verdicts of {distinct} for {mails} mails")
        filed = [copy for copy in copies if copy.folder != "Sent" and copy.uid is not None and not copy.is_report]
        labels = sum(copy.prefix_fields.count(b"X-Martlet-Verdict: ") == 1 for copy in filed)
        if labels != len(filed):
            r.fail(f"{len(filed) - labels} copies without a label, or with two")
        r.facts.append(f"{verdicts} verdicts for {mails} mails, one header in each of {labels} copies")
    return check


@fault("F5", "accessd killed (SIGKILL) in APPEND, COPY, MOVE, STORE and EXPUNGE", rounds=50, short=5)
def killed_access(c, rounds):
    with c.round("F5") as r:
        r.load.wait_acks(30)
        desk = Desk(c.system, c.system.new_account("f5-desk"), r)
        for number in range(rounds):
            desk.strike(["APPEND", "COPY", "MOVE", "STORE", "EXPUNGE"][number % 5])
        r.facts.append(f"{desk.interrupted} commands without an answer, {desk.answered} with OK; UIDs rose, nothing half done")


@fault("F4", "relayd killed (SIGKILL) between the remote host's 250 and our record of it", rounds=20, seconds=400)
def killed_relay(c, rounds):
    """The one window for a second copy (RFC 1047): at most one per kill, with the same Message-ID."""
    armed, kills = threading.Event(), []

    def after(client, data):
        if armed.is_set():
            armed.clear()
            kills.append(c.system.kill("relayd"))

    c.system.settings("relayd", RELAY_CONNECTIONS_PER_DESTINATION=1)
    with c.round("F4", hooks={"after_end": after}, allowed_repeats=rounds, mx=1, submission=4) as r:
        r.load.wait_acks(30)
        for number in range(rounds):
            r.struck("kill -9 relayd after the 250")
            armed.set()
            if c.system.wait_for(lambda: len(kills) > number, 30) is None:
                r.fail("nothing was relayed")
                break
            struck = time.monotonic() + 0.1
            r.within("relaying again", c.system.wait_for(lambda: r.host.received[-1][0] > struck, 30), 20)
            time.sleep(r.rng.uniform(0, 0.5))
    c.system.settings("relayd", RELAY_CONNECTIONS_PER_DESTINATION=None)


@fault("F7", "everything killed (SIGKILL) at once, started again in random order", rounds=20, seconds=1500)
def everything_killed(c, rounds):
    everything = [*DAEMONS, "postgres", "rabbitmq"]
    with c.round("F7", database_lost=True, allowed_repeats=rounds) as r:
        r.load.wait_acks(50)
        for _ in range(rounds):
            r.struck("kill -9 of all daemons, PostgreSQL and RabbitMQ")
            c.system.set_down(everything)
            c.system.kill_hard(*everything)
            for name in r.rng.sample(everything, len(everything)):
                c.system.set_up(name)
                time.sleep(r.rng.uniform(0, 0.5))
            started = time.monotonic()
            c.system.await_servers()
            r.times.setdefault("servers away", []).append(time.monotonic() - started)
            r.within("ready", c.system.ready_after(40), 15)
            r.within("flow again", r.flow(40), 15)


@fault("F8", "rolling restart (SIGTERM) of all daemons", rounds=3, seconds=400)
def rolling_restart(c, rounds):
    """A server that is told to go finishes what it began: nobody is left without an answer."""
    with c.round("F8") as r:
        r.load.wait_acks(50)
        for _ in range(rounds):
            for daemon in DAEMONS:
                r.struck(f"restart of {daemon}")
                restart = lambda: c.system.service("restart", daemon, wait=40)
                started = time.monotonic()
                if daemon == "smtpd":  # one client is in the middle of its DATA
                    other = threading.Thread(target=restart)
                    mail = r.one_mail(before_dot=lambda: (other.start(), time.sleep(2)))
                    other.join()
                    r.facts[:] = [f"a mail in the middle of DATA: {mail.code}"]
                    if mail.state == "unknown" or mail.state == "planned" and mail.code not in (250, 421):
                        r.fail(f"a mail in the middle of DATA got no answer ({mail.state}, {mail.code})")
                else:
                    restart()
                r.within("gone and back", time.monotonic() - started, 30)
                r.load.wait_acks(len(r.load.acks) + 10)
        r.within("ready", c.system.ready_after(30), 15)
        r.checks.append(lambda copies: r.account.unknown and r.fail(f"{r.account.unknown} mails got no answer at a graceful end"))
