"""The whole path: from SMTP until a client in IDLE can fetch the mail, its rate and its latency; beside Postfix and Dovecot's LMTP.

Dovecot's watchers read in clear text, Martlet's over TLS.
"""
import asyncio, json, re, sys, time

from measure import *


class Watcher:
    """One IMAP connection in IDLE; notes which mails became visible, and when (CLOCK_MONOTONIC, microseconds)."""

    def __init__(self, target, name, seen, keep):
        self.target, self.name, self.seen, self.keep, self.number, self.at, self.have = target, name, seen, keep, 0, [], 0

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
        await self.command(f"LOGIN {self.name}@{self.target.domain} {self.target.password}")
        await self.command("SELECT INBOX")
        if not self.keep and self.at and self.at[-1][0] > 0:
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


first_id = 1


async def path_once(target, arguments, count, prefix="u", users=USERS, keep=False):
    """Sends the mails round robin to so many users, and watches 20 of them, evenly spread, the last one included."""
    global first_id
    first, first_id = first_id, first_id + count
    seen, stop = {}, asyncio.Event()
    watched = {users - n * users // min(users, USERS) for n in range(min(users, USERS))}
    wanted = {first + n for n in range(count) if 1 + n % users in watched}
    watchers = [Watcher(target, f"{prefix}{user}", seen, keep) for user in watched]
    for watcher in watchers:
        await watcher.open()
    tasks = [asyncio.create_task(watcher.run(stop)) for watcher in watchers]
    await asyncio.sleep(0.5)
    log = HOME / "path.log"
    before, begun = process_tree_cpu(target.roots), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    load = await asyncio.create_subprocess_exec(*smtpload(target, "-t", f"{prefix}%d@{target.domain}", "-u", users, "-o", log, "-m", count, "-i", first, *arguments),
                                                stdout=asyncio.subprocess.PIPE)
    sent = json.loads((await load.communicate())[0])
    end = time.monotonic() + 60
    while not wanted <= seen.keys() and time.monotonic() < end:
        await asyncio.sleep(0.02)
        for task in tasks:
            if task.done():
                task.result()
    cpu = (process_tree_cpu(target.roots) - before) * 1000 / count
    stop.set()
    await asyncio.gather(*tasks)
    missing = wanted - seen.keys()
    # Postfix puts a mail off that Dovecot did not take at once; Martlet has no excuse.
    if sent["failed"] or (missing and (target.tls or len(missing) > len(wanted) // 10)):
        sys.exit(f"{target.name}: {sent['failed']} refused, {len(missing)} of {len(wanted)} never became visible")
    if missing:
        print(f"   {target.name}: {len(missing)} of {len(wanted)} mails were not visible after 60 s, and are left out", file=sys.stderr, flush=True)
    seen = {number: when for number, when in seen.items() if number in wanted}
    latency = sorted((seen[i] - dot) / 1000 for i, _, dot, _ in (map(int, line.split()) for line in log.read_text().splitlines()) if i in seen)
    at = sorted(seen.values())
    return {"rate": count * len(seen) / len(wanted) / ((at[-1] - begun) / 1e6), "cpu": cpu,
            "p50": latency[len(latency) // 2], "p99": latency[min(len(latency) - 1, len(latency) * 99 // 100)]}


def path(targets, title, arguments, count, figures):
    results = {t.name: [] for t in targets}
    for _ in range(options.runs):
        for target in targets:
            results[target.name].append(asyncio.run(path_once(target, arguments, count)))
            settle(target)
    for figure, unit in figures:
        show(f"{title}: {figure}", unit, {name: [run[figure] for run in runs] for name, runs in results.items()})


def paths(targets):
    path(targets, "SMTP to visible in IMAP, 10 sessions kept", ["-s", 10, "-l", 4096, "-d"], options.count // 2, (("rate", "mails/s"), ("cpu", "ms")))
    for rate in (100, 200):
        path(targets, f"the same at {rate} mails/s, watched by IDLE", ["-s", 20, "-l", 4096, "-r", rate], min(1000, options.count), (("p50", "ms"), ("p99", "ms")))
