"""Durable intake beside Postfix, which holds what it accepted: the whole path working behind, and accepted and held by both."""
import json, subprocess, sys

from measure import *


def hold():
    """From now on mails are accepted and nothing else is done with them."""
    sv("down", "classifyd", "filerd")


def release():
    """First the verdicts, then the mailboxes: filerd lets old mails go on without a verdict."""
    sv("up", "classifyd")
    until("every mail has a verdict", lambda: sql("SELECT count(*) FROM work WHERE stage = 1") == "0")
    sv("up", "filerd")
    until("every mail is filed", lambda: sql("SELECT count(*) FROM work WHERE stage = 2") == "0")


def intake(targets, size, sessions, reuse, count, held=False):
    """`size` in octets, or `None` for mails of all kinds and sizes."""
    content = ["-l", size] if size else ["-b", corpus()]
    rates, p99, cpu = ({t.name: [] for t in targets} for _ in range(3))
    for _ in range(options.runs):
        for target in targets:
            target.empty()
            if held and target.tls:
                hold()
            before = process_tree_cpu(target.roots)
            run = subprocess.run(smtpload(target, "-s", sessions, *content, "-m", count, *(["-d"] if reuse else [])), capture_output=True, text=True, timeout=300)
            if run.returncode != 0:
                sys.exit(f"smtpload against {target.name}: {run.stderr[-500:]}")
            result = json.loads(run.stdout)
            if result["failed"]:
                sys.exit(f"{target.name} refused {result['failed']} mails: {run.stderr[-500:]}")
            rates[target.name].append(result["per_s"])
            p99[target.name].append(result["data_to_250_ms"]["p99"])
            settle(target)
            cpu[target.name].append((process_tree_cpu(target.roots) - before) * 1000 / count)
            if held and target.tls:
                release()
                settle(target)
    kind = f"{size // 1024} KiB" if size else "mails of all kinds"
    title = f"intake {kind}, {sessions} sessions, {'kept' if reuse else 'one per mail'}{', accepted and held' if held else ''}"
    show(title, "mails/s", rates)
    show("   final dot to 250, p99", "ms", p99)
    show("   CPU per mail" if held else "   CPU per mail, until its path is done", "ms", cpu)


def intakes(targets):
    for size, sessions, reuse, count in ((4096, 10, True, options.count), (4096, 50, True, options.count), (None, 10, True, options.count // 2), (65536, 10, True, options.count // 2), (4096, 50, False, options.count // 2)):
        for held in (True, False):
            intake(targets, size, sessions, reuse, count, held)
