"""The filter alone: a queue of waiting mails of all kinds let loose on classifyd, queue and database included; beside Rspamd
with Bayes in Redis, which is asked by eight clients, and knows the mails' kinds.

"per core" is mails per second of CPU of all processes that take part.
"""
import shutil, subprocess, sys, time

from corpus import messages
from measure import *

HERE = pathlib.Path(__file__).parent


class Rspamd:
    name = "Rspamd"
    roots = staticmethod(pid_file(PEERS / "rspamd/run/rspamd.pid", PEERS / "rspamd/redis.pid"))
    controller = "127.0.0.1:32834"

    def __init__(self, count):
        self.count, self.mails = count, PEERS / "rspamd/mails"
        subprocess.run([str(HERE / "peers.sh"), "rspamd-up"], check=True)
        for kind in ("all", "spam", "ham"):
            (self.mails / kind).mkdir(parents=True, exist_ok=True)
        for number, (is_spam, message) in enumerate(messages(count)):
            for kind in ("all", "spam" if is_spam else "ham"):
                (self.mails / kind / f"{number:05}.eml").write_bytes(message)
        for kind in ("spam", "ham"):
            self.ask(self.controller, f"learn_{kind}", kind)

    def ask(self, host, command, kind):
        run = subprocess.run(["rspamc", "-h", host, "-n", "8", command, str(self.mails / kind)], capture_output=True, text=True, timeout=180)
        if run.returncode != 0:
            sys.exit(f"rspamc {command}: {run.stderr[-300:]}")

    def once(self):
        before, begun = process_tree_cpu(self.roots), time.monotonic()
        self.ask("127.0.0.1:32833", "symbols", "all")
        seconds = time.monotonic() - begun
        return self.count / seconds, self.count / max(0.01, process_tree_cpu(self.roots) - before)

    def end(self):
        subprocess.run([str(HERE / "peers.sh"), "rspamd-down"], check=True)


class Classifyd:
    name = "Martlet"

    def __init__(self, martlet, count):
        self.martlet, self.roots, self.count = martlet, martlet.roots, count

    def once(self):
        """filerd is down, so that nothing but classifying costs, and no mail goes on without a verdict."""
        verdicts = int(sql("SELECT count(*) FROM verdict"))
        sv("down", "filerd")
        sv("pause", "classifyd")
        try:
            subprocess.run(smtpload(self.martlet, "-s", 20, "-d", "-b", corpus(), "-m", self.count), check=True, capture_output=True, timeout=120)
            settle(self)
            since = sql("SELECT now()")
            before = process_tree_cpu(self.roots)
        finally:
            sv("cont", "classifyd")
        until("every mail has a verdict", lambda: sql("SELECT count(*) FROM work WHERE stage = 1") == "0")
        settle(self)
        cpu = process_tree_cpu(self.roots) - before
        got = int(sql("SELECT count(*) FROM verdict")) - verdicts
        # The first batch's time is when it began, so it does not count.
        rate = float(sql(f"""WITH batch AS (SELECT at, count(*) AS mails FROM mail_event WHERE event = 'classified' AND at >= '{since}' GROUP BY at)
            SELECT coalesce((sum(mails) - (SELECT mails FROM batch ORDER BY at LIMIT 1)) / nullif(extract(epoch FROM max(at) - min(at)), 0), 0) FROM batch"""))
        sv("up", "filerd")
        until("every mail is filed", lambda: sql("SELECT count(*) FROM work WHERE stage = 2") == "0")
        settle(self)
        if got != self.count:
            sys.exit(f"Martlet: {got} verdicts for {self.count} mails")
        return rate, self.count / max(0.01, cpu)

    def end(self):
        pass


def filtering(martlet):
    targets = [Classifyd(martlet, options.count)]
    if not options.no_peers and shutil.which("rspamd") and shutil.which("redis-server"):
        targets.append(Rspamd(min(1000, options.count)))
    elif not options.no_peers:
        print("   Rspamd or Redis is not installed: skipped", file=sys.stderr, flush=True)
    rates, cores = ({t.name: [] for t in targets} for _ in range(2))
    try:
        for _ in range(options.runs):
            for target in targets:
                rate, core = target.once()
                rates[target.name].append(rate)
                cores[target.name].append(core)
    finally:
        for target in targets:
            target.end()
    show("filter alone, mails of all kinds", "mails/s", rates)
    show("   per core", "mails/s", cores)
