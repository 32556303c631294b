"""Settings: one YAML file and the environment, refused with the line, taken up on SIGHUP; help and completion."""
import json, os, re, signal, socket, subprocess, time
import pytest
from conftest import DAEMONS


def program(martlet, name):
    return str(martlet.data / "bin" / (name if name == "martlet" else f"martlet-{name}"))


def run(command, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MARTLET_")}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env={**clean, "MARTLET_ALLOW_ROOT": "1", **environment})


@pytest.fixture
def config(martlet):
    """The system's file: `config(text)` replaces it and sends SIGHUP to the daemon; at the end it is as it was."""
    path = martlet.data / "martlet.yaml"
    before, mode, owner = path.read_text(), path.stat().st_mode, path.stat()
    touched = set()

    def change(text, daemon):
        path.write_text(text)
        touched.add(daemon)
        lines = len(martlet.log(daemon).splitlines())
        martlet.kill(daemon, signal.SIGHUP)
        return lines

    yield change
    path.write_text(before)
    os.chmod(path, mode)
    os.chown(path, owner.st_uid, owner.st_gid)
    for daemon in touched:
        lines = len(martlet.log(daemon).splitlines())
        martlet.kill(daemon, signal.SIGHUP)
        wait_log(martlet, daemon, "settings reloaded", lines)


def wait_log(martlet, daemon, text, after):
    deadline = time.monotonic() + 10
    while True:
        fresh = [line for line in martlet.log(daemon).splitlines()[after:] if text in line]
        if fresh:
            return fresh[-1]
        assert time.monotonic() < deadline, f"{daemon} did not log '{text}'"
        time.sleep(0.05)


def size_limit(martlet):
    with martlet.smtp() as client:
        client.ehlo()
        return int(client.esmtp_features["size"])


def test_a_reload_changes_limits_for_the_next_connection(martlet, config):
    assert size_limit(martlet) == 67_108_864
    with martlet.smtp() as old:
        after = config("smtp:\n  max_size: 100 KiB\n  threads: 3\n", "smtpd")
        assert "changed=smtp.max_size" in wait_log(martlet, "smtpd", "settings reloaded", after)
        assert "waiting=smtp.threads" in wait_log(martlet, "smtpd", "wait for a restart", after)
        old.ehlo()
        assert int(old.esmtp_features["size"]) == 67_108_864  # a session keeps what it was promised
    assert size_limit(martlet) == 102_400


def test_connection_limits_follow(martlet, config):
    after = config("imap:\n  max_connections_per_address: 1\n", "accessd")
    wait_log(martlet, "accessd", "settings reloaded", after)
    connect = lambda: socket.create_connection(("127.0.0.1", martlet.ports["imap"]), 15, source_address=("127.0.77.1", 0))
    with connect() as first:
        assert first.recv(100).startswith(b"* OK")  # two at a time may enter in either order
        with connect() as second:
            assert second.recv(100).startswith(b"* BYE")


def test_the_limit_of_wrong_passwords_follows(martlet, config, account):
    def login(password):
        with socket.create_connection(("127.0.0.1", martlet.ports["imaps"]), 15, source_address=("127.0.77.2", 0)) as plain:
            with martlet.tls.wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(f"a LOGIN {account.address} {password}\r\n".encode())
                answer = b""
                while b"\r\na " not in answer:
                    answer += client.recv(1000) or b"\r\na BYE"
                return answer.rpartition(b"\r\na ")[2].split()[0]

    after = config("auth:\n  failures_per_minute: 1\n", "accessd")
    wait_log(martlet, "accessd", "settings reloaded", after)
    assert login("wrong") == b"NO"
    assert login(account.password) != b"OK"  # too many from there: nothing is looked at
    after = config("auth:\n  failures_per_minute: 0\n", "accessd")
    wait_log(martlet, "accessd", "settings reloaded", after)
    assert login(account.password) == b"OK"


@pytest.mark.parametrize("text, place", [
    ("smtp:\n  max_size: 100 KiB\n  max_sizes: 1\n", "martlet.yaml:3: smtp.max_sizes is no setting"),
    ("smtp:\n  max_size: 1 byte\n", "martlet.yaml:2: smtp.max_size"),
    ("smtp:\n  max_size: [\n", "martlet.yaml:3: is no YAML"),
    ("tls: {key: /nonexistent}\nsmtp: {max_size: 100 KiB, mx_port: 99999}\n", "martlet.yaml:2: smtp.mx_port"),
])
def test_a_wrong_file_changes_nothing(martlet, config, text, place):
    after = config(text, "smtpd")
    if "mx_port" in text:  # the environment of the local system sets it: the file's value is never looked at
        wait_log(martlet, "smtpd", "settings reloaded", after)
        return
    assert place in wait_log(martlet, "smtpd", "settings not reloaded, the old ones stay", after)
    assert size_limit(martlet) == 67_108_864


def test_the_log_level_is_live_in_every_daemon(martlet, config):
    for daemon in DAEMONS:
        after = config("log:\n  level: debug\n", daemon)
        assert "changed=log.level" in wait_log(martlet, daemon, "settings reloaded", after)


def test_sighup_takes_up_a_new_certificate(martlet, tmp_path):
    folder = martlet.data / "tls"
    chain, key = folder / "server.pem", folder / "server.key"
    old_chain, old_key = chain.read_bytes(), key.read_bytes()
    extension = tmp_path / "extensions"
    extension.write_text("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,DNS:renewed.test\n")
    for command in [
        "openssl ecparam -name prime256v1 -genkey -noout -out new.key",
        "openssl req -new -key new.key -subj /CN=renewed.test -out new.csr",
        f"openssl x509 -req -in new.csr -CA {folder}/ca.pem -CAkey {folder}/ca.key -CAserial serial -CAcreateserial -sha256 -days 2 -out new.pem -extfile {extension}",
    ]:
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    try:
        chain.write_bytes((tmp_path / "new.pem").read_bytes())  # the file keeps its owner and mode
        key.write_bytes((tmp_path / "new.key").read_bytes())
        for daemon, port in [("smtpd", "submissions"), ("accessd", "imaps")]:
            after = len(martlet.log(daemon).splitlines())
            martlet.kill(daemon, signal.SIGHUP)
            wait_log(martlet, daemon, "settings reloaded", after)
            with martlet.socket(port) as plain, martlet.tls.wrap_socket(plain, server_hostname="localhost") as wrapped:
                assert ("DNS", "renewed.test") in wrapped.getpeercert()["subjectAltName"]
        # A key that does not fit is refused, and the certificate in use stays in use.
        key.write_bytes(old_key)
        after = len(martlet.log("smtpd").splitlines())
        martlet.kill("smtpd", signal.SIGHUP)
        wait_log(martlet, "smtpd", "settings not reloaded", after)
        with martlet.socket("submissions") as plain, martlet.tls.wrap_socket(plain, server_hostname="localhost"):
            pass
    finally:
        chain.write_bytes(old_chain)
        key.write_bytes(old_key)
        for daemon in ["smtpd", "accessd"]:
            after = len(martlet.log(daemon).splitlines())
            martlet.kill(daemon, signal.SIGHUP)
            wait_log(martlet, daemon, "settings reloaded", after)


def test_reload_script(martlet):
    root = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "local", "reload")
    after = {daemon: len(martlet.log(daemon).splitlines()) for daemon in DAEMONS}
    assert subprocess.run([root], capture_output=True, timeout=30).returncode == 0
    for daemon in DAEMONS:
        wait_log(martlet, daemon, "settings reloaded", after[daemon])


