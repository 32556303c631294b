"""IMAP: what clients do all day, over TLS, connections kept, each client its own mailbox; beside Dovecot.

A session lists, asks for a status, selects, fetches metadata of up to 30 mails and some bodies, stores flags, appends a mail
and expunges what is above 30, with the odds of Dovecot's imaptest; it starts over without a new login.
"""
import json, subprocess, sys

from measure import *


def imapload(target, prefix, mode, clients, seconds, users=None):
    run = subprocess.run([str(HOME / "imapload"), "127.0.0.1", str(target.imaps), f"{prefix}%d@{target.domain}", str(users or clients), target.password, mode,
                          str(clients), str(seconds), str(corpus())], capture_output=True, text=True, timeout=seconds + 120)
    if run.returncode != 0:
        sys.exit(f"imapload against {target.name}: {run.stderr[-500:]}")
    result = json.loads(run.stdout)
    if result["errors"]:
        sys.exit(f"{target.name}: {result['errors']} IMAP commands failed: {run.stderr[-500:]}")
    return result


def imap(targets):
    accounts("mix", 50)
    for target in targets:  # some mail in every mailbox
        imapload(target, "mix", "steady", 50, min(4, options.seconds))
        settle(target)
    for clients in (10, 50):
        rows = {figure: {t.name: [] for t in targets} for figure in ("rate", "cpu", "select", "fetch", "append")}
        for _ in range(options.runs):
            for target in targets:
                before = process_tree_cpu(target.roots)
                result = imapload(target, "mix", "steady", clients, options.seconds)
                settle(target)
                rows["rate"][target.name].append(result["per_s"])
                rows["cpu"][target.name].append((process_tree_cpu(target.roots) - before) * 1000 / result["commands"])
                for name in ("select", "fetch", "append"):
                    rows[name][target.name].append(result["by"][name]["p99_us"] / 1000)
        show(f"IMAP command mix, {clients} clients, TLS", "commands/s", rows["rate"])
        show("   CPU per command", "ms", rows["cpu"])
        for name in ("select", "fetch", "append"):
            show(f"   p99 of {'FETCH of metadata' if name == 'fetch' else name.upper()}", "ms", rows[name])
