"""A mail that fails, hangs or kills its worker is parked after five tries, holds up nobody else, and is seen everywhere.

Poison is made where every stage must pass: a trigger on the deletion of a work row, which looks at the mail's sender.
`fail@poison.test` raises an error, `hang@poison.test` keeps the worker waiting for ever.
"""
import os, re, signal, time, uuid
import pytest
from conftest import message

TRIGGER = """
CREATE SCHEMA poison;
CREATE TABLE poison.stage (stage smallint);
CREATE FUNCTION poison.strike() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE who text;
BEGIN
    IF OLD.stage IN (SELECT stage FROM poison.stage) THEN
        SELECT envelope_from INTO who FROM mail WHERE mail_id = OLD.mail_id;
        IF who = 'fail@poison.test' THEN RAISE EXCEPTION 'this mail is poison'; END IF;
        IF who = 'hang@poison.test' THEN PERFORM pg_sleep(3600); END IF;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER poison BEFORE DELETE ON work FOR EACH ROW EXECUTE FUNCTION poison.strike();
"""
STAGES = {"classify": 1, "file": 2}


@pytest.fixture
def poison(martlet):
    """`poison(stage)` makes poison work at that stage; at the end there is none, and nothing is left unfinished."""
    martlet.sql(TRIGGER)
    yield lambda stage: martlet.sql(f"INSERT INTO poison.stage VALUES ({STAGES[stage]})")
    martlet.sql("DROP TRIGGER poison ON work; DROP SCHEMA poison CASCADE")
    martlet.sql("UPDATE work SET parked_at = NULL, attempts = 0, next_hint_at = now() WHERE mail_id IN "
                "(SELECT mail_id FROM mail WHERE envelope_from LIKE '%@poison.test')")
    eventually("the poison is gone", lambda: not unfinished(martlet), 30)


@pytest.fixture
def short_tries(martlet):
    """Workers that hang are ended after two seconds instead of six."""
    path = martlet.data / "martlet.yaml"
    before, about = path.read_text(), path.stat()
    path.write_text("queues:\n  try_limit: 2s\n")
    for daemon in ["classifyd", "filerd"]:
        martlet.sv("restart", daemon)
    yield
    path.write_text(before)
    os.chown(path, about.st_uid, about.st_gid)
    for daemon in ["classifyd", "filerd"]:
        martlet.sv("restart", daemon)


