"""The operator's command: what it does, what it refuses, its JSON and its exit codes."""
import json, time, uuid
import pytest
from conftest import message

COMMANDS = [
    ["migrate"], ["domain", "add"], ["domain", "list"], ["account", "add"], ["account", "import"], ["account", "list"],
    ["account", "passwd"], ["account", "disable"], ["account", "enable"], ["alias", "add"], ["alias", "list"], ["trace"], ["topology"], ["status"],
    ["domain", "dns"], ["domain", "key", "list"], ["domain", "key", "rotate"],
    ["domain", "key", "activate"], ["doctor"], ["queue", "list"], ["queue", "parked"], ["queue", "show"], ["queue", "retry"], ["train"],
]


def name(prefix="op"):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(martlet, command):
    text = martlet.cli(*command, "--help").stdout
    assert "Example:" in text and "--json" in text


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["no-such-command"], 64),
        (["account", "add", "not-an-address"], 65),
        (["account", "add", "tag+ged@example.test"], 65),
        (["account", "add", "someone@foreign.test"], 65),
        (["alias", "add", "x@example.test", "nobody-here@example.test"], 67),
        (["account", "import", "/nonexistent.csv"], 66),
        (["account", "disable", "nobody-here@example.test"], 67),
        (["trace", "0192abcd"], 67),
        (["trace", "no id"], 65),
        (["queue", "show", "0192abcd"], 67),
        (["queue", "retry", "no id"], 65),
    ],
)
def test_refusals_have_their_exit_codes(martlet, arguments, code):
    run = martlet.cli(*arguments, check=False)
    assert run.returncode == code, run.stderr
    assert not run.stdout and run.stderr
    if code != 64:
        run = martlet.cli(*arguments, "--json", check=False)
        assert json.loads(run.stderr)["code"] == code


def test_the_life_of_an_account(martlet):
    address = f"{name()}@{martlet.domain}"
    first = martlet.cli_json("account", "add", address)["password"]
    assert len(first) == 20
    assert martlet.cli("account", "add", address, check=False).returncode == 73
    second = martlet.cli_json("account", "passwd", address)["password"]
    assert second != first
    assert "password" not in martlet.cli_json("account", "passwd", address, "--password-stdin", input="chosen by me\n")
    rows = {row["address"]: row for row in martlet.cli_json("account", "list")}
    assert rows[address]["disabled"] is False
    martlet.cli("account", "disable", address)
    rows = {row["address"]: row for row in martlet.cli_json("account", "list")}
    assert rows[address]["disabled"] is True
    martlet.cli("account", "enable", address)
    assert martlet.domain in [row["domain"] for row in martlet.cli_json("domain", "list")]


def test_import_takes_thousands_in_seconds(martlet):
    prefix = name("imp")
    lines = ["address,password"] + [f"{prefix}-{n}@{martlet.domain},password {n}" for n in range(2000)]
    begun = time.monotonic()
    result = martlet.cli_json("account", "import", "-", input="\n".join(lines))
    assert result["added"] == 2000 and result["skipped"] == 0
    assert time.monotonic() - begun < 30
    assert martlet.cli("account", "import", "-", check=False, input="\n".join(lines)).returncode == 73
    assert martlet.cli_json("account", "import", "-", "--skip-existing", input="\n".join(lines))["skipped"] == 2000


def test_import_reads_quotes_line_ends_and_missing_passwords(martlet):
    one, two = f"{name()}@{martlet.domain}", f"{name()}@{martlet.domain}"
    result = martlet.cli_json("account", "import", "-", input=f'\ufeffaddress,password\r\n"{one}","a,""b"\r\n\r\n# note\r\n{two}\r\n')
    assert result["added"] == 2
    assert [entry["address"] for entry in result["generated"]] == [two]


@pytest.mark.parametrize("text", ["a@b@c\n", "{good}\n{good}\n", '"open', "{good},p,x\n", "\n"])
def test_import_refuses_the_whole_file(martlet, text):
    good = f"{name()}@{martlet.domain}"
    run = martlet.cli("account", "import", "-", check=False, input=text.replace("{good}", good))
    assert run.returncode == 65
    assert good not in [row["address"] for row in martlet.cli_json("account", "list")]


def test_topology_prints_what_the_broker_takes(martlet):
    definitions = json.loads(martlet.cli("topology").stdout)
    assert {"mail.classify", "mail.file", "mail.parked"} <= {queue["name"] for queue in definitions["queues"]}
    assert martlet.cli("topology", "--check").stdout.strip() == "complete"


def test_status_shows_each_daemon_under_its_own_role(martlet):
    status = martlet.cli_json("status")
    assert status["pendingMigrations"] == [] and status["broker"] == "ok"
    roles = {program["program"]: program for program in status["programs"]}
    for daemon in ("smtpd", "classifyd", "filerd", "accessd", "watchd"):
        program = roles[f"martlet-{daemon}"]
        assert program["role"] == f"martlet_{daemon}" and not program["isSuperuser"]


def test_parked_mail_gets_another_try(martlet, account):
    subject = name("parked")
    martlet.stop("filerd")
    try:
        mail = martlet.send(account.address, message(subject))
        deadline = time.monotonic() + 20
        park = f"UPDATE work SET parked_at = now(), last_error = 'by hand' WHERE mail_id = '{mail}' AND stage = 2 RETURNING 1"
        while ["1"] not in martlet.sql(park):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        martlet.start("filerd")
    assert "by hand" in [row["lastError"] for row in martlet.cli_json("queue", "parked") if row["mail"] == mail]
    assert [row["stage"] for row in martlet.cli_json("queue", "show", mail)] == ["file"]
    assert any(row["parked"] for row in martlet.cli_json("queue", "list"))
    assert martlet.cli_json("queue", "retry", mail)["retried"] == 1
    martlet.wait_mail(account, subject, mailbox=None)
    assert martlet.cli_json("queue", "show", mail) == []
