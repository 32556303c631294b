#!/usr/bin/env python3
"""Martlet beside Postfix and Postfix + Dovecot: intake, the whole path, its latency, POP3, outbound; the cost of the live view, memory.

Runs of the targets are interleaved; a figure is the median, with the spread behind it. CPU is that of the target's whole
process tree (PostgreSQL and RabbitMQ included), per mail.
"""
import asyncio, json, os, re, ssl, subprocess, sys, time

from idle import idle
from imap import imap
from mailboxes import mailboxes
from measure import *
from outbound import outbound
from pop3 import pop3
from tap import memory, tap


def intake(targets, size, sessions, reuse, count):
    rates, p99, cpu = ({t.name: [] for t in targets} for _ in range(3))
    for _ in range(options.runs):
        for target in targets:
            target.empty()
            before = process_tree_cpu(target.roots)
            run = subprocess.run(smtpload(target, "-s", sessions, "-l", size, "-m", count, *(["-d"] if reuse else [])), capture_output=True, text=True, timeout=300)
            if run.returncode != 0:
                sys.exit(f"smtpload against {target.name}: {run.stderr[-500:]}")
            result = json.loads(run.stdout)
            if result["failed"]:
                sys.exit(f"{target.name} refused {result['failed']} mails: {run.stderr[-500:]}")
            rates[target.name].append(result["per_s"])
            p99[target.name].append(result["data_to_250_ms"]["p99"])
            settle(target)
            cpu[target.name].append((process_tree_cpu(target.roots) - before) * 1000 / count)
    title = f"intake {size // 1024} KiB, {sessions} sessions, {'kept' if reuse else 'one per mail'}"
    show(title, "mails/s", rates)
    show("   final dot to 250, p99", "ms", p99)
    show("   CPU per mail, until its path is done", "ms", cpu)


def intakes(targets):
    for size, sessions, reuse, count in ((4096, 10, True, options.count), (4096, 50, True, options.count), (65536, 10, True, options.count // 4), (4096, 50, False, options.count // 2)):
        intake(targets, size, sessions, reuse, count)


class Watcher:
    """One IMAP connection in IDLE; notes which mails became visible, and when (CLOCK_MONOTONIC, microseconds)."""

    def __init__(self, target, user, seen):
        self.target, self.user, self.seen, self.number, self.at, self.have = target, user, seen, 0, [], 0

    async def line(self):
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 120)

    async def command(self, text):
        self.number += 1
        tag = b"x%d " % self.number
        self.writer.write(tag + text.encode() + b"\r\n")
        out = []
        while True:
            line = await self.line()
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if literal:
                line += await self.reader.readexactly(int(literal.group(1)))
            if line.startswith(tag):
                assert b" OK" in line, line
                return out
            self.note(line)
            out.append(line)

    def note(self, line):
        exists = re.match(rb"\* (\d+) EXISTS", line)
        if exists:
            self.at.append((int(exists.group(1)), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000))

    async def open(self):
        tls = {"ssl": self.target.tls, "server_hostname": "localhost"} if self.target.tls else {}
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.target.imap, limit=1 << 22, **tls)
        await self.line()
        user = f"u{self.user}@{self.target.domain}" if self.target.tls else f"u{self.user}"
        await self.command(f"LOGIN {user} {self.target.password}")
        await self.command("SELECT INBOX")
        if self.at and self.at[-1][0] > 0:
            await self.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
            await self.command("EXPUNGE")
            await self.command("CLOSE")
            self.at = []
            await self.command("SELECT INBOX")
        self.have = self.at[-1][0] if self.at else 0
        self.at = []

    async def fetch_new(self):
        while self.at and self.at[-1][0] > self.have:
            at, self.at = self.at, []
            low, high = self.have + 1, at[-1][0]
            self.have = high
            for line in await self.command(f"FETCH {low}:{high} (BODY.PEEK[HEADER.FIELDS (X-BENCH-ID)])"):
                number, ident = re.match(rb"\* (\d+) FETCH", line), re.search(rb"X-Bench-Id: (\d+)", line, re.I)
                if number and ident:
                    self.seen[int(ident.group(1))] = min(when for n, when in at if n >= int(number.group(1)))

    async def run(self, stop):
        while not stop.is_set():
            self.number += 1
            tag = b"x%d " % self.number
            self.writer.write(tag + b"IDLE\r\n")
            while not (line := await self.line()).startswith(b"+"):
                self.note(line)
            while not stop.is_set() and not self.at:
                try:
                    self.note(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 0.5))
                except asyncio.TimeoutError:
                    continue
            self.writer.write(b"DONE\r\n")
            while not (line := await self.line()).startswith(tag):
                self.note(line)
            await self.fetch_new()
        self.writer.close()


