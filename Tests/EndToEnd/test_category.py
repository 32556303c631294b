"""The kind of a wanted mail, as an IMAP keyword of its copy."""
import re, uuid


def send(martlet, account, sender, subject, body, *fields):
    mark = uuid.uuid4().hex[:10]
    header = [f"From: {sender}", f"To: {account.address}", f"Subject: {subject} {mark}", "Date: Sat, 21 Nov 2026 10:00:00 +0000",
              f"Message-ID: <{mark}@sender.test>", *fields]
    identifier = martlet.send(account.address, "\r\n".join([*header, "", body, ""]).encode(), sender="a@sender.test")
    martlet.wait_mail(account, mark)
    return mark, identifier


def keywords(client, mark):
    found = client.search(None, "SUBJECT", mark)[1][0].split()[0]
    flags = client.fetch(found, "(FLAGS)")[1][0].decode()
    return re.findall(r"\$Category\w+", flags)


def test_a_mail_has_the_keyword_of_its_kind(martlet, account):
    forum, _ = send(martlet, account, "dev@lists.test", "Re: the parser", "I can reproduce this with the last version.",
                    "List-Id: <dev.lists.test>", "List-Post: <mailto:dev@lists.test>")
    second, _ = send(martlet, account, "dev@lists.test", "Re: the parser", "Patch below, please review it.",
                     "List-Post: <mailto:dev@lists.test>")
    report, _ = send(martlet, account, "backup@host.test", "backup report", "All 14 jobs finished. 182 GB stored, no errors.",
                     "Auto-Submitted: auto-generated")
    person, _ = send(martlet, account, "Nina Field <nina@field.test>", "Re: tomorrow",
                     "Sure, see you at the station at nine. I bring the tickets. Nina", "In-Reply-To: <1@field.test>")
    client = martlet.imap(account)
    client.select("INBOX")
    assert keywords(client, forum) == keywords(client, second) == ["$CategoryForum"]
    assert keywords(client, report) == ["$CategoryNotification"]
    assert keywords(client, person) == ["$CategoryPersonal"]
    # A search by keyword finds them, as a mail program would group them.
    assert len(client.search(None, "KEYWORD", "$CategoryForum")[1][0].split()) == 2
    client.logout()
