"""The way of a lesson: from a move into Junk, or the operator's mail, to the verdict on the next mail like it."""
import json, mailbox, os, random, subprocess, time, uuid
import pytest
from conftest import message

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


class Campaign:
    """Mails of made-up words: alike among themselves, unlike everything else here."""

    def __init__(self):
        self.words = ["".join(random.choices(SYLLABLES, k=4)) for _ in range(30)]
        self.domain = f"{self.words[0]}.test"
        self.name = uuid.uuid4().hex[:8]
        self.count = 0

    def mail(self, to):
        self.count += 1
        subject = f"{self.words[1]} {self.words[2]} {self.name}x{self.count}x"
        body = " ".join(random.sample(self.words, 24)) + "\r\n"
        return subject, message(subject, body, sender=f"{self.words[3]} <{self.words[3]}@{self.domain}>", to=to)


def deliver(martlet, account, campaign, mailbox="INBOX"):
    subject, mail = campaign.mail(account.address)
    identifier = martlet.send(account.address, mail, sender=f"{campaign.words[3]}@{campaign.domain}")
    martlet.wait_mail(account, subject.split()[-1], mailbox=mailbox)
    return identifier


def move_all(martlet, account, source, target, with_copy=False):
    client = martlet.imap(account)
    client.select(source)
    if with_copy:  # what a client without MOVE does
        client.copy("1:*", target)
        client.store("1:*", "+FLAGS", r"(\Deleted)")
        assert client.expunge()[0] == "OK"
    else:
        assert client._simple_command("MOVE", "1:*", target)[0] == "OK"
    client.logout()


def wait_learnt(martlet, mails, label, seconds=40):
    """Until what was said last of each mail is learnt; the version that knows them all."""
    deadline = time.monotonic() + seconds
    while True:
        lessons = [martlet.cli_json("trace", mail)["lessons"] for mail in mails]
        if all(own and own[-1]["label"] == label and own[-1]["outcome"] == "learnt" for own in lessons):
            return max(own[-1]["model"] for own in lessons)
        assert time.monotonic() < deadline, [own[-1:] for own in lessons]
        time.sleep(0.3)


def wait_loaded(martlet, version, seconds=15):
    deadline = time.monotonic() + seconds
    while True:
        _, text = martlet.http("/metrics")
        versions = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("mail_classify_model_version")]
        if any(float(loaded) >= version for loaded in versions):  # processes that ended are still listed for a while
            return
        assert time.monotonic() < deadline, f"model {version} is not loaded: {versions}"
        time.sleep(0.3)


def test_ten_moves_into_junk_change_the_verdict_of_the_eleventh_and_ten_moves_back_change_it_again(martlet, account):
    campaign = Campaign()
    mails = [deliver(martlet, account, campaign) for _ in range(10)]
    assert martlet.cli_json("trace", mails[0])["verdict"]["label"] == "ham"
    move_all(martlet, account, "INBOX", "Junk")
    version = wait_learnt(martlet, mails, "spam")
    wait_loaded(martlet, version)

    eleventh = deliver(martlet, account, campaign, mailbox="Junk")
    trace = martlet.cli_json("trace", eleventh)
    assert trace["verdict"]["label"] in ("spam", "phish") and trace["verdict"]["modelVersion"] >= version
    assert any(word in reason["text"] for reason in trace["verdict"]["reasons"] for word in campaign.words), trace["verdict"]
    learning = trace["learning"]
    assert learning["nearSpam"] == 10 and learning["nearHam"] == 0 and set(learning["nearMails"]) <= set(mails)
    text = martlet.cli("trace", eleventh).stdout
    assert "on mail from this domain 10 spam, 0 ham" in text
    moved = martlet.cli("trace", mails[0]).stdout
    assert "reported" in moved and "moved into Junk" in moved and "learnt in model" in moved

    # Enough of it: the model is everybody's, and the next tests want it as it was.
    move_all(martlet, account, "Junk", "INBOX", with_copy=True)
    version = wait_learnt(martlet, mails + [eleventh], "ham")
    wait_loaded(martlet, version)
    deliver(martlet, account, campaign)


