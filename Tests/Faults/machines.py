"""Two machines, each with all daemons, in network namespaces of their own; PostgreSQL, RabbitMQ and the clients are elsewhere (in ours).

Each machine has an address and a cable (`cable.py`) to the servers, which it shares with its clients. The machines cannot reach each other."""
import contextlib, json, os, shutil, signal, subprocess, sys, time
from system import DAEMONS, HERE, Skip, System


def place(system, number):
    """An address: 1 is ours (the servers' and the clients'), the machines come after it. RFC 2544: a network for tests, nobody's."""
    return f"198.18.{system.base // 200 % 256}.{number}"


def ip(*words):
    run = subprocess.run(["ip", *words], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {run.stderr.strip()}")


class Machine(System):
    def __init__(self, system, number):
        """No `super().__init__`: it has its own address, services and logs, and all else is the system's."""
        self.system, self.name = system, f"machine-{number}"
        self.address, self.world, self.ports, self.tls = place(system, number + 1), place(system, 1), system.ports, system.tls
        self.data = system.data / self.name
        self.near, self.far = f"mt{system.base}n{number}", f"mt{system.base}f{number}"
        self.space, self.cable = f"martlet-{system.base}-{number}", None
        self._make_services()

    def _make_services(self):
        """The system's own services, with this machine's settings and logs."""
        shutil.rmtree(self.data, ignore_errors=True)
        theirs, ours = self.system.data / "services", self.data / "services"
        ours.mkdir(parents=True)
        zone = (HERE / "faults.zone").read_text().replace(self.system.world, self.world)
        (self.data / "faults.zone").write_text(zone)
        for daemon in DAEMONS:
            shutil.copytree(theirs / f".{daemon}.env", ours / f".{daemon}.env")
            (ours / daemon / "log").mkdir(parents=True)
            (self.data / "log" / daemon).mkdir(parents=True)
            for name in ("run", "log/run"):
                script = (theirs / daemon / name).read_text()
                for folder in ("services", "log"):
                    script = script.replace(f"{self.system.data / folder}/", f"{self.data / folder}/")
                (ours / daemon / name).write_text(script)
                (ours / daemon / name).chmod(0o755)
            for path in (ours / f".{daemon}.env").iterdir():
                if path.name.endswith("_URL"):
                    path.write_text(path.read_text().replace("@127.0.0.1:", f"@{self.world}:"))
                elif path.name.endswith("_HOST"):
                    path.write_text(self.address)
        for name, value in {"DNS_ZONE_FILE": self.data / "faults.zone", "RELAY_ALLOW": f"{self.world}/32",
                            "RELAY_CONNECTIONS_PER_DESTINATION": 1}.items():
            (ours / ".relayd.env" / f"MARTLET_{name}").write_text(str(value))

    # -- the machine
    def on(self):
        self._unplug()
        with contextlib.suppress(RuntimeError):
            ip("netns", "delete", self.space)  # of a campaign that was killed
        ip("netns", "add", self.space)
        self.cable = subprocess.Popen([sys.executable, str(HERE / "cable.py"), self.near, self.far], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert self.cable.stdout.readline() == "ready\n", "no cable"
        ip("link", "set", self.far, "netns", self.space)
        ip("link", "set", self.near, "up")
        ip("route", "add", self.address, "dev", self.near, "src", self.world)
        for words in (["link", "set", "lo", "up"], ["address", "add", f"{self.address}/32", "dev", self.far], ["link", "set", self.far, "up"],
                      ["route", "add", self.world, "dev", self.far]):
            ip("-n", self.space, *words)
        subprocess.Popen(["ip", "netns", "exec", self.space, "unshare", "--uts", "sh", "-c", 'hostname "$0"; exec runsvdir -P "$1"',
                          self.name, str(self.data / "services")], stdin=subprocess.DEVNULL, start_new_session=True,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def off(self):
        """As when its plug is pulled: nobody is told."""
        self.network(cut=True)
        self._end_processes()
        with contextlib.suppress(RuntimeError):
            ip("netns", "delete", self.space)

    def network(self, **condition):
        """What happens to packets from now on (see cable.py); nothing named: all is well."""
        if self.cable:
            with contextlib.suppress(OSError):
                self.cable.stdin.write(json.dumps(condition) + "\n")
                self.cable.stdin.flush()

    def remove(self):
        self.off()
        self._unplug()

    def _unplug(self):
        if self.cable:
            self.cable.stdin.close()
            self.cable.wait()
            self.cable = None

    def _end_processes(self):
        while pids := subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True).stdout.split():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.02)


@contextlib.contextmanager
def servers_reachable(system):
    """PostgreSQL and RabbitMQ listen where the machines reach them, too."""
    rules = system.data / "postgres" / "pg_hba.conf"
    before, address = rules.read_text(), place(system, 1)
    listener = f'{{"{address}", {system.amqp_port}, 0}}'

    def restart():
        system.service("restart", "postgres", wait=40)
        system.await_servers("postgres")

    ip("address", "replace", f"{address}/32", "dev", "lo")
    try:
        rules.write_text(before + f"host all all {address}/24 scram-sha-256\n")
        system.sql(f"ALTER SYSTEM SET listen_addresses = '127.0.0.1,{address}'")
        restart()
        system.rabbitmqctl("eval", f'rabbit_networking:start_tcp_listener({listener}, 10).')
        yield
    finally:
        system.rabbitmqctl("eval", f'rabbit_networking:stop_tcp_listener({listener}).', check=False)
        rules.write_text(before)
        system.sql("ALTER SYSTEM RESET listen_addresses")
        restart()
        ip("address", "delete", f"{address}/32", "dev", "lo")


def probe():
    """Raises Skip with the reason when there can be no machines here."""
    if os.geteuid() != 0:
        raise Skip("network namespaces need root")
    if not shutil.which("ip"):
        raise Skip("ip is not installed: deploy/local/setup --faults")
    try:
        ip("netns", "add", f"martlet-{os.getpid()}")
        ip("netns", "delete", f"martlet-{os.getpid()}")
    except RuntimeError as error:
        raise Skip(f"no network namespaces: {error}")
    cable = subprocess.run([sys.executable, str(HERE / "cable.py"), f"mtn{os.getpid()}", f"mtf{os.getpid()}"], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True)
    if cable.returncode:
        raise Skip(f"no tun interfaces: {cable.stderr.splitlines()[-1]}")


@contextlib.contextmanager
def two_machines(system):
    """All daemons twice, none here but watchd, which says whether all is ready."""
    probe()
    here = [daemon for daemon in DAEMONS if daemon != "watchd"]
    with servers_reachable(system):
        machines = system.machines = [Machine(system, number) for number in (1, 2)]
        try:
            system.service("down", *here, wait=40)
            for machine in machines:
                machine.on()
            for machine in machines:
                if not (machine.serving("smtpd") and machine.serving("accessd")):
                    raise RuntimeError(f"{machine.name} does not start: see {machine.data / 'log'}")
            system.wait_ready(60)
            yield machines
        finally:
            for machine in machines:
                machine.remove()
            system.machines = []
            for daemon in here:
                system.set_up(daemon)
            system.wait_ready(60)
