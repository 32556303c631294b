#!/usr/bin/env python3
"""Martlet beside Postfix, Dovecot and Rspamd: what each part measures is said in the file of its name.

Runs of the targets are interleaved; a figure is the median, with the spread behind it and how many times better Martlet is.
CPU is that of the target's whole process tree (PostgreSQL and RabbitMQ included).
"""
import os, ssl, subprocess, sys

from filtering import filtering
from growth import growth
from idle import idle
from imap import imap
from intake import intakes
from mailboxes import mailboxes
from measure import *
from outbound import outbound
from path import paths
from pop3 import pop3
from tap import memory, tap


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
        "filter": lambda: filtering(martlet),
        "growth": lambda: growth(targets),
        "pop3": lambda: pop3(targets, trust),
        "outbound": lambda: outbound(options.count // 2),
        "tap": lambda: tap(martlet, options.count * 3),
        "memory": lambda: memory(martlet),
    }
    for name in options.parts.split(","):
        with part(name):
            parts[name]()
    print("took: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in elapsed.items()), flush=True)


main()