def eventually(what, condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def unfinished(martlet):
    return martlet.sql("SELECT mail_id FROM work JOIN mail USING (mail_id) WHERE envelope_from LIKE '%@poison.test' AND stage IN (1, 2)")


def parked(martlet, mail):
    return [row for row in martlet.cli_json("queue", "parked") if row["mail"] == mail]


def metric(martlet, name, **labels):
    _, page = martlet.http("/metrics")
    total = 0
    for line in page.splitlines():
        if re.match(rf"{name}[ {{]", line) and all(f'{key}="{value}"' in line for key, value in labels.items()):
            total += float(line.rpartition(" ")[2])
    return total


def send_all(martlet, account, count, bad_sender, bad):
    """Sends `count` mails, those at the places `bad` as poison; returns the ids of the poison and the good subjects."""
    ids, subjects, run = [], [], uuid.uuid4().hex[:8]
    for number in range(count):
        subject = f"poison-test-{run}-{number}"
        sender = f"{bad_sender}@poison.test" if number in bad else "good@poison.test"
        mail = martlet.send(account.address, message(subject), sender=sender)
        if number in bad:
            ids.append(mail)
        else:
            subjects.append(subject)
    return ids, subjects


def mailbox_count(martlet, account):
    client = martlet.imap(account)
    try:
        return sum(int(re.search(rb"MESSAGES (\d+)", client.status(name, "(MESSAGES)")[1][0]).group(1)) for name in ["INBOX", "Junk"])
    finally:
        client.logout()


def test_mails_that_fail_are_parked_and_seen_and_a_retry_delivers_them(martlet, account, poison):
    poison("file")
    before, process = metric(martlet, "mail_queue_parked_total", daemon="filerd"), martlet.pid("filerd")
    started = time.monotonic()
    bad, good = send_all(martlet, account, 60, "fail", {7, 23, 41})
    eventually("the good mails are filed", lambda: mailbox_count(martlet, account) == len(good), 15)
    good_time = time.monotonic() - started

    def told_again():  # the sweeper tells it after 2, 4, 8 and 16 s; here it need not wait
        martlet.sql("UPDATE work SET next_hint_at = now() WHERE parked_at IS NULL AND last_error IS NOT NULL")
        return all(parked(martlet, mail) for mail in bad)

    eventually("the poison is parked", told_again, 60)
    assert good_time < 20
    for mail in bad:
        row = parked(martlet, mail)[0]
        assert row["stage"] == "file" and row["attempts"] == 5 and "poison" in row["lastError"]
        trace = martlet.cli("trace", mail).stdout
        assert "parked" in trace and "poison" in trace
        assert "file" in martlet.cli("queue", "show", mail).stdout
    # A test that runs beside this one may start filerd anew; then it counts from nought.
    eventually("the page of metrics tells it", lambda: metric(martlet, "mail_work_parked_rows", stage="file") >= 3
               and (metric(martlet, "mail_queue_parked_total", daemon="filerd") >= before + 3 or martlet.pid("filerd") != process), 15)
    assert [row["parked"] >= 3 for row in martlet.cli_json("queue", "list") if row["stage"] == "file"] == [True]
    # The reason is gone, an operator asks for another try: the mail arrives.
    martlet.sql("DELETE FROM poison.stage")
    for mail in bad:
        martlet.cli("queue", "retry", mail)
    eventually("all mails are filed", lambda: mailbox_count(martlet, account) == 60, 20)


def test_a_mail_that_hangs_its_worker_is_parked_and_still_delivered(martlet, account, poison, short_tries):
    poison("classify")
    first = martlet.pid("classifyd")
    bad, good = send_all(martlet, account, 20, "hang", {9})
    # Given up at classify means filed without a verdict: fail open.
    eventually("all mails are filed, the poison too", lambda: mailbox_count(martlet, account) == 20, 60)
    assert martlet.pid("classifyd") != first, "classifyd was ended and started again"
    trace = martlet.cli("trace", bad[0]).stdout
    assert "parked" in trace
    assert "mail is parked" in martlet.log("classifyd")
    # It left nothing behind: the next mail gets its verdict at once.
    subject = f"after-{uuid.uuid4().hex[:8]}"
    martlet.send(account.address, message(subject))
    martlet.wait_mail(account, subject, mailbox=None)


def test_a_mail_that_kills_its_worker_is_parked_after_five_tries(martlet, account, poison):
    poison("file")
    bad, good = send_all(martlet, account, 30, "hang", {11})
    kills, seen, deadline = 0, set(), time.monotonic() + 60
    while not parked(martlet, bad[0]):
        assert time.monotonic() < deadline, f"not parked after {kills} kills"
        # The worker has the poison in its hands: it dies on the spot, as by a trap or the kernel's killer.
        busy = [row[0] for row in martlet.sql(
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = 'martlet-filerd'")]
        pid = martlet.pid("filerd")
        if pid and any(backend not in seen for backend in busy):
            martlet.kill("filerd", signal.SIGKILL)
            kills += 1
            seen.update(busy)
            eventually("filerd is another process", lambda: martlet.pid("filerd") not in (None, pid), 10)
        time.sleep(0.05)
    assert 5 <= kills <= 7  # the first delivery is tried uncounted, with all others
    row = parked(martlet, bad[0])[0]
    assert row["attempts"] == 5 and "worker ended" in row["lastError"]
    eventually("the others are filed", lambda: mailbox_count(martlet, account) == len(good), 20)


def test_a_hint_that_is_nonsense_is_parked_and_blocks_nobody(martlet, account):
    page = f"http://127.0.0.1:{martlet.welcome['rabbitmq']['management'].rpartition(':')[2]}/api/exchanges/%2F/martlet.mail/publish"
    import base64, json, urllib.request
    user = martlet.welcome["rabbitmq"]
    for payload in ["no json", json.dumps({"schema": "mail.accepted", "version": 99, "mails": []}), "\u0000\u0001" * 3000]:
        request = urllib.request.Request(page, method="POST", data=json.dumps(
            {"properties": {}, "routing_key": "mail.accepted", "payload": payload, "payload_encoding": "string"}).encode())
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user['user']}:{user['password']}".encode()).decode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["routed"]
    subject = f"after-nonsense-{uuid.uuid4().hex[:8]}"
    martlet.send(account.address, message(subject))
    martlet.wait_mail(account, subject, mailbox=None)
