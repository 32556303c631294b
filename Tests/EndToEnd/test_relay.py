"""Mail to other hosts: delivery, retries, notifications, and who may not have mail relayed.

Needs a system that was started with MARTLET_DNS_ZONE_FILE=relay.zone, MARTLET_RELAY_PORT, MARTLET_RELAY_ALLOW=127.0.1.0/24 and
a retry schedule in seconds (`Tests/run` does); the mail host at 127.0.1.10 is a sink in this process."""
import email, email.policy, re, socket, time, uuid
import pytest
from conftest import message

aiosmtpd = pytest.importorskip("aiosmtpd", reason="python3-aiosmtpd is not installed")
from sink import Sink


def token():
    return "t" + uuid.uuid4().hex[:12]


@pytest.fixture(scope="module")
def port(martlet):
    folder = martlet.data / "services" / ".relayd.env"
    if not (folder / "MARTLET_DNS_ZONE_FILE").exists() or not (folder / "MARTLET_RELAY_PORT").exists():
        pytest.skip("the system was not started with a zone file and MARTLET_RELAY_PORT")
    return int((folder / "MARTLET_RELAY_PORT").read_text())


@pytest.fixture
def sink(port):
    with Sink("127.0.1.10", port) as running:
        yield running


def submit(martlet, account, recipients, subject, body="Hello,\r\n.a line with a dot\r\nbye\r\n", header=""):
    recipients = [recipients] if isinstance(recipients, str) else recipients
    text = message(subject, body, sender=f"A User <{account.address}>", to=recipients[0])
    with martlet.smtp("submission", account) as client:
        client.ehlo()
        client.mail(account.address)
        for address in recipients:
            code, answer = client.rcpt(address)
            assert code == 250, (code, answer)
        code, answer = client.data(header.encode() + text)
        assert code == 250, (code, answer)
        return answer.decode().split()[1], header.encode() + text


def wait_event(martlet, mail, name, seconds=20, count=1):
    deadline = time.monotonic() + seconds
    while True:
        trace = martlet.cli_json("trace", mail)
        found = [event for event in trace["events"] if event["event"] == name]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, f"no {name} after {seconds} s: {trace['events']}"
        time.sleep(0.1)


def notification(martlet, account, original, seconds=30):
    """The one notification about this mail in the account's Inbox, parsed."""
    deadline = time.monotonic() + seconds
    while True:
        found = [mail for mail in martlet.find(account, "could not be delivered") if original.encode() in mail]
        if found:
            assert len(found) == 1, f"{len(found)} notifications"
            return email.message_from_bytes(found[0], policy=email.policy.default)
        assert time.monotonic() < deadline, f"no notification after {seconds} s"
        time.sleep(0.2)


def fields(report):
    """The per-recipient groups of message/delivery-status (RFC 3464 2.1)."""
    parts = list(report.walk())
    assert report.get_content_type() == "multipart/report" and report.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in report.iter_parts()] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers"]
    status = next(part for part in parts if part.get_content_type() == "message/delivery-status")
    return status.get_payload()


def test_a_users_mail_goes_out_byte_for_byte(martlet, account, sink):
    subject = token()
    mail, sent = submit(martlet, account, "u@remote.test", subject)
    [got] = sink.wait(subject)
    assert got.sender == account.address and got.recipients == ["u@remote.test"]
    assert got.helo == "mail.example.test"
    assert got.content.endswith(sent)
    assert b"\r\nReceived: from client.test" in b"\r\n" + got.content
    [event] = wait_event(martlet, mail, "relayed")
    assert event["detail"]["host"] == "mx1.remote.test" and event["detail"]["reply"].startswith("250")
    assert martlet.cli_json("trace", mail)["work"] == []
    assert "relayed" in martlet.cli("trace", mail).stdout


def test_one_mail_to_several_hosts_and_to_a_local_account(martlet, account, second, sink):
    subject = token()
    to = ["a@remote.test", "b@remote.test", "c@implicit.test", "d@other.test", second.address]
    submit(martlet, account, to, subject)
    martlet.wait_mail(second, subject)
    got = sink.wait(subject, count=3)
    assert sorted(tuple(sorted(mail.recipients)) for mail in got) == [
        ("a@remote.test", "b@remote.test"), ("c@implicit.test",), ("d@other.test",)]


def test_mails_share_a_connection(martlet, account, sink):
    subject = token()
    martlet.stop("relayd")
    try:
        for number in range(12):
            submit(martlet, account, "u@remote.test", f"{subject}n{number}x")
        time.sleep(1)
    finally:
        martlet.start("relayd")
    got = sink.wait(subject, count=12)
    assert len({mail.session for mail in got}) < 6
    assert sorted(re.search(subject.encode() + rb"n(\d+)x", mail.content).group(1) for mail in got) == sorted(b"%d" % n for n in range(12))
    martlet.wait_ready()