async def path_once(target, arguments, count, first):
    seen, stop = {}, asyncio.Event()
    watchers = [Watcher(target, user, seen) for user in range(1, USERS + 1)]
    for watcher in watchers:
        await watcher.open()
    tasks = [asyncio.create_task(watcher.run(stop)) for watcher in watchers]
    await asyncio.sleep(0.5)
    log = HOME / "path.log"
    before, begun = process_tree_cpu(target.roots), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    load = await asyncio.create_subprocess_exec(*smtpload(target, "-o", log, "-m", count, "-i", first, *arguments), stdout=asyncio.subprocess.PIPE)
    sent = json.loads((await load.communicate())[0])
    end = time.monotonic() + 120
    while len(seen) < sent["n"] and time.monotonic() < end:
        await asyncio.sleep(0.02)
        for task in tasks:
            if task.done():
                task.result()
    cpu = (process_tree_cpu(target.roots) - before) * 1000 / max(1, count)
    stop.set()
    await asyncio.gather(*tasks)
    if sent["failed"] or len(seen) < sent["n"]:
        sys.exit(f"{target.name}: {sent['failed']} refused, {sent['n'] - len(seen)} of {sent['n']} never became visible")
    latency = sorted((seen[i] - dot) / 1000 for i, _, dot, _ in (map(int, line.split()) for line in log.read_text().splitlines()) if i in seen)
    return {"rate": len(seen) / ((max(seen.values()) - begun) / 1e6), "cpu": cpu,
            "p50": latency[len(latency) // 2], "p99": latency[min(len(latency) - 1, len(latency) * 99 // 100)]}


first_id = 1


def path(targets, title, arguments, count, figures):
    global first_id
    results = {t.name: [] for t in targets}
    for _ in range(options.runs):
        for target in targets:
            results[target.name].append(asyncio.run(path_once(target, arguments, count, first_id)))
            first_id += count
            settle(target)
    for figure, unit in figures:
        show(f"{title}: {figure}", unit, {name: [run[figure] for run in runs] for name, runs in results.items()})


def paths(targets):
    path(targets, "SMTP to visible in IMAP, 10 sessions kept", ["-s", 10, "-l", 4096, "-d"], options.count // 2, (("rate", "mails/s"), ("cpu", "ms")))
    for rate in (100, 200):
        path(targets, f"the same at {rate} mails/s, watched by IDLE", ["-s", 20, "-l", 4096, "-r", rate], min(1000, options.count), (("p50", "ms"), ("p99", "ms")))


def main():
    domain = "dest.test"
    cli = str(HOME / "martlet")
    subprocess.run([cli, "domain", "add", domain], check=True, capture_output=True)
    accounts("reader", 1)
    accounts("u", USERS)
    martlet = Target("Martlet", welcome["ports"]["smtp"], pid_file(DATA / "runsvdir.pid"), imap=welcome["ports"]["imaps"],
                     imaps=welcome["ports"]["imaps"], pop3s=welcome["ports"]["pop3s"], tls=ssl.create_default_context(cafile=welcome["ca"]))
    hold = Target("Postfix", 32527, pid_file(PEERS / "postfix-hold/spool/pid/master.pid"),
                  empty=lambda: subprocess.run(["find", str(PEERS / "postfix-hold/spool/hold"), "-type", "f", "-delete"], check=True))
    both = Target("Postfix+Dovecot", 32529, pid_file(PEERS / "postfix-path/spool/pid/master.pid", PEERS / "dovecot/run/master.pid"), imap=32143, imaps=32993, pop3s=32995)
    peers = not options.no_peers
    print(f"fsync {sql('SHOW fsync')}, synchronous_commit {sql('SHOW synchronous_commit')}; {os.cpu_count()} cores, load generator included; "
          f"{options.runs} runs each, median [min..max]")
    for target in [martlet] + ([hold, both] if peers else []):
        subprocess.run(smtpload(target, "-s", 10, "-d", "-m", 500), check=True, capture_output=True)
        settle(target)
    targets = [martlet] + ([both] if peers else [])
    trust = ssl.create_default_context(cafile=welcome["ca"])
    parts = {
        "intake": lambda: intakes([martlet] + ([hold] if peers else [])),
        "path": lambda: paths(targets),
        "imap": lambda: imap(targets),
        "mailbox": lambda: mailboxes(targets, trust),
        "idle": lambda: idle(targets, trust),
        "pop3": lambda: pop3(targets, trust),
        "outbound": lambda: outbound(options.count // 2),
        "tap": lambda: tap(martlet, options.count),
        "memory": lambda: memory(martlet),
    }
    for name in options.parts.split(","):
        with part(name):
            parts[name]()
    print("took: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in elapsed.items()), flush=True)


main()
