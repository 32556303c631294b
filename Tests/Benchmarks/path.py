"""The whole path: from SMTP until a client in IDLE has been told of the mail and fetched it, its rate and its latency; beside Postfix and
Dovecot's LMTP. The same program watches both, over TLS (`imapwatch.c`); it and smtpload are no part of "CPU per mail".
"""
import json, subprocess, sys

from measure import *


first_id = 1


class NeverVisible(SystemExit):
    """Mails that were taken and could not be seen a minute later: the end of the run, unless somebody expects it."""


def path_once(target, arguments, count, prefix="u", users=USERS, keep=False):
    """Sends the mails round robin to so many users, and watches 20 of them, evenly spread, the last one included."""
    global first_id
    first, first_id = first_id, first_id + count
    watched = {users - n * users // min(users, USERS) for n in range(min(users, USERS))}
    wanted = {first + n for n in range(count) if 1 + n % users in watched}
    log = HOME / "path.log"
    watch = subprocess.Popen([str(HOME / "imapwatch"), "127.0.0.1", str(target.imaps), target.password, str(first), str(first + count - 1), str(len(wanted)),
                              "keep" if keep else "empty", *[f"{prefix}{user}@{target.domain}" for user in watched]], stdout=subprocess.PIPE, text=True)
    if watch.stdout.readline() != "ready\n":
        sys.exit(f"{target.name} cannot be watched")
    time.sleep(0.5)
    before, begun = process_tree_cpu(target.roots), time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    sent = json.loads(subprocess.run(smtpload(target, "-t", f"{prefix}%d@{target.domain}", "-u", users, "-o", log, "-m", count, "-i", first, *arguments),
                                     capture_output=True).stdout)
    try:
        told = watch.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired:
        watch.terminate()
        told = watch.communicate(timeout=10)[0]
    cpu = (process_tree_cpu(target.roots) - before) * 1000 / count
    seen = dict(map(int, line.split()) for line in told.splitlines())
    if watch.returncode:
        sys.exit(f"{target.name}: a watcher failed")
    missing = wanted - seen.keys()
    # Postfix puts a mail off that Dovecot did not take at once; Martlet has no excuse.
    if sent["failed"] or (missing and (target.tls or len(missing) > len(wanted) // 10)):
        raise NeverVisible(f"{target.name}: {sent['failed']} refused, {len(missing)} of {len(wanted)} never became visible")
    if missing:
        print(f"   {target.name}: {len(missing)} of {len(wanted)} mails were not visible after 60 s, and are left out", file=sys.stderr, flush=True)
    seen = {number: when for number, when in seen.items() if number in wanted}
    latency = sorted((seen[i] - dot) / 1000 for i, _, dot, _ in (map(int, line.split()) for line in log.read_text().splitlines()) if i in seen)
    return {"rate": count * len(seen) / len(wanted) / ((max(seen.values()) - begun) / 1e6), "cpu": cpu,
            "p50": latency[len(latency) // 2], "p99": latency[min(len(latency) - 1, len(latency) * 99 // 100)]}


def path(targets, title, arguments, count, figures):
    results = {t.name: [] for t in targets}
    for _ in range(options.runs):
        for target in targets:
            results[target.name].append(path_once(target, arguments, count))
            settle(target)
    for figure, unit in figures:
        show(f"{title}: {figure}", unit, {name: [run[figure] for run in runs] for name, runs in results.items()})


def paths(targets):
    for sessions in (10, 50):
        path(targets, f"SMTP to visible in IMAP, {sessions} sessions kept", ["-s", sessions, "-l", 4096, "-d"], options.count // 2, (("rate", "mails/s"), ("cpu", "ms")))
    for rate in (100, 200):
        path(targets, f"the same at {rate} mails/s, watched by IDLE", ["-s", 20, "-l", 4096, "-r", rate], min(1000, options.count), (("p50", "ms"), ("p99", "ms")))