def test_a_large_mail_streams(martlet, account, sink):
    subject = token()
    body = "".join(f"line {n} of a long mail, and a full stop.\r\n.\r\n" for n in range(40_000))
    _, sent = submit(martlet, account, "u@remote.test", subject, body)
    [got] = sink.wait(subject)
    assert len(sent) > 1_500_000 and got.content.endswith(sent)


def test_a_backup_host_takes_over(martlet, account, sink):
    subject = token()
    submit(martlet, account, "u@backup.test", subject)
    sink.wait(subject)


def test_a_temporary_refusal_is_tried_again_and_the_others_are_not(martlet, account, sink):
    subject, slow = token(), f"slow-{token()}@remote.test"
    sink.answers[slow] = ["450 4.2.1 Try again later", "451 4.3.0 Not yet"]
    mail, _ = submit(martlet, account, [slow, "fast@remote.test"], subject)
    got = sink.wait(subject, count=2)
    assert sorted(tuple(m.recipients) for m in got) == [("fast@remote.test",), (slow,)]
    deferred = wait_event(martlet, mail, "deferred", count=2)
    assert [event["detail"]["attempt"] for event in deferred] == [1, 2]
    assert deferred[0]["detail"]["reply"] == "450 4.2.1 Try again later"
    assert len([1 for _, address in sink.attempts if address == slow]) == 3


def test_a_permanent_refusal_comes_back_as_one_notification(martlet, account, sink):
    subject, gone, gone2 = token(), f"gone-{token()}@remote.test", f"gone-{token()}@remote.test"
    sink.answers[gone] = sink.answers[gone2] = "550 5.1.1 No such user\u0020here"
    mail, sent = submit(martlet, account, [gone, "fine@remote.test", gone2], subject)
    [got] = sink.wait(subject)
    assert got.recipients == ["fine@remote.test"]
    report = notification(martlet, account, gone)
    head, first, other = fields(report)
    assert head["Reporting-MTA"] == "dns; mail.example.test" and head["Arrival-Date"]
    assert {first["Final-Recipient"], other["Final-Recipient"]} == {f"rfc822; {gone}", f"rfc822; {gone2}"}
    for group in (first, other):
        assert group["Action"] == "failed" and group["Status"] == "5.1.1"
        assert group["Diagnostic-Code"] == "smtp; 550 5.1.1 No such user here" or "550" in group["Diagnostic-Code"]
        assert group["Remote-MTA"] == "dns; mx1.remote.test"
    returned = list(report.iter_parts())[2].get_content()
    returned = returned.decode() if isinstance(returned, bytes) else returned
    assert f"Subject: {subject}" in returned and "a line with a dot" not in returned
    assert report["Auto-Submitted"] == "auto-replied" and report["From"].addresses[0].username == "MAILER-DAEMON"
    assert report["Return-Path"] == "<>"
    original = email.message_from_bytes(sent, policy=email.policy.default)
    assert report["In-Reply-To"] == original["Message-ID"]
    [told] = wait_event(martlet, mail, "notified")
    assert martlet.cli_json("trace", told["detail"]["mail"])["origin"] == "dsn"


def test_an_unreachable_host_is_tried_until_the_time_is_over(martlet, account, port):
    subject, address = token(), f"u-{token()}@down.test"
    mail, _ = submit(martlet, account, address, subject)
    wait_event(martlet, mail, "deferred", count=2)
    shown = martlet.cli("queue", "show", mail).stdout
    assert "relay" in shown and "No connection" in shown
    report = notification(martlet, account, address, seconds=60)
    [_, group] = fields(report)
    assert group["Status"].startswith("5.4.") and group["Action"] == "failed"
    assert "No connection" in group["Diagnostic-Code"]
    assert martlet.cli_json("trace", mail)["work"] == []


@pytest.mark.parametrize("domain, status", [
    ("null.test", "5.1.10"), ("nowhere.test", "5.1.2"), ("loop.test", "5.4.6"), ("local.test", "5.4.6"), ("private.test", "5.4.6"),
    ("zero.test", "5.4.6"), ("name.test", "5.4.4"), ("literal.test", "5.4.4")])
