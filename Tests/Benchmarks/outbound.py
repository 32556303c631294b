"""Outbound: a full queue let loose on sinks that take all of it, beside Postfix.

The queue is filled while nothing is sent. Martlet's mail comes from a logged-in user and is signed (DKIM, two keys) on the
way out; Postfix, as Debian ships it, signs nothing. In the row "unsigned" neither does Martlet: the author of its mails is of
a domain that is not its own. Each has 20 connections per destination, its default.
"""
import concurrent.futures, json, pathlib, smtplib, ssl, subprocess, sys, time

from measure import *

HERE = pathlib.Path(__file__).parent
PORT = 32626
HOSTS = 10
ZONE = HERE / "outbound.zone"


def message(size, number, recipient, author):
    head = (f"From: Anna Meyer <{author}>\r\nTo: {recipient}\r\nSubject: bench\r\nMessage-ID: <{number}.{time.time_ns()}@dest.test>\r\n"
            "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n")
    line = "The quick brown fox jumps over the lazy dog and then some more.\r\n"
    return (head + line * max(1, (size - len(head)) // len(line))).encode()


def submit(numbers, size, destinations, author):
    with smtplib.SMTP_SSL("127.0.0.1", welcome["ports"]["submissions"], context=ssl.create_default_context(cafile=welcome["ca"])) as client:
        client.login("u1@dest.test", "pass")
        for number in numbers:
            recipient = f"user@d{number % destinations}.sink.test"
            client.sendmail("u1@dest.test", [recipient], message(size, number, recipient, author))


def waiting():
    return int(sql("SELECT count(*) FROM work WHERE stage = 3"))


class Martlet:
    name = "Martlet"
    roots = staticmethod(pid_file(DATA / "runsvdir.pid"))

    def fill(self, count, size, destinations, signed=True):
        author = "u1@dest.test" if signed else "u1@elsewhere.test"
        sv("down", "relayd")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for part in [pool.submit(submit, range(first, count, 4), size, destinations, author) for first in range(4)]:
                part.result()
        end = time.monotonic() + 120
        while waiting() < count:
            if time.monotonic() > end:
                sys.exit(f"{waiting()} of {count} mails reached the relay's queue")
            time.sleep(0.2)
        settle(self)

    def go(self):
        sv("up", "relayd")


class Postfix:
    name = "Postfix"
    roots = staticmethod(pid_file(PEERS / "postfix-out/spool/pid/master.pid"))

    def fill(self, count, size, destinations, signed=False):
        subprocess.run([str(HERE / "peers.sh"), "out-fill"], check=True)
        for destination in range(destinations):
            subprocess.run(["smtp-source", "-d", "-s", "10", "-l", str(size), "-m", str(count // destinations), "-f", "u1@dest.test",
                            "-t", f"user@d{destination}.sink.test", "127.0.0.1:32530"], check=True, capture_output=True, timeout=120)
        subprocess.run([str(HERE / "peers.sh"), "out-stop"], check=True)

    def go(self):
        subprocess.run([str(HERE / "peers.sh"), "out-go"], check=True)


def once(target, count, size, destinations, signed):
    target.fill(count, size, destinations, signed)
    sink = subprocess.Popen([str(HOME / "smtpsink"), str(count), "180"] + [f"127.0.2.{n + 1}:{PORT}" for n in range(HOSTS)], stdout=subprocess.PIPE, text=True)
    assert sink.stdout.readline() == "ready\n"
    before, begun = process_tree_cpu(target.roots), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    target.go()
    result = json.loads(sink.stdout.readline())
    sink.wait()
    if result["n"] != count:
        sys.exit(f"{target.name}: {result['n']} of {count} mails arrived")
    settle(target)
    return {"rate": (count - 1) / ((result["last_us"] - result["first_us"]) / 1e6), "all": count / ((result["last_us"] - begun) / 1e6),
            "cpu": (process_tree_cpu(target.roots) - before) * 1000 / count, "connections": result["connections"]}


def outbound(count):
    targets = [Martlet()] + ([] if options.no_peers else [Postfix()])
    for size, destinations, number, signed in ((4096, 1, count, True), (4096, 1, count, False), (4096, 10, count, True),
                                               (65536, 1, count // 4, True), (65536, 10, count // 4, True)):
        number = max(1, number // destinations) * destinations
        results = {t.name: [] for t in targets}
        for _ in range(options.runs):
            for target in targets:
                results[target.name].append(once(target, number, size, destinations, signed))
        title = f"outbound {size // 1024} KiB, {destinations} destination{'s' if destinations > 1 else ''}{'' if signed else ', unsigned'}"
        for figure, unit, words in (("rate", "mails/s", title), ("all", "mails/s", "   the start of the sender included"),
                                    ("cpu", "ms", "   CPU per mail"), ("connections", "", "   connections")):
            show(words, unit, {name: [run[figure] for run in runs] for name, runs in results.items()}, compare=bool(unit))