@pytest.mark.parametrize("daemon", DAEMONS)
def test_no_daemon_starts_with_an_unknown_key(martlet, tmp_path, daemon):
    path = tmp_path / "martlet.yaml"
    path.write_text("# settings\nimap:\n  prot: 143\n")
    end = run([program(martlet, daemon)], MARTLET_CONFIG=str(path))
    assert end.returncode == 78
    assert f"{path}:3: imap.prot is no setting" in end.stderr and "did you mean imap.port?" in end.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_file_that_is_named_must_be_there(martlet, daemon):
    end = run([program(martlet, daemon)], MARTLET_CONFIG="/nonexistent/martlet.yaml")
    assert end.returncode == 78 and "No such file" in end.stderr


def test_config_check(martlet, tmp_path):
    path = tmp_path / "martlet.yaml"
    path.write_text("smtp:\n  mx_prot: 25\nlog:\n  levels: info\n")
    end = run([program(martlet, "martlet"), "config", "check", "--json"], MARTLET_CONFIG=str(path))
    problems = json.loads(end.stdout)["problems"]
    assert end.returncode == 78 and len(problems) == 2
    assert problems[0].startswith(f"{path}:2: smtp.mx_prot is no setting")
    path.write_text("smtp:\n  mx_port: 70000\naccessd:\n  log: {level: loud}\n")
    end = run([program(martlet, "martlet"), "config", "check"], MARTLET_CONFIG=str(path), MARTLET_SMPT_HOST="x")
    assert end.returncode == 78
    assert f"{path}:2: smtp.mx_port is 70000" in end.stdout and f"{path}:4: log.level is 'loud'" in end.stdout
    assert "warning: MARTLET_SMPT_HOST is no setting; did you mean MARTLET_SMTP_HOST?" in end.stdout
    path.write_text("smtp:\n  mx_port: 2525\n")
    assert run([program(martlet, "martlet"), "config", "check", "--file", str(path)], MARTLET_CONFIG="").returncode == 0
    end = run([program(martlet, "martlet"), "config", "check", "--daemon", "smtpd"], MARTLET_CONFIG=str(path))
    assert end.returncode == 78 and "postgres.url (MARTLET_POSTGRES_URL) is not set" in end.stdout


