"""Learning while trainers are killed and doubled: no lesson is lost, none is learnt twice."""
import subprocess, time
from test_learning import Campaign, move_all, wait_loaded


def start_second(martlet, tmp_path):
    """Another classifyd, with the first one's rights."""
    run = (martlet.data / "services" / "classifyd" / "run").read_text().splitlines()[-1]
    command = run[run.index("exec "):]
    return subprocess.Popen(["bash", "-c", f"{command} >{tmp_path}/second.log 2>&1"])


def learnt(martlet, mails):
    """How often each was learnt."""
    rows = martlet.sql("SELECT mail_id, count(*) FROM mail_event WHERE event = 'learnt' GROUP BY 1")
    counts = dict(rows)
    return [int(counts.get(mail, 0)) for mail in mails]


def test_two_trainers_one_killed_twice_learn_each_lesson_once(martlet, account, tmp_path):
    campaign, mails = Campaign(), []
    for _ in range(40):
        _, mail = campaign.mail(account.address)
        mails.append(martlet.send(account.address, mail, sender=f"x@{campaign.domain}"))
    deadline = time.monotonic() + 20
    while len(martlet.find(account, campaign.name)) < 40:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    second = start_second(martlet, tmp_path)
    try:
        time.sleep(2)
        for target in ("Junk", "INBOX"):
            source = "INBOX" if target == "Junk" else "Junk"
            move_all(martlet, account, source, target)
            if target == "Junk":
                martlet.kill("classifyd")
                time.sleep(1.5)
                martlet.kill("classifyd")
            wanted = [1 if target == "Junk" else 2] * len(mails)
            deadline = time.monotonic() + 60
            while learnt(martlet, mails) != wanted:
                assert time.monotonic() < deadline, learnt(martlet, mails)
                time.sleep(0.5)
        assert martlet.sql("SELECT count(*) FROM learn_event WHERE outcome IS NULL OR outcome = 'failed'") == [["0"]]
    finally:
        second.terminate()
        assert second.wait(20) == 0
    martlet.wait_ready()
    wait_loaded(martlet, int(martlet.sql("SELECT max(version) FROM model")[0][0]))
    assert learnt(martlet, mails) == [2] * len(mails)


def test_the_trainer_works_without_the_broker_telling_it(martlet, account):
    """Every hint lost: the look of every 30 s finds the lessons."""
    campaign = Campaign()
    subject, mail = campaign.mail(account.address)
    identifier = martlet.send(account.address, mail, sender=f"x@{campaign.domain}")
    martlet.wait_mail(account, subject.split()[-1])
    before = martlet.sql("SELECT max(version) FROM model")[0][0]
    martlet.sql("WITH told AS (SELECT mail_id FROM mail WHERE mail_id = '%s') INSERT INTO learn_event (mail_id, account_id, source, label) "
                "SELECT told.mail_id, account_id, 2, 'ham' FROM told, account WHERE address = '%s'" % (identifier, account.address))
    deadline = time.monotonic() + 40
    while learnt(martlet, [identifier]) != [1]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert martlet.sql("SELECT max(version) FROM model")[0][0] != before
