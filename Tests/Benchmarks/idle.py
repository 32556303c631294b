"""What idle IMAP connections cost: so many over TLS, each its own user, in IDLE on an empty Inbox; beside Dovecot.

Memory is the proportional share (PSS) of the whole tree of processes, so that what processes share counts once; Martlet's
PostgreSQL and RabbitMQ are in it. One run: memory that was used before is used again.
"""
import asyncio, os, pathlib, sys, time

from measure import *


def memory_of(target):
    """PSS of the target's processes in KiB."""
    total = 0
    for pid in process_tree(target.roots):
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1))
        except (OSError, AttributeError):
            continue
    return total


async def connect(target, port, tls, n, gate, streams):
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16, **({"ssl": tls, "server_hostname": "localhost"} if tls else {}))
        await asyncio.wait_for(reader.readline(), 60)
        for command, done in ((f"a LOGIN idle{n}@{target.domain} {target.password}", b"a OK"), ("b SELECT INBOX", b"b OK"), ("c IDLE", b"+")):
            writer.write(command.encode() + b"\r\n")
            while not (line := await asyncio.wait_for(reader.readline(), 60)).startswith(done):
                if not line or line[:2] in (b"a ", b"b ", b"c "):
                    sys.exit(f"{target.name}: {command.split()[1]} of connection {n}: {line!r}")
        streams.append((reader, writer))


async def once(target, port, tls, count):
    def cpu():
        return process_tree_cpu(target.roots)

    streams, gate = [], asyncio.Semaphore(20)
    warm = []
    await connect(target, port, tls, 1, gate, warm)  # what the first connection brings with it is not per connection
    settle(target)
    before, own = memory_of(target), rss("accessd")
    at_rest = cpu()
    await asyncio.sleep(10)
    at_rest = cpu() - at_rest
    begun, login = time.monotonic(), cpu()
    await asyncio.gather(*[connect(target, port, tls, n, gate, streams) for n in range(2, count + 2)])
    login, seconds = cpu() - login, time.monotonic() - begun
    await asyncio.sleep(8)
    after, own = memory_of(target), rss("accessd") - own
    idle = cpu()
    await asyncio.sleep(10)
    idle = cpu() - idle
    for _, writer in streams + warm:
        writer.transport.abort()
    await asyncio.sleep(3)
    return {"memory": (after - before) / count, "rss": own * 1024 / count, "idle": idle * 1000, "rest": at_rest * 1000,
            "login": login * 1000 / count, "rate": count / seconds}


def idle(targets, trust):
    count = options.idle
    accounts("idle", count + 1)
    results = {t.name: asyncio.run(once(t, t.imaps, trust, count)) for t in targets}
    title = f"{count:,} idle IMAP connections, TLS"
    for figure, unit, words in (("memory", "KiB", f"{title}: memory of each"), ("idle", "ms", "   CPU in 10 s"), ("rest", "ms", "   CPU in 10 s without them"),
                                ("login", "ms", "   CPU of connecting, each"), ("rate", "per s", "   connections and logins")):
        show(words, unit, {name: [result[figure]] for name, result in results.items()}, compare=figure != "rest")
    print(f"   RSS of accessd alone: {results['Martlet']['rss']:.1f} KiB for each", flush=True)
    for target in targets:
        if not target.tls:
            result = asyncio.run(once(target, target.imap, None, count))
            show("   the peer without TLS: memory of each", "KiB", {"Martlet, TLS": [results["Martlet"]["memory"]], target.name: [result["memory"]]})
