"""`make run` as its user meets it: idempotent, with clear messages, without root at work."""
import os, pathlib, stat, subprocess
from conftest import DAEMONS, ROOT

RUN = str(ROOT / "deploy" / "local" / "run")


def test_a_second_start_says_where_everything_is(martlet):
    again = subprocess.run([RUN, "--no-build", "--detach"], capture_output=True, text=True, timeout=60)
    assert again.returncode == 0 and "already running" in again.stdout and str(martlet.ports["imaps"]) in again.stdout


def test_a_taken_port_is_named(martlet, tmp_path):
    other = subprocess.run([RUN, "--no-build", "--detach"], capture_output=True, text=True, timeout=60,
                           env={**os.environ, "MARTLET_HOME": str(tmp_path / "other")})
    assert other.returncode != 0 and f"port {martlet.ports['smtp']}" in other.stderr and "MARTLET_PORT_BASE" in other.stderr


def test_without_swift_the_message_says_so(tmp_path):
    path = tmp_path / "bin"
    path.mkdir()
    for tool in ("bash", "dirname", "sed", "id", "head", "cat", "mkdir", "env"):
        (path / tool).symlink_to(subprocess.run(["which", tool], capture_output=True, text=True).stdout.strip())
    run = subprocess.run([RUN], capture_output=True, text=True, timeout=60, env={"PATH": str(path), "MARTLET_HOME": str(tmp_path / "h")})
    assert run.returncode != 0 and "Swift is not on the PATH" in run.stderr


def test_no_daemon_runs_as_root_and_secrets_are_closed(martlet):
    for daemon in DAEMONS:
        status = pathlib.Path(f"/proc/{martlet.pid(daemon)}/status").read_text()
        uid = int(status.split("Uid:")[1].split()[0])
        assert uid != 0 or os.geteuid() != 0, f"{daemon} runs as root"
    assert stat.S_IMODE((martlet.home / "welcome.json").stat().st_mode) == 0o600
    for secret in (martlet.data / "secrets").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) & 0o077 == 0, secret
