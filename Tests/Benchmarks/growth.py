"""How cost grows: the same figures with more accounts, larger mailboxes, more classifiers. One run of each; beside Dovecot.

intake: 50 sessions kept. path: 10 sessions until a client in IDLE sees the mail. IMAP: ten clients (one where there is one
account) that list, select, fetch, store flags and append, and delete nothing.
"""
import json, shutil, subprocess, sys, time

from imap import imapload
from mailboxes import fill_maildir
from measure import *
from path import NeverVisible, path_once


class Classifiers:
    """So many classifyd instead of one, as services of their own beside the first."""

    def __init__(self, count):
        self.folders = [DATA / "services" / f"classifyd-{n}" for n in range(2, count + 1)]

    def __enter__(self):
        for folder in self.folders:
            folder.mkdir()
            shutil.copy(DATA / "services/classifyd/run", folder / "run.new")
            (folder / "run.new").rename(folder / "run")
        for folder in self.folders:
            until(f"{folder.name} runs", lambda: (folder / "supervise/stat").exists() and (folder / "supervise/stat").read_text().strip() == "run", 30)
        if self.folders:
            time.sleep(3)  # until they have the model and consume

    def __exit__(self, *_):
        for folder in self.folders:
            subprocess.run(["sv", "-w", "40", "exit", str(folder)], capture_output=True)
            shutil.rmtree(folder, ignore_errors=True)


def fill(target, name, count):
    if target.tls:
        accounts(name[:-1], 1)
        subprocess.run(smtpload(target, "-t", f"{name}@{target.domain}", "-u", 1, "-s", 50, "-d", "-l", 1024, "-m", count, "-T", 400), check=True, capture_output=True, timeout=420)
        until("every mail is filed", lambda: sql("SELECT count(*) FROM work WHERE stage IN (1, 2)") == "0")
        settle(target)
    else:
        fill_maildir(name, count)


def once(target, prefix, users):
    """Figures by name."""
    count = max(options.count // 2 // users, 1) * users
    figures = {}
    if target.tls:
        run = subprocess.run(smtpload(target, "-t", f"{prefix}%d@{target.domain}", "-u", users, "-s", 50, "-d", "-l", 4096, "-m", count), capture_output=True, text=True, check=True, timeout=120)
        result = json.loads(run.stdout)
        settle(target)
        figures["intake"], figures["p99"] = result["per_s"], result["data_to_250_ms"]["p99"]
    try:
        figures["path"] = path_once(target, ["-s", 10, "-l", 4096, "-d"], count, prefix, users, keep=True)["rate"]
    except NeverVisible as missed:
        if target.tls:
            raise
        # Dovecot with a Maildir of 100,000: most wait in Postfix's queue. An empty cell says it.
        print(f"   {missed}", file=sys.stderr, flush=True)
    settle(target)
    result = imapload(target, prefix, "read", min(10, users), options.seconds)
    figures["imap"], figures["select"] = result["per_s"], result["by"]["select"]["p50_us"] / 1000
    settle(target)
    return figures


def growth(targets):
    sizes = [1000, options.mails] + ([100_000] if options.large else [])
    rows = [("10 accounts", "grow", 10, 1, 0), ("1,000 accounts", "grow", 1000, 1, 0), ("10 accounts, 4 classifyd", "grow", 10, 4, 0)]
    rows += [(f"1 account, mailbox of {size:,}", f"deep{size}x", 1, 1, size) for size in sorted(set(sizes))]
    lines = []
    accounts("grow", 1000)
    for words, prefix, users, classifiers, size in rows:
        for target in targets:
            if classifiers > 1 and not target.tls:
                continue
            if size:
                fill(target, f"{prefix}1", size)
            with Classifiers(classifiers if target.tls else 1):
                figures = once(target, prefix, users)
            lines.append((words, target.name, figures))
            print(f"   {words}, {target.name}: done", file=sys.stderr, flush=True)
    columns = (("intake", "mails/s"), ("p99", "250 p99, ms"), ("path", "path, mails/s"), ("imap", "IMAP, cmds/s"), ("select", "SELECT p50, ms"))
    heads = ["intake, mails/s" if key == "intake" else words for key, words in columns]
    print(f"{'growth':<32}{'':<18}" + "".join(f"{head:>17}" for head in heads))
    for words, name, figures in lines:
        cells = [f"{figures[key]:,.1f}" if key in figures else "" for key, _ in columns]
        print(f"{words:<32}{name:<18}" + "".join(f"{cell:>17}" for cell in cells), flush=True)
