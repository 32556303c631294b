"""Domains, their DNS records and keys, and the doctor: what an operator sees and does."""
import json, re, subprocess, uuid
import pytest


def name():
    return f"d{uuid.uuid4().hex[:10]}.test"


@pytest.fixture
def domain(martlet):
    chosen = name()
    martlet.cli("domain", "add", chosen)
    return chosen


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Makes these lines all that there is in the DNS for the operator's command."""
    def write(lines):
        path = tmp_path / "zone"
        path.write_text(". SOA ns.invalid. hostmaster.invalid. 1 2 3 4 5\n" + "\n".join(lines) + "\n")
        monkeypatch.setenv("MARTLET_DNS_ZONE_FILE", str(path))
    return write


SERVER = ["--host", "mail.example.org", "--address", "8.8.8.8", "--address", "2001:4860::25"]


def printed(martlet, domain):
    text = martlet.cli("domain", "dns", domain, "--print", *SERVER).stdout
    return [line for line in text.splitlines() if line and not line.startswith(";")]


def test_add_prints_what_to_publish_and_can_be_repeated(martlet):
    chosen = name()
    first = martlet.cli_json("domain", "add", chosen.upper(), *SERVER)
    assert first["added"] is True and first["domain"] == chosen
    kinds = [record["purpose"] for record in first["records"]]
    assert kinds == ["host", "host", "mx", "spf", "heloSPF", "dkim", "dkim", "dmarc", "reverse", "reverse"]
    again = martlet.cli_json("domain", "add", chosen, *SERVER)
    assert again["added"] is False and again["records"] == first["records"]
    text = martlet.cli("domain", "add", chosen).stdout
    assert f"{chosen}. MX 10 mail.example.test." in text and "<address of this server>" in text
    assert "PRIVATE" not in text


def test_what_is_printed_passes_the_check(martlet, domain, publish):
    publish(printed(martlet, domain))
    findings = martlet.cli_json("domain", "dns", domain, *SERVER)["findings"]
    assert {finding["check"] for finding in findings} == {"host", "mx", "spf", "dkim", "dmarc", "reverse"}
    assert [f for f in findings if f["state"] != "ok" and f["check"] != "dmarc"] == []


def test_the_servers_name_may_stand_in_smtpds_own_section(martlet, domain, tmp_path):
    file = tmp_path / "martlet.yaml"
    file.write_text("smtpd:\n  smtp:\n    hostname: mx7.example.org\n")
    url = re.search(r"MARTLET_POSTGRES_URL=(\S+)", (martlet.home / "martlet").read_text())[1]
    run = subprocess.run([str(martlet.home / "bin" / "martlet"), "domain", "dns", domain, "--print"], capture_output=True, text=True,
                         timeout=60, env={"MARTLET_CONFIG": str(file), "MARTLET_POSTGRES_URL": url})
    assert "mx7.example.org" in run.stdout and f"mail.{domain}" not in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize("missing, check", [
    (" MX ", "mx"), ("v=spf1 mx", "spf"), ("k=rsa", "dkim"), ("k=ed25519", "dkim"), ("v=DMARC1", "dmarc"), (" PTR ", "reverse"),
    ("mail.example.org. A", "host")])
def test_what_is_missing_is_named_with_the_line_to_publish(martlet, domain, publish, missing, check):
    lines = printed(martlet, domain)
    publish([line for line in lines if missing not in line])
    run = martlet.cli("domain", "dns", domain, *SERVER, "--json", check=False)
    assert run.returncode == 1
    wrong = [f for f in json.loads(run.stdout)["findings"] if f["state"] == "problem" and f["check"] == check]
    assert wrong and all(f["why"] and f["advice"] for f in wrong)


def test_keys_rotate(martlet, domain, publish):
    first = martlet.cli_json("domain", "key", "list", domain)
    assert sorted(key["algorithm"] for key in first) == ["ed25519-sha256", "rsa-sha256"]
    assert {key["state"] for key in first} == {"signing"}
    new = martlet.cli_json("domain", "key", "rotate", domain)
    assert {key["state"] for key in new} == {"waiting"} and len(new) == 2
    assert martlet.cli("domain", "key", "rotate", domain, check=False).returncode == 65
    publish([])
    run = martlet.cli("domain", "key", "activate", domain, check=False)
    assert run.returncode == 75 and "there is no record" in run.stderr
    publish(printed(martlet, domain))
    after = {key["selector"]: key["state"] for key in martlet.cli_json("domain", "key", "activate", domain)}
    assert all(after[key["selector"]] == "retired" for key in first) and all(after[key["selector"]] == "signing" for key in new)
    assert martlet.sql(f"SELECT count(private_key) FROM domain_key WHERE domain = '{domain}'") == [["2"]]
    assert martlet.cli("domain", "key", "activate", domain, check=False).returncode == 67


