"""Clients that nobody here wrote: curl, swaks, mbsync, neomutt."""
import os, pathlib, subprocess, time, uuid
from conftest import message


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_swaks_sends_and_curl_reads(martlet, account):
    subject = uuid.uuid4().hex
    sent = run("swaks", "--server", f"127.0.0.1:{martlet.ports['smtp']}", "--to", account.address, "--from", "a@remote.test",
               "--header", f"Subject: {subject}", "--body", "Shall we meet at noon?")
    assert sent.returncode == 0, sent.stdout
    martlet.wait_mail(account, subject, seconds=2)
    read = run("curl", "-s", "--cacert", martlet.ca, "-u", f"{account.address}:{account.password}",
               f"imaps://localhost:{martlet.ports['imaps']}/INBOX;MAILINDEX=1")
    assert read.returncode == 0 and subject in read.stdout and "Shall we meet at noon?" in read.stdout


def test_swaks_submits_with_starttls_and_auth(martlet, account):
    subject = uuid.uuid4().hex
    for mechanism in ("PLAIN", "LOGIN"):
        sent = run("swaks", "--server", f"localhost:{martlet.ports['submission']}", "--tls", "--tls-ca-path", martlet.ca, "--auth", mechanism,
                   "--auth-user", account.address, "--auth-password", account.password, "--to", account.address,
                   "--from", account.address, "--header", f"Subject: {mechanism} {subject}-{mechanism}")
        assert sent.returncode == 0, sent.stdout
        martlet.wait_mail(account, f"{subject}-{mechanism}")


def test_curl_lists_searches_stores_and_appends(martlet, account, tmp_path):
    url = f"imaps://localhost:{martlet.ports['imaps']}"
    login = ["curl", "-s", "--cacert", martlet.ca, "-u", f"{account.address}:{account.password}"]
    assert "INBOX" in run(*login, url).stdout
    mail = tmp_path / "mail.eml"
    mail.write_bytes(message("from curl"))
    assert run(*login, "-T", str(mail), f"{url}/INBOX").returncode == 0
    assert "* SEARCH 1" in run(*login, f"{url}/INBOX?SUBJECT%20%22from%20curl%22").stdout
    assert run(*login, url + "/INBOX", "-X", "STORE 1 +FLAGS (\\Flagged)").returncode == 0
    assert run(*login, url, "-X", "CREATE Projects/2026").returncode == 0
    assert "Projects/2026" in run(*login, url).stdout


def mbsync_config(folder, martlet, account):
    (folder / "mail").mkdir(exist_ok=True)
    config = folder / "mbsyncrc"
    config.write_text(f"""IMAPAccount m
Host localhost
Port {martlet.ports['imaps']}
User {account.address}
Pass {account.password}
SSLType IMAPS
CertificateFile {martlet.ca}

IMAPStore far
Account m

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    return str(config)


def test_mbsync_both_ways_without_complaint(martlet, account, tmp_path):
    tokens = [uuid.uuid4().hex for _ in range(20)]
    for name in tokens:
        martlet.send(account.address, message(name))
    for name in tokens:
        martlet.wait_mail(account, name)
    config = mbsync_config(tmp_path, martlet, account)
    first = run("mbsync", "-c", config, "-a")
    assert first.returncode == 0 and not first.stderr.strip(), first.stderr
    files = [p for p in (tmp_path / "mail" / "INBOX").rglob("*") if p.is_file() and p.parent.name in ("new", "cur")]
    assert len(files) == 20
    # change near: flag one, delete one, add one; the second sync carries it to the server
    flagged, deleted = files[0], files[1]
    cur = tmp_path / "mail" / "INBOX" / "cur"
    flagged.rename(cur / (flagged.name.split(":2,")[0] + ":2,FS"))
    deleted.rename(cur / (deleted.name.split(":2,")[0] + ":2,T"))
    added = uuid.uuid4().hex
    (tmp_path / "mail" / "INBOX" / "new" / f"{int(time.time())}.1.here").write_bytes(message(added).replace(b"\r\n", b"\n"))
    second = run("mbsync", "-c", config, "-a")
    assert second.returncode == 0 and not second.stderr.strip(), second.stderr
    client = martlet.imap(account)
    client.select("INBOX", readonly=True)
    assert len(client.search(None, "ALL")[1][0].split()) == 20
    assert len(client.search(None, "FLAGGED")[1][0].split()) == 1
    assert len(client.search(None, "SUBJECT", added)[1][0].split()) == 1
    client.logout()


def test_neomutt_reads_the_inbox(martlet, account, tmp_path):
    subject = uuid.uuid4().hex
    martlet.send(account.address, message(subject))
    martlet.wait_mail(account, subject)
    config = tmp_path / "muttrc"
    config.write_text(f"""set folder="imaps://localhost:{martlet.ports['imaps']}/"
set imap_user="{account.address}"
set imap_pass="{account.password}"
set ssl_ca_certificates_file="{martlet.ca}"
set certificate_file="{martlet.ca}"
set ssl_starttls=yes
set spoolfile="+INBOX"
set mbox="+Archive"
set confirmappend=no delete=yes quit=yes
""")
    script = "push '<save-message>=Archive<enter><sync-mailbox><quit>'"
    done = run("script", "-qec", f"neomutt -n -F {config} -e \"{script}\"", "/dev/null", env={**os.environ, "TERM": "xterm"}, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout
    martlet.wait_mail(account, subject, mailbox="Archive")
    assert not martlet.find(account, subject)
