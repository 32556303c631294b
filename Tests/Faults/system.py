"""The system under test: what conftest.Martlet knows, and the ways to break it. Only processes of this very system are touched."""
import contextlib, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))
from conftest import DAEMONS, Martlet

LOCAL = "127.0.0.1"


class Skip(Exception):
    """The fault cannot be made here; the reason."""


class System(Martlet):
    def __init__(self, home):
        super().__init__(home)
        self.is_root = os.geteuid() == 0
        self.relay_port, self.saved, self.machines = self.base + 925, {}, []
        self.address, self.world = LOCAL, "127.0.1.10"  # ours, and the mail host's

    # -- life
    @staticmethod
    def start_own(base):
        """A new system in a folder of its own. Binaries: those of the last `make build`."""
        home = tempfile.mkdtemp(prefix="martlet-faults.", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(home, 0o755)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MARTLET_")}
        environment |= {"MARTLET_HOME": home, "MARTLET_PORT_BASE": str(base)}
        run = subprocess.run([str(ROOT / "deploy/local/run"), "--no-build", "--detach"], env=environment, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"martlet: the system for the faults did not start:\n{run.stdout}{run.stderr}")
        system = System(home)
        system.environment = environment
        return system

    def stop_own(self, keep):
        for machine in self.machines:
            machine.remove()
        subprocess.run([str(ROOT / "deploy/local/stop")], env=self.environment, capture_output=True)
        if not keep:
            for folder in {self.home, self.data}:
                shutil.rmtree(folder, ignore_errors=True)

    def own_world(self):
        """Names from faults.zone, the mail host at 127.0.1.10, seconds instead of hours; undone by `restore`."""
        zone = self.data / "faults.zone"
        shutil.copy(HERE / "faults.zone", zone)
        zone.chmod(0o644)
        self.settings("relayd", DNS_ZONE_FILE=zone, RELAY_PORT=self.relay_port, RELAY_ALLOW="127.0.1.0/24",
                      RELAY_RETRY_SCHEDULE="1s,2s", RELAY_EXPIRY="10min", RELAY_LEASE="5s")
        self.settings("smtpd", SMTP_MAX_CONNECTIONS_PER_ADDRESS=200)

    def settings(self, daemon, **values):
        """Settings of one daemon's environment (None: not set), and its restart."""
        folder = self.data / "services" / f".{daemon}.env"
        for name, value in values.items():
            path = folder / f"MARTLET_{name}"
            self.saved.setdefault(path, path.read_text() if path.exists() else None)
            path.unlink(missing_ok=True) if value is None else path.write_text(str(value))
        self.sv("restart", daemon)

    def restore(self):
        changed = {path.parent.name.split(".")[1] for path in self.saved}
        for path, text in self.saved.items():
            path.unlink(missing_ok=True) if text is None else path.write_text(text)
        for daemon in changed:
            self.sv("restart", daemon)
        self.saved = {}

    @contextlib.contextmanager
    def config(self, text):
        """Another martlet.yaml for a while."""
        path = self.data / "martlet.yaml"
        before, about = path.read_text(), path.stat()
        path.write_text(text)
        try:
            yield path
        finally:
            path.write_text(before)
            os.chown(path, about.st_uid, about.st_gid)

    def reload(self, *daemons):
        for daemon in daemons or DAEMONS:
            self.sv("hup", daemon)

    # -- processes
    def descendants(self, pid):
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    text = pathlib.Path(f"/proc/{entry}/stat").read_text()
                    children.setdefault(int(text[text.rindex(")") + 2:].split()[1]), []).append(int(entry))
        found, todo = [], [pid]
        while todo:
            found.append(todo.pop())
            todo += children.get(found[-1], [])
        return found

    def kill_hard(self, *names):
        """SIGKILL to these services with all their processes, at once."""
        for pid in [pid for name in names if (top := self.pid(name)) for pid in self.descendants(top)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def service(self, command, *names, wait=None):
        subprocess.run(["sv", *(["-w", str(wait)] if wait else []), command, *[str(self.data / "services" / name) for name in names]],
                       capture_output=True, timeout=90)

    def set_down(self, names):
        """No restart by the supervisor after the next death."""
        self.service("once", *names)

    def set_up(self, name):
        self.service("up", name)

    def cpu_seconds(self, daemon):
        fields = pathlib.Path(f"/proc/{self.pid(daemon)}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self, daemon):
        """{thread id: name}, without threads that only manage others."""
        found = {}
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            for entry in pathlib.Path(f"/proc/{self.pid(daemon)}/task").iterdir():
                with contextlib.suppress(OSError):
                    found[int(entry.name)] = (entry / "comm").read_text().strip()
        return found

    # -- when does it serve again
    def broker_answers(self):
        """The protocol's greeting: a header is answered by Connection.Start (AMQP 0-9-1, 2.2.4)."""
        try:
            with socket.create_connection((LOCAL, self.amqp_port), timeout=2) as client:
                client.sendall(b"AMQP\0\0\x09\x01")
                return client.recv(7)[:3] == b"\x01\0\0"
        except OSError:
            return False

    def await_servers(self, *names, seconds=90):
        """Until PostgreSQL and RabbitMQ (or the one that is named) answer: whatever breaks, they must come back."""
        answers = {"postgres": self.postgres_answers, "rabbitmq": self.broker_answers}
        for name in names or answers:
            if self.wait_for(answers[name], seconds) is None:
                raise RuntimeError(f"{name} itself does not come back")

    def wait_for(self, condition, seconds, pause=0.05):
        """Seconds until it holds; None when it does not in time."""
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            if condition():
                return time.monotonic() - started
            time.sleep(pause)
        return None

    def greets(self, port):
        try:
            with socket.create_connection((self.address, self.ports[port]), timeout=2) as client:
                return client.recv(100).startswith((b"220", b"* OK", b"+OK"))
        except OSError:
            return False

    def serving(self, daemon, seconds=20):
        """Seconds until a new connection is greeted; None when it takes longer."""
        return self.wait_for(lambda: self.greets({"smtpd": "smtp", "accessd": "imap"}[daemon]), seconds, 0.02)

    def ready_after(self, seconds):
        ready = lambda answer: answer[0] == 200 and '"classify"' not in answer[1]
        return self.wait_for(lambda: ready(self.http("/health/ready")), seconds, 0.1)

    # -- the servers below
    def rabbitmqctl(self, *arguments, check=True):
        environment = self.data / "rabbitmq" / "environment"
        tool = sorted(pathlib.Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmqctl"))[0]
        run = subprocess.run(["bash", "-c", '. "$0"; cd /; exec "$@"', str(environment), *self.as_user("rabbitmq"), str(tool), *arguments],
                             capture_output=True, text=True, timeout=90)
        if check and run.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {run.stdout}{run.stderr}")
        return run.stdout

    def as_user(self, name):
        return ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--"] if self.is_root else []

    def postgres_answers(self):
        return subprocess.run(["/usr/lib/postgresql/15/bin/pg_isready", "-q", "-h", LOCAL, "-p", str(self.base + 432)]).returncode == 0

    def backends(self, *roles):
        """Process ids of the database connections of these daemons."""
        names = ",".join(f"'martlet_{role}'" for role in roles or DAEMONS)
        return [int(row[0]) for row in self.sql(f"SELECT pid FROM pg_stat_activity WHERE usename IN ({names})")]

    @property
    def postgres_port(self):
        return self.base + 432

    @property
    def amqp_port(self):
        return self.base + 672
