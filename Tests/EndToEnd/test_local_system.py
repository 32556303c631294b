"""`make run` as its user meets it: idempotent, with clear messages, without root at work."""
import json, os, pathlib, shutil, stat, subprocess, tempfile
import pytest
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


def processes_of(home):
    """The command lines of all processes that name the folder."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # ended meanwhile
        if str(home) in line and "pytest" not in line:
            found.append(line)
    return found


def start_again_and_stop(martlet, home, prefix=()):
    """A second system beside the one under test: ready, already running, stopped, nothing left."""
    base = martlet.base + 2000  # beyond the systems of all workers
    places = {"MARTLET_HOME": str(home), "MARTLET_PORT_BASE": str(base), "HOME": str(home)}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MARTLET_")} | places

    def run(*command):
        return subprocess.run([*prefix, *command], capture_output=True, text=True, timeout=150, env=environment, cwd="/")

    data = home
    try:
        first = run(RUN, "--no-build", "--detach")
        assert first.returncode == 0 and "martlet is ready" in first.stdout, first.stdout + first.stderr
        data = pathlib.Path(json.loads((home / "welcome.json").read_text())["ca"]).parents[1]
        assert processes_of(data)
        again = run(RUN, "--no-build", "--detach")
        assert again.returncode == 0 and "already running" in again.stdout, again.stdout + again.stderr
    finally:
        end = run(str(ROOT / "deploy" / "local" / "stop"))
    assert end.returncode == 0 and "stopped" in end.stdout, end.stdout + end.stderr
    assert processes_of(home) == [] and processes_of(data) == []
    return data


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: its servers run under users that cannot enter the folder")
def test_root_in_a_folder_that_nobody_else_may_enter(martlet):
    closed = pathlib.Path(tempfile.mkdtemp(prefix="martlet-closed."))  # mode 0700
    data = None
    try:
        data = start_again_and_stop(martlet, closed / "home")
        assert closed not in data.parents, "the servers cannot have been here"
    finally:
        shutil.rmtree(closed)
        if data:
            shutil.rmtree(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make another user; without root every test here runs as one")
def test_an_ordinary_user(martlet):
    name = f"martlet-t{os.getpid()}"
    subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name], check=True, capture_output=True)
    home = pathlib.Path(tempfile.mkdtemp(prefix="martlet-user."))
    try:
        shutil.chown(home, name, name)
        prefix = ("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--")
        reachable = subprocess.run([*prefix, "test", "-x", RUN], capture_output=True)
        swift = subprocess.run([*prefix, "swift", "--version"], capture_output=True)
        if reachable.returncode or swift.returncode:
            pytest.skip("another user may not read this clone, or not run Swift")
        start_again_and_stop(martlet, home, prefix)
    finally:
        shutil.rmtree(home)
        subprocess.run(["userdel", name], capture_output=True)