def test_config_show_hides_secrets_and_names_the_source(martlet, tmp_path):
    path = tmp_path / "martlet.yaml"
    path.write_text("postgres:\n  url: postgresql://a:hunter2@b/c\nsmtpd:\n  smtp: {threads: 3}\n")
    end = run([program(martlet, "martlet"), "config", "show", "--set", "--json", "--daemon", "smtpd"],
              MARTLET_CONFIG=str(path), MARTLET_AMQP_URL="amqp://u:hunter3@h", MARTLET_SMTP_HOST="127.0.0.1")
    rows = {row["key"]: (row["value"], row["from"]) for row in json.loads(end.stdout)}
    assert rows["postgres.url"] == ("<secret>", f"{path}:2")
    assert rows["amqp.url"] == ("<secret>", "MARTLET_AMQP_URL")
    assert rows["smtp.threads"] == ("3", f"{path}:4")
    assert rows["smtp.host"] == ("127.0.0.1", "MARTLET_SMTP_HOST")
    assert "hunter" not in end.stdout + end.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
def test_help_of_a_daemon_lists_its_settings(martlet, daemon):
    keys = json.loads(run([program(martlet, "martlet"), "config", "keys", "--daemon", daemon, "--json"], MARTLET_CONFIG="").stdout)
    assert len(keys) > 5
    end = run([program(martlet, daemon), "--help"])
    assert end.returncode == 0 and not end.stderr
    for key in keys:
        assert re.search(rf"^  {key['variable']} .*{re.escape(key['meaning'])}", end.stdout, re.M), key["key"]
    assert run([program(martlet, daemon), "--version"]).stdout.startswith(f"martlet-{daemon} ")
    assert run([program(martlet, daemon), "--no-such-option"]).returncode == 64


def commands(martlet):
    """Every command that does something, with its description."""
    def walk(command, path):
        inner = [sub for sub in command.get("subcommands", []) if sub["commandName"] != "help"]
        for sub in inner:
            yield from walk(sub, path + [sub["commandName"]])
        if not inner:
            yield path, command
    dump = json.loads(run([program(martlet, "martlet"), "--experimental-dump-help"], MARTLET_CONFIG="").stdout)
    return list(walk(dump["command"], []))


def test_every_command_explains_itself(martlet):
    found = commands(martlet)
    assert len(found) > 20
    for path, command in found:
        name = " ".join(path)
        assert command.get("abstract"), f"{name} has no abstract"
        assert "Example:" in command.get("discussion", ""), f"{name} has no example"
        for argument in command.get("arguments", []):
            if argument.get("shouldDisplay", True):
                assert argument.get("abstract"), f"{name}: {argument.get('valueName')} has no help"


def test_every_script_has_help():
    folder = os.path.join(os.path.dirname(__file__), "..", "..")
    for script in ["deploy/local/run", "deploy/local/setup", "deploy/local/stop", "deploy/local/reload", "Tests/run"]:
        end = run([os.path.join(folder, script), "--help"])
        assert end.returncode == 0 and len(end.stdout) > 20, script


@pytest.mark.parametrize("typed, offered", [
    (["martlet", "qu"], "queue"), (["martlet", "config", "ch"], "check"), (["martlet", "config", "check", "--daemon", "sm"], "smtpd"),
    (["martlet", "completion", "z"], "zsh"),
])
def test_bash_completes(martlet, typed, offered):
    script = run([program(martlet, "martlet"), "completion", "bash"], MARTLET_CONFIG="").stdout
    words = " ".join(f"'{word}'" for word in typed)
    probe = f"""{script}
COMP_WORDS=({words}) COMP_CWORD={len(typed) - 1} COMP_LINE='{" ".join(typed)}' COMP_POINT={len(" ".join(typed))} COMP_TYPE=9
"$(complete -p martlet | sed 's/.*-F \\([^ ]*\\).*/\\1/')" martlet '{typed[-1]}' '{typed[-2]}'
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    end = run(["bash", "-c", probe])
    assert offered in end.stdout.split(), end.stdout + end.stderr


def test_zsh_and_fish_scripts_are_made(martlet):
    assert run([program(martlet, "martlet"), "completion", "zsh"], MARTLET_CONFIG="").stdout.startswith("#compdef martlet")
    assert "complete -c 'martlet'" in run([program(martlet, "martlet"), "completion", "fish"], MARTLET_CONFIG="").stdout
    assert run([program(martlet, "martlet"), "completion", "tcsh"], MARTLET_CONFIG="").returncode == 64