def test_a_folder_of_mail_teaches_and_is_known_the_second_time(martlet, account, tmp_path):
    campaign, wanted = Campaign(), Campaign()
    box = mailbox.mbox(tmp_path / "spam.mbox")
    for _ in range(12):
        box.add(campaign.mail(account.address)[1].replace(b"\r\n", b"\n"))
    box.close()
    folder = mailbox.Maildir(tmp_path / "Maildir")
    for _ in range(12):
        folder.add(wanted.mail(account.address)[1])
    (tmp_path / "Maildir" / "dovecot-uidlist").write_text("3 V1 N2\n")

    spam = martlet.cli_json("train", "--label", "spam", str(tmp_path / "spam.mbox"))
    ham = martlet.cli_json("train", "--label", "ham", "--account", account.address, str(tmp_path / "Maildir"))
    assert (spam["read"], spam["lessons"], spam["waiting"]) == (12, 12, 0)
    assert (ham["read"], ham["lessons"], ham["waiting"], ham["otherFiles"]) == (12, 12, 0, 0)
    again = martlet.cli_json("train", "--label", "spam", str(tmp_path / "spam.mbox"))
    assert (again["read"], again["lessons"]) == (12, 0)
    assert martlet.sql("SELECT count(*) FROM learn_sample") == [["0"]]
    version = int(martlet.sql("SELECT max(version) FROM model")[0][0])
    assert int(martlet.sql("SELECT count(*) FROM model")[0][0]) <= 6
    wait_loaded(martlet, version)
    deliver(martlet, account, campaign, mailbox="Junk")
    deliver(martlet, account, wanted)
    # As it was before.
    martlet.cli("train", "--label", "ham", str(tmp_path / "spam.mbox"))


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["--label", "spam", "/nonexistent"], 66), (["--label", "rubbish", "/etc"], 64), (["/etc"], 64),
        (["--label", "spam", "--category", "newsletter", "/etc/hostname"], 65),
        (["--label", "ham", "--category", "rubbish", "/etc/hostname"], 65),
        (["--label", "ham", "--account", "nobody-here@example.test", "/etc/hostname"], 67),
    ],
)
def test_train_refuses(martlet, arguments, code):
    assert martlet.cli("train", *arguments, check=False).returncode == code


def test_what_is_no_mail_teaches_nothing(martlet, tmp_path):
    (tmp_path / "notes.bin").write_bytes(bytes(range(256)) * 300)
    (tmp_path / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    result = martlet.cli_json("train", "--label", "spam", str(tmp_path))
    assert (result["read"], result["lessons"], result["otherFiles"]) == (0, 0, 3)


def test_lessons_wait_for_a_trainer_and_are_learnt_once(martlet, account, tmp_path):
    campaign = Campaign()
    for number in range(60):
        (tmp_path / f"{number}.eml").write_bytes(campaign.mail(account.address)[1])
    martlet.stop("classifyd")
    try:
        result = martlet.cli_json("train", "--no-wait", "--label", "spam", str(tmp_path))
        assert (result["lessons"], result["waiting"]) == (60, 60)
    finally:
        martlet.start("classifyd")
    deadline = time.monotonic() + 40
    query = ("SELECT count(*), count(DISTINCT event_id) FROM learn_event WHERE source = 3 AND outcome = 'learnt' "
             "AND noted_at > now() - interval '5 min' AND label = 'spam'")
    waiting = "SELECT count(*) FROM learn_event WHERE outcome IS NULL"
    while martlet.sql(waiting) != [["0"]]:
        assert time.monotonic() < deadline, martlet.sql(waiting)
        time.sleep(0.3)
    assert int(martlet.sql(query)[0][0]) >= 60
    martlet.wait_ready()
    martlet.cli("train", "--label", "ham", str(tmp_path))


def test_the_queue_of_lessons_has_one_active_consumer(martlet):
    rabbit = martlet.welcome["rabbitmq"]
    run = subprocess.run(["curl", "-s", "-u", f"{rabbit['user']}:{rabbit['password']}", f"{rabbit['management']}/api/queues"],
                         capture_output=True, text=True)
    queue = {queue["name"]: queue for queue in json.loads(run.stdout)}["mail.learn"]
    assert queue["arguments"]["x-single-active-consumer"] is True
