"""A mail goes all the way: SMTP in, classified, filed, read over IMAP."""
import json, threading, time, uuid
import pytest
from conftest import DAEMONS, message

SPAM = """Dear Winner,\r\n\r\nCONGRATULATIONS!!! You have won $1,000,000.00 USD in our lottery. Buy cheap viagra and cialis
online, no prescription, 80% off! Click here now: http://cheap-pills.example.biz/buy?id=123\r\n
Act now, this limited offer is 100% free and risk free. Send your bank account number and password to claim the prize.\r\n
To be removed from our list click here.\r\n""".replace("\r\n", "\n").replace("\n", "\r\n")


def token():
    return "t" + uuid.uuid4().hex[:12]


def test_plain_mail_reaches_inbox_within_two_seconds_with_a_verdict(martlet, account):
    subject = token()
    sent = message(f"Lunch {subject}", to=account.address)
    mail = martlet.send(account.address, sent)
    begun = time.monotonic()
    received = martlet.wait_mail(account, subject, seconds=2)
    assert time.monotonic() - begun < 2
    assert received.endswith(sent), "the wire bytes are not what was sent"
    head = received[: len(received) - len(sent)].decode()
    assert head.startswith("Return-Path: <someone@remote.test>\r\n") and "\r\nReceived: from client.test" in head
    trace = martlet.cli_json("trace", mail)
    events = [event["event"] for event in trace["events"]]
    assert events.index("accepted") < events.index("classified") < events.index("filed")
    assert trace["verdict"]["label"] == "ham" and 0 <= trace["verdict"]["probability"] <= 1


def test_spam_lands_in_junk_with_reasons(martlet, account):
    subject = token()
    mail = martlet.send(account.address, message(f"You WON the lottery, cheap VIAGRA {subject}", SPAM, sender="Prize <win@lotto.test>"))
    received = martlet.wait_mail(account, subject, mailbox="Junk")
    assert b"\r\nX-Martlet-Verdict: " in b"\r\n" + received
    verdict = martlet.cli_json("trace", mail)["verdict"]
    assert verdict["label"] in ("spam", "phish")
    assert 1 <= len(verdict["reasons"]) <= 5 and all(reason["text"] for reason in verdict["reasons"])
    assert "reason" in martlet.cli("trace", mail).stdout.lower() or verdict["reasons"][0]["text"] in martlet.cli("trace", mail).stdout


def test_submission_to_a_local_user_with_tag_and_alias(martlet, account, second):
    alias = f"{token()}@{martlet.domain}"
    martlet.cli("alias", "add", alias, account.address)
    martlet.cli("alias", "add", alias, second.address)
    subject = token()
    for port in ("submission", "submissions"):
        with martlet.smtp(port, account) as client:
            client.sendmail(account.address, [alias, second.address.replace("@", "+tag@")], message(f"{port} {subject}-{port}", sender=account.address))
        martlet.wait_mail(account, f"{subject}-{port}")
        martlet.wait_mail(second, f"{subject}-{port}")


def test_only_the_owner_may_use_an_address(martlet, account, second):
    with martlet.smtp("submission", account) as client:
        code, text = client.mail(second.address)
        assert code == 553, (code, text)


def test_unknown_and_foreign_recipients_are_refused(martlet, account):
    with martlet.smtp() as client:
        client.ehlo()
        client.mail("someone@remote.test")
        code, text = client.rcpt(f"nobody-{token()}@{martlet.domain}")
        assert (code, text[:5]) == (550, b"5.1.1")
        code, text = client.rcpt("u@remote.test")
        assert (code, text[:5]) == (550, b"5.7.1")


@pytest.mark.parametrize("daemon", DAEMONS)
def test_killing_a_daemon_loses_nothing_and_it_is_back_in_two_seconds(martlet, account, daemon):
    run, sent, stop = token(), [], threading.Event()

    def sender():
        number = 0
        while not stop.is_set():
            subject = f"{run}n{number}x"
            try:
                martlet.send(account.address, message(subject))
                sent.append(subject)
            except Exception:
                time.sleep(0.05)  # no 250, no promise
            number += 1

    thread = threading.Thread(target=sender)
    thread.start()
    try:
        time.sleep(0.5)
        old = martlet.kill(daemon)
        begun = time.monotonic()
        while martlet.pid(daemon) in (None, old):
            assert time.monotonic() - begun < 2, f"{daemon} is not back after 2 s"
            time.sleep(0.02)
        time.sleep(1.5)
    finally:
        stop.set()
        thread.join()
    martlet.wait_ready(degraded=False)
    assert len(sent) > 5
    deadline = time.monotonic() + 60
    while True:
        subjects = subjects_of(martlet, account)
        missing = [s for s in sent if s not in subjects]
        if not missing:
            break
        assert time.monotonic() < deadline, f"{len(missing)} of {len(sent)} acknowledged mails are missing"
        time.sleep(0.3)
    doubled = [s for s in sent if subjects.count(s) != 1]
    assert not doubled, f"doubled: {doubled}"


def subjects_of(martlet, account):
    found = []
    client = martlet.imap(account)
    for mailbox in ("INBOX", "Junk"):
        _, data = client.select(mailbox, readonly=True)
        if data[0] != b"0":
            for part in client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
                if isinstance(part, tuple):
                    found.append(part[1].decode().split(":", 1)[1].strip())
    client.logout()
    return found


def test_without_a_classifier_mail_is_delivered_and_labelled_later(martlet, account):
    martlet.stop("classifyd")
    try:
        subject = token()
        mail = martlet.send(account.address, message(f"late {subject}"))
        martlet.wait_mail(account, subject, seconds=60)
        assert martlet.cli_json("trace", mail).get("verdict") is None
        code, body = martlet.http("/health/ready")
        assert code == 200 and json.loads(body)["degraded"] == ["classify"]
    finally:
        martlet.start("classifyd")
    deadline = time.monotonic() + 60
    while martlet.cli_json("trace", mail).get("verdict") is None:
        assert time.monotonic() < deadline, "no late verdict"
        time.sleep(0.5)
    martlet.wait_ready()


def test_every_daemon_has_a_role_of_its_own_without_power(martlet):
    rows = martlet.sql("SELECT DISTINCT a.usename, r.rolsuper OR r.rolcreaterole OR r.rolcreatedb FROM pg_stat_activity a "
                       "JOIN pg_roles r ON r.rolname = a.usename WHERE a.usename LIKE 'martlet_%' AND a.usename <> 'martlet_owner'")
    roles = {role for role, _ in rows}
    assert {f"martlet_{daemon}" for daemon in DAEMONS} <= roles
    assert all(power == "f" for _, power in rows)


def test_queue_names_tell_the_story(martlet):
    import subprocess
    rabbit = martlet.welcome["rabbitmq"]
    queues = json.loads(subprocess.run(["curl", "-s", "-u", f"{rabbit['user']}:{rabbit['password']}", f"{rabbit['management']}/api/queues"],
                                       capture_output=True, text=True).stdout)
    assert {"mail.classify", "mail.file", "mail.relay", "mail.learn", "mail.parked"} <= {queue["name"] for queue in queues}


def test_metrics_of_all_daemons(martlet):
    code, text = martlet.http("/metrics")
    assert code == 200
    for daemon in DAEMONS:
        assert f'daemon="{daemon}"' in text, daemon
    assert martlet.http("/health/live")[0] == 200


def test_status_and_topology(martlet):
    assert martlet.cli("status").stdout
    assert martlet.cli_json("status")
    assert "mail.classify" in martlet.cli("topology").stdout
