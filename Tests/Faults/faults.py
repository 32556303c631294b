"""The faults: each breaks one thing while the load runs, and says what must be true of it besides the account."""
import os, signal, threading, time
from campaign import fault
from sinks import fetch_all
from system import DAEMONS
from wire import IMAP, Gone


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
        r.load.wait_acks(50)
        for _ in range(rounds):
            time.sleep(r.rng.uniform(0, 2))
            r.struck("kill -9 classifyd")
            c.system.kill("classifyd")
            r.within("a mail sent then is read", r.flow(35), 30)
    one_verdict_each(c, r)


def one_verdict_each(c, r):
    """Every filed mail has one label; the rows say so and so does each copy's header (checked from outside)."""
    rows = c.system.sql(f"SELECT count(*), count(verdict.mail_id), count(DISTINCT verdict.mail_id) FROM mail LEFT JOIN verdict USING (mail_id) "
                        f"WHERE {r.mine()} AND helo = 'client.load.test'")
    mails, verdicts, distinct = map(int, rows[0])
    if verdicts != distinct:
        c.rows[-1][4].append(f"{verdicts} verdicts for {distinct} mails")
    c.say(f"    {verdicts} verdicts for {mails} mails")


@fault("F5", "accessd killed (SIGKILL) in APPEND, COPY, MOVE, STORE and EXPUNGE", rounds=50, short=5)
def killed_access(c, rounds):
    from desk import Desk
    with c.round("F5") as r:
        r.load.wait_acks(30)
        desk = Desk(c.system, c.system.new_account("f5-desk"), r)
        for number in range(rounds):
            desk.strike(["APPEND", "COPY", "MOVE", "STORE", "EXPUNGE"][number % 5])
        r.facts.append(f"{desk.interrupted} commands without an answer, {desk.answered} with OK; UIDs rose, nothing half done")


@fault("F10", "the broker restarted; its node killed (SIGKILL)", rounds=20, short=1, seconds=1200)
def broker_restarts(c, rounds):
    with c.round("F10") as r:
        r.load.wait_acks(50)
        for number in range(rounds):
            hard = number % 4 == 3 or rounds == 1
            r.struck("kill -9 of the broker" if hard else "restart of the broker")
            started = time.monotonic()
            if hard:
                c.system.kill_hard("rabbitmq")
            else:
                c.system.service("restart", "rabbitmq", wait=40)
            time.sleep(0.2 if hard else 0)
            if c.system.wait_for(c.system.broker_answers, 60) is None:
                r.fail("RabbitMQ itself does not come back")
                break
            r.times.setdefault("broker away", []).append(time.monotonic() - started)
            r.within("flow again", r.flow(40), 15)
        r.answered()


@fault("F18", "PostgreSQL: fast restart, immediate stop, a backend killed (SIGKILL)", rounds=21, short=3)
def database_restarts(c, rounds):
    with c.round("F18") as r:
        r.load.wait_acks(50)
        for number in range(rounds):
            time.sleep(r.rng.uniform(0.2, 1.5))
            kind = ["fast restart", "immediate stop", "kill -9 of a backend"][number % 3]
            r.struck(kind)
            if number % 3 == 0:
                c.system.service("restart", "postgres", wait=40)
            elif number % 3 == 1:
                c.system.kill("postgres", signal.SIGQUIT)
            else:
                os.kill(r.rng.choice(c.system.backends("smtpd", "filerd", "classifyd", "accessd")), signal.SIGKILL)
            if c.system.wait_for(c.system.postgres_answers, 60) is None:
                r.fail("PostgreSQL itself does not come back")
                break
            back = time.monotonic()
            r.within("acknowledging again", r.load.acked_after(back, 30), 10)
            r.within("flow again", r.flow(30), 10)
        r.answered()