@pytest.mark.parametrize("arguments, code", [
    (["domain", "dns", "foreign.test"], 65), (["domain", "key", "list", "foreign.test"], 65), (["domain", "add", "no domain"], 65),
    (["domain", "add", "x.test", "--address", "nowhere"], 64), (["domain", "dns", "x.test", "--host", "a..b"], 64)])
def test_refusals(martlet, arguments, code):
    run = martlet.cli(*arguments, check=False)
    assert run.returncode == code and run.stderr and not run.stdout


def doctor(martlet, *arguments):
    run = martlet.cli("doctor", "--no-dns", "--json", *arguments, check=False)
    result = json.loads(run.stdout)
    # This machine's disk and clock are not the test's business.
    findings = [f for f in result["findings"] if f["check"] not in ("disk", "clock")]
    assert run.returncode == (0 if result["healthy"] else 1)
    return findings


def test_the_doctor_finds_a_healthy_system_healthy(martlet):
    martlet.wait_ready()
    findings = doctor(martlet, "--authorities", martlet.ca)
    # Other tests may have parked work.
    bad = [f for f in findings if f["state"] in ("problem", "warning") and f["check"] != "queue"]
    assert bad == []
    subjects = {f["subject"].split(":")[0] for f in findings if f["check"] in ("port", "daemon")}
    assert {"SMTP 127.0.0.1", "submissions 127.0.0.1", "IMAPS 127.0.0.1", "POP3 127.0.0.1", "smtpd", "relayd"} <= subjects


def test_the_doctor_sees_what_mail_programs_see(martlet):
    # The local authority is one that nobody trusts who was not told to.
    tls = [f for f in doctor(martlet) if f["check"] == "tls" and f["state"] == "warning"]
    assert len(tls) == 1 and "trust" in tls[0]["found"] and "IMAPS" in tls[0]["subject"] and "submission" in tls[0]["subject"]
    wrong = [f for f in doctor(martlet, "--host", "mail.other.test", "--authorities", martlet.ca) if f["state"] == "problem"]
    assert wrong and all("not for mail.other.test" in f["found"] for f in wrong if f["check"] == "tls")


def test_the_doctor_names_a_daemon_that_is_away(martlet):
    martlet.stop("watchd")
    try:
        findings = doctor(martlet)
    finally:
        martlet.start("watchd")
        martlet.wait_ready()
    daemon = next(f for f in findings if f["check"] == "daemon" and f["subject"] == "watchd")
    assert daemon["state"] == "warning" and daemon["why"] and daemon["advice"]
    port = next(f for f in findings if f["subject"].startswith("HTTP"))
    assert port["state"] == "problem" and "no connection" in port["found"]


def test_the_doctor_says_when_database_and_broker_are_away(martlet, monkeypatch):
    monkeypatch.setenv("MARTLET_POSTGRES_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("MARTLET_AMQP_URL", "amqp://nobody:x@127.0.0.1:1/%2F")
    findings = doctor(martlet)
    for check in ("database", "broker"):
        [finding] = [f for f in findings if f["check"] == check]
        assert finding["state"] == "problem" and "does not answer" in finding["found"] and finding["advice"]


def test_the_doctor_says_when_the_certificate_is_no_good(martlet, monkeypatch, tmp_path):
    path = tmp_path / "server.pem"
    path.write_text("no certificate")
    monkeypatch.setenv("MARTLET_TLS_CERTIFICATE", str(path))
    assert any(f["subject"] == str(path) and f["state"] == "problem" for f in doctor(martlet))
    monkeypatch.setenv("MARTLET_TLS_CERTIFICATE", str(tmp_path / "absent.pem"))
    assert any("can't be read" in f["found"] for f in doctor(martlet))
