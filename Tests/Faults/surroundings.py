"""What surrounds the daemons: F25 (a silent network), F32 (descriptors), F39 (settings and certificates)."""
import contextlib, re, socket, subprocess, time
from campaign import fault
from system import DAEMONS, Skip


@contextlib.contextmanager
def blackhole(system, port):
    """Packets to and from this port vanish: connections stay open on both sides and hear nothing."""
    if not system.is_root:
        raise Skip("dropping packets needs root")
    table = f"martlet_faults_{system.base}"
    rules = (f"table inet {table} {{\n chain input {{\n type filter hook input priority 0\n"
             f"iif lo tcp dport {port} drop\n iif lo tcp sport {port} drop\n }}\n}}\n")
    try:
        made = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True)
    except FileNotFoundError:
        raise Skip("nft is not installed: deploy/local/setup --faults")
    if made.returncode:
        raise Skip(f"nft: {made.stderr.strip()[:100]}")
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True)


@fault("F25", "the network to the broker and to the database swallows everything", rounds=1, seconds=400)
def silent_network(c, rounds):
    with blackhole(c.system, 1):
        pass  # can it be done at all?
    with c.round("F25", database_lost=True, quiet=120) as r:
        r.load.wait_acks(50)
        for name, port, lost in [("broker", c.system.amqp_port, "lost the broker"), ("database", c.system.postgres_port, None)]:
            mark = len(c.system.log("smtpd"))
            before, refused = len(r.load.acks), r.load.answers[451]
            r.struck(f"the network to the {name} is silent")
            with blackhole(c.system, port):
                if lost:
                    r.within("the broker is missed", c.system.wait_for(lambda: lost in c.system.log("smtpd")[mark:], 60), 30)
                    if len(r.load.acks) - before < 50:
                        r.fail(f"only {len(r.load.acks) - before} mails were acknowledged without the broker")
                else:
                    r.within("the database is missed (451)", c.system.wait_for(lambda: r.load.answers[451] > refused, 60), 30)
                    time.sleep(25)
            r.struck("the network is back")
            r.within("acknowledging again", r.load.acked_after(time.monotonic(), 60), 10)
            r.within("flow again", r.flow(60), 30)
        r.answered()


@fault("F32", "no descriptors left in smtpd and accessd", rounds=1, seconds=200)
def no_descriptors(c, rounds):
    with c.round("F32") as r:
        r.load.wait_acks(50)
        for daemon, port in [("smtpd", "smtp"), ("accessd", "imap")]:
            pid = c.system.pid(daemon)
            limit = lambda count: subprocess.run([*c.system.as_user("martlet"), "prlimit", "--pid", str(pid), f"--nofile={count}:"], check=True, capture_output=True)
            before = re.search(r"Max open files\s+(\d+)", open(f"/proc/{pid}/limits").read())[1]
            r.struck(f"{daemon} may have 64 descriptors")
            crowd = []
            try:
                limit(64)
                for _ in range(120):
                    with contextlib.suppress(OSError):
                        crowd.append(socket.create_connection(("127.0.0.1", c.system.ports[port]), timeout=2))
                time.sleep(1)
                r.load.paused.set()
                time.sleep(1)
                spent = c.system.cpu_seconds(daemon)
                time.sleep(5)
                share = (c.system.cpu_seconds(daemon) - spent) / 5
                r.facts.append(f"{daemon}: {share:.0%} of a processor while it refuses")
                if share >= 0.2:
                    r.fail(f"{daemon} spends {share:.0%} of a processor while it refuses")
            finally:
                r.load.paused.clear()
                for one in crowd:
                    one.close()
                limit(before)
            if c.system.pid(daemon) != pid:
                r.fail(f"{daemon} ended")
            r.within("serving again", c.system.serving(daemon), 10)
        r.load.wait_acks(len(r.load.acks) + 50)


@fault("F39", "bad settings and a bad certificate at reload; a daemon that cannot start", rounds=1, seconds=200)
def bad_settings(c, rounds):
    with c.round("F39") as r:
        r.load.wait_acks(50)
        pids = {daemon: c.system.pid(daemon) for daemon in DAEMONS}
        r.struck("a setting that does not exist, at reload")
        with c.system.config("smtp:\n  max_sise: 1 MiB\n"):
            c.system.reload()
            if c.system.cli("config", "check", check=False).returncode == 0:
                r.fail("martlet config check finds nothing wrong")
            r.load.wait_acks(len(r.load.acks) + 50)
            time.sleep(1)
            for daemon in DAEMONS:
                if "max_sise" not in c.system.log(daemon)[-20000:]:
                    r.fail(f"the log of {daemon} does not say what is wrong")
        c.system.reload()
        r.struck("a truncated certificate, at reload")
        path = c.system.data / "tls" / "server.pem"
        good = path.read_bytes()
        try:
            path.write_bytes(good[:len(good) // 3])
            c.system.reload("smtpd", "accessd")
            time.sleep(6)  # it is also looked at by itself
            for port in ("submissions", "imaps"):
                with socket.create_connection(("127.0.0.1", c.system.ports[port]), timeout=10) as plain:
                    with c.system.tls.wrap_socket(plain, server_hostname="localhost"):
                        pass
        finally:
            path.write_bytes(good)
        c.system.reload("smtpd", "accessd")
        if pids != {daemon: c.system.pid(daemon) for daemon in DAEMONS}:
            r.fail("a daemon ended over it")
        r.struck("filerd cannot start")
        with c.system.config("filerd:\n  nonsense: 1\n"):
            mark = c.system.log("filerd").count("nonsense")
            c.system.kill("filerd")
            before = len(r.load.acks)
            time.sleep(10)
            starts = c.system.log("filerd").count("nonsense") - mark
            r.facts.append(f"filerd tried to start {starts} times in ten seconds, {len(r.load.acks) - before} mails were acknowledged")
            if not 3 <= starts <= 12:
                r.fail("filerd should be started about once a second, and fail")
            if len(r.load.acks) - before < 50:
                r.fail("the others do not serve while filerd cannot start")
        r.within("flow again", r.flow(30), 15)
        r.answered()
