"""Two machines with all daemons each: F26 (a slow link to one of them) and F29 (one of them away)."""
import time
from campaign import fault
from machines import two_machines
from system import DAEMONS
from wire import POP3, Gone


def unfinished(r, before):
    """How many copies of mails that were accepted before that moment (of the database's clock) are not yet in their place."""
    return int(r.system.sql(f"SELECT count(*) FROM work JOIN mail USING (mail_id) WHERE received_at < '{before}' AND {r.mine()}")[0][0])


def sessions(system, machine):
    """How many sessions the database has for that machine."""
    return int(system.sql(f"SELECT count(*) FROM pg_stat_activity WHERE client_addr = '{machine.address}'")[0][0])


class Maildrop:
    """A POP3 session on one machine that has marked a mail for removal, and never says QUIT in time."""

    def __init__(self, r, account, machine, other):
        self.r, self.account, self.other = r, account, other
        while not r.one_mail(to=account, machine=other).acked:
            pass
        while not ((session := self._open(machine)) and (count := self._count(session))):
            if session:
                session.close()
            time.sleep(0.2)
        self.session, self.count = session, count
        self.session.ok("DELE 1")

    def _open(self, machine):
        try:
            return POP3(machine, self.account, timeout=12)
        except Gone as error:
            if "[IN-USE]" not in str(error):
                raise

    def _count(self, session):
        return int(session.ok("STAT").split()[1])

    def look(self):
        """Whether the other machine gives the maildrop out; it must be as it was."""
        if session := self._open(self.other):
            if self._count(session) < self.count:
                self.r.fail("a mail is gone that a session without QUIT had marked")
            session.ok("QUIT")
        return session

    def end(self):
        """The machine is back: a session whose lease was given to another must not remove anything."""
        try:
            self.r.fail(f"QUIT of a maildrop that was given to another: {self.session.ok('QUIT')}")
        except Gone:
            pass
        self.session.close()
        self.look()


@fault("F29", "two machines under load: one switched off, or cut from everybody, and back", rounds=6, seconds=1200)
def machine_away(c, rounds):
    with two_machines(c.system) as machines, c.round("F29", machines=machines, quiet=120, allowed_repeats=rounds, database_lost=True) as r:
        reader = c.system.new_account("f29-reader")
        r.accounts.append(reader)
        for load in r.loads:
            load.wait_acks(50)
        for number in range(rounds):
            which = r.rng.randrange(2)
            away, other, load = machines[which], machines[1 - which], r.loads[1 - which]
            maildrop = Maildrop(r, reader, away, other)
            [[moment]] = c.system.sql("SELECT now()")
            struck, cut = time.monotonic(), number % 2
            r.struck(f"{away.name} is {'cut off' if cut else 'switched off'}")
            away.network(cut=True) if cut else away.off()

            def after(condition):
                return c.system.wait_for(condition, 90, 0.2) and time.monotonic() - struck

            r.within("the other acknowledges", load.acked_after(struck, 30), 10)
            r.within("the other relays", after(lambda: r.host.received[-1:] and r.host.received[-1][0] > struck + 1), 20)
            r.within("flow through the other", r.flow(60, other), 30)
            r.within("nothing waits for the one away", after(lambda: not unfinished(r, moment)), 45)
            r.within("the database lets go of it", after(lambda: not sessions(c.system, away)), 30)
            r.within("its maildrop is free", after(maildrop.look), 35)
            r.struck(f"{away.name} is back")
            away.network() if cut else away.on()
            r.within("it serves again", c.system.wait_for(lambda: away.greets("smtp") and away.greets("imap"), 60), 15)
            r.within("flow through it", r.flow(60, away), 30)
            maildrop.end()
        r.answered()


def attempts(machine):
    """How often its daemons have made, or tried to make, a connection again."""
    return sum(machine.log(daemon).count(words) for daemon in DAEMONS for words in ("connectFailed", "connected again"))


@fault("F26", "two machines under load: the link of one slow, lossy, or narrow", rounds=1, seconds=600)
def slow_link(c, rounds):
    """A COMMIT whose answer is stuck in the link has an outcome that nobody can learn in time, as if the database were lost."""
    with two_machines(c.system) as machines, c.round("F26", machines=machines, quiet=180, database_lost=True) as r:
        (slow, fast), fast_load = machines, r.loads[1]
        for load in r.loads:
            load.wait_acks(50)
        pids = {daemon: slow.pid(daemon) for daemon in DAEMONS}
        for words, condition in [("200 ms, more or less 100, each way", dict(delay=0.2, jitter=0.1)), ("10 % of the packets lost", dict(loss=0.1)),
                                 ("64 kbit/s", dict(rate=8000))]:
            r.struck(f"the link of {slow.name}: {words}")
            slow.network(**condition)
            struck, tries, acks = time.monotonic(), attempts(slow), [len(load.acks) for load in r.loads]
            while time.monotonic() < struck + 40:
                r.within("flow beside it", r.flow(60, fast), 30)
                time.sleep(2)
            over, beside = (len(load.acks) - before for load, before in zip(r.loads, acks))
            slow.network()
            r.struck("the link is well")
            r.within("flow through it", r.flow(60, slow), 30)
            tries = attempts(slow) - tries
            r.facts.append(f"{words}: {over} mails acknowledged over it, {beside} beside it, {tries} connections tried again")
            if not over and "rate" not in condition:  # a narrow link also carries the share of all work
                r.fail(f"nothing was acknowledged over a link of {words}")
            if tries > 200:
                r.fail(f"a storm of connections: {r.facts[-1]}")
        if fast_load.too_slow:
            r.fail(f"{len(fast_load.too_slow)} answers beside it came too late: " + "; ".join(fast_load.too_slow[:3]))
        if pids != {daemon: slow.pid(daemon) for daemon in DAEMONS}:
            r.fail("a daemon ended over it")
        if parked := c.system.cli_json("queue", "parked"):
            r.fail(f"{len(parked)} mails are parked")