def test_hopeless_or_dangerous_routes_fail_at_once(martlet, account, port, domain, status):
    # RELIABILITY: nothing is connected to: a listener on the very port at 127.0.0.1 hears nothing.
    with socket.create_server(("127.0.0.1", port)) as trap:
        trap.settimeout(0.2)
        subject, address = token(), f"u-{token()}@{domain}"
        submit(martlet, account, address, subject)
        report = notification(martlet, account, address)
        [_, group] = fields(report)
        assert group["Status"] == status
        with pytest.raises(TimeoutError):
            trap.accept()


def test_no_notification_about_a_notification(martlet, account, sink):
    """An alias forwards mail of the null sender to an address that does not exist."""
    alias, gone, subject = f"{token()}@{martlet.domain}", f"gone-{token()}@remote.test", token()
    martlet.cli("alias", "add", alias, gone)
    sink.answers[gone] = "550 5.1.1 No such user"
    mail = martlet.send(alias, message(subject), sender="")
    wait_event(martlet, mail, "undeliverable")
    trace = martlet.cli_json("trace", mail)
    assert not [event for event in trace["events"] if event["event"] == "notified"] and trace["work"] == []


def test_an_alias_forwards_with_its_sender_and_keeps_local_copies(martlet, account, sink):
    alias, subject = f"{token()}@{martlet.domain}", token()
    martlet.cli("alias", "add", alias, "friend@remote.test")
    martlet.cli("alias", "add", alias, account.address)
    martlet.send(alias, message(subject), sender="someone@elsewhere.test")
    martlet.wait_mail(account, subject)
    [got] = sink.wait(subject)
    assert got.sender == "someone@elsewhere.test" and got.recipients == ["friend@remote.test"]
    assert got.content.startswith(f"Delivered-To: {alias}\r\n".encode())
    # It comes back: the friend forwards to the alias. That would go on for ever.
    with martlet.smtp() as client:
        client.ehlo()
        client.mail("someone@elsewhere.test")
        assert client.rcpt(alias)[0] == 250
        code, answer = client.data(got.content)
        assert code == 554 and b"5.4.6" in answer


def test_a_failed_forward_is_reported_to_its_sender_without_its_target(martlet, sink):
    alias, gone, subject = f"{token()}@{martlet.domain}", f"gone-{token()}@remote.test", token()
    martlet.cli("alias", "add", alias, gone)
    sink.answers[gone] = "550 5.1.1 No such user"
    martlet.send(alias, message(subject), sender="sender@other.test")
    [report] = sink.wait("could not be delivered")
    assert report.sender in ("", None, "<>") and report.recipients == ["sender@other.test"]
    [_, group] = fields(email.message_from_bytes(report.content, policy=email.policy.default))
    assert group["Final-Recipient"] == f"rfc822; {alias}" and group["Original-Recipient"] is None
    assert gone.encode() not in report.content


RELAY_FORMS = ["u@remote.test", "u%remote.test@[{ip}]", "u%remote.test@{host}", '"u@remote.test"', '"u%remote.test"', "u@remote.test@[{ip}]",
               '"u@remote.test"@[{ip}]', "u@remote.test@{host}", "@[{ip}]:u@remote.test", "@{host}:u@remote.test", "remote.test!u",
               "remote.test!u@[{ip}]", "remote.test!u@{host}"]


@pytest.mark.parametrize("sender", ["", "a@evil.test", "a@example.test", "a@[127.0.0.1]"])
def test_strangers_get_nothing_relayed(martlet, sink, sender):
    """RELIABILITY row 30: the forms of nmap's smtp-open-relay."""
    for form in RELAY_FORMS:
        recipient = form.format(ip="127.0.0.1", host=martlet.domain)
        with martlet.smtp() as client:
            client.ehlo()
            client.docmd("MAIL", f"FROM:<{sender}>")
            code, answer = client.docmd("RCPT", f"TO:<{recipient}>")
            assert code >= 500, (recipient, code, answer)
            assert client.docmd("DATA")[0] >= 500
    assert sink.sessions == 0


def test_an_account_relays_but_not_to_a_literal_address(martlet, account, sink):
    with martlet.smtp("submission", account) as client:
        client.ehlo()
        client.mail(account.address)
        code, answer = client.rcpt("u@[127.0.1.10]")
        assert code == 550, (code, answer)
        assert client.rcpt("u@remote.test")[0] == 250


def test_a_killed_relay_loses_nothing(martlet, account, sink):
    subject = token()
    for number in range(10):
        submit(martlet, account, f"u{number}@remote.test", f"{subject}n{number}x")
        if number == 5:
            martlet.kill("relayd")
    got = sink.wait(subject, count=10, seconds=60)
    assert {re.search(subject.encode() + rb"n(\d+)x", mail.content).group(1) for mail in got} == {b"%d" % n for n in range(10)}
    martlet.wait_ready()
