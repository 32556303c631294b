"""F2, the crash sweep: strace ends a daemon just before its N-th send, N = 1, 2, 3, ... until a whole mail passes unharmed.

strace counts per thread and system call, so every pair that a mail uses is swept by itself; a first mail is only watched, to learn the pairs."""
import collections, re, subprocess, time
from campaign import fault
from system import Skip

CALLS = "write,writev,sendto,sendmsg"
MOST = 80


class Strace:
    def __init__(self, *arguments, seconds=15):
        try:
            self.process = subprocess.Popen(["strace", *map(str, arguments)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        except FileNotFoundError:
            raise Skip("strace is not installed: deploy/local/setup --faults")
        line = self.process.stderr.readline()
        if "attached" not in line:
            self.close()
            raise Skip(f"strace may not attach: {line.strip()}")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def pairs(system, daemon, one, path):
    """The (thread's name, call) that a mail uses."""
    watcher = Strace("-f", "-p", system.pid(daemon), "-e", f"trace={CALLS}", "-o", path)
    one()
    time.sleep(0.3)
    watcher.close()
    threads, found = system.threads(daemon), collections.Counter()
    for line in open(path):
        if (match := re.match(r"(\d+)\s+(\w+)\(", line)) and int(match[1]) in threads:
            found[threads[int(match[1])], match[2]] += 1
    return found


def sweep(c, r, daemon, one, after, points):
    """`one` sends a mail and says whether it passed unharmed; `after` waits until all is well again. Returns the number of kills."""
    kills, system, passed_by = 0, c.system, {}
    for name, call in sorted(points):
        system.wait_for(lambda: system.pid(daemon), 10)
        # All threads of that name together, then each alone: a lookup on one connection must not hide the commit on another.
        which = [None] if name.startswith("oot.") else [None, *range(sum(comm == name for comm in system.threads(daemon).values()))]
        for index in which:
            n = 1
            while n < MOST:
                system.wait_for(lambda: system.pid(daemon), 10)
                one()  # a process that is warm: its threads are there
                system.wait_for(lambda: system.pid(daemon), 10)  # on a busy machine the last signal may come late
                pid = system.pid(daemon)
                same = [tid for tid, comm in sorted(system.threads(daemon).items()) if comm == name]
                if not same or index is not None and (index >= len(same) or len(same) == 1):
                    break
                chosen = same if index is None else [same[index]]
                killer = Strace(*[word for tid in chosen for word in ("-p", tid)], "-e", f"trace={call}",
                                "-e", f"inject={call}:signal=KILL:when={n}", "-o", "/dev/null")
                r.ledger.note(f"{daemon} ends before {call} {n} of {name} {'' if index is None else index}")
                # Two mails: the event loops take connections in turn, and each must be met.
                passed = one() and system.pid(daemon) == pid and one()
                ended = system.wait_for(lambda: system.pid(daemon) != pid, 0.3) is not None
                killer.close()
                kills += ended
                r.faults += ended
                if ended:
                    after()
                elif passed:
                    break
                n += 1
            else:
                r.fail(f"{daemon} was still ended by {call} {MOST} of {name}: the sweep has no end")
            passed_by[f"{name} {call}"] = passed_by.get(f"{name} {call}", []) + [n - 1]
    words = ", ".join(f"{key} {'+'.join(map(str, counts))}" for key, counts in passed_by.items() if any(counts))
    r.facts.append(f"{daemon} ended before each of its sends: {kills} points ({words})")
    return kills


@fault("F2", "crash sweep of smtpd and filerd: ended before the N-th send, for every N", rounds=1, seconds=900)
def crash_sweep(c, rounds):
    quiet = dict(mx=0, submission=0, imap=0, pop3=0)
    with c.round("F2", **quiet) as r:
        def accept():
            return r.one_mail(timeout=15).acked

        def smtpd_back():
            r.within("serving again", c.system.serving("smtpd"), 2)

        last = []

        def file():
            mail = r.one_mail(timeout=15)
            last[:] = [mail]
            return mail.acked and c.system.wait_for(lambda: r.visible(mail), 3, 0.1) is not None

        def filerd_back():
            r.within("filed all the same", c.system.wait_for(lambda: r.visible(last[0]), 40, 0.2), 30)

        accept()
        for daemon, one, after in [("smtpd", accept, smtpd_back), ("filerd", file, filerd_back)]:
            if not sweep(c, r, daemon, one, after, pairs(c.system, daemon, one, r.folder / f"{daemon}.strace")):
                r.fail(f"{daemon} was never ended")
