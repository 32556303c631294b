"""What the live view costs: the intake with nobody watching and with one watcher of everything, in turns."""
import json, subprocess, threading, time, urllib.request

from measure import *

PAGE = f"http://127.0.0.1:{welcome['ports']['http']}/api/v1/"


class LivePage:
    """An admin's stream, read to the end by a thread, as a page does it."""

    def __enter__(self):
        login = {"user": welcome["admin"]["user"], "password": welcome["admin"]["password"]}
        request = urllib.request.Request(PAGE + "login", json.dumps(login).encode(), {"Content-Type": "application/json"})
        token = json.load(urllib.request.urlopen(request, timeout=10))["token"]
        self.stream = urllib.request.urlopen(urllib.request.Request(PAGE + "stream", headers={"Authorization": f"Bearer {token}"}), timeout=30)
        self.lines = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        time.sleep(2)  # until the daemons know that somebody watches
        return self

    def read(self):
        try:
            for line in self.stream:
                self.lines += line.startswith(b"event: line")
        except (OSError, ValueError, AttributeError):
            pass  # closed by __exit__

    def __exit__(self, *_):
        self.stream.close()
        time.sleep(2)


@contextlib.contextmanager
def no_autovacuum():
    """One of its workers costs as much as a watcher, and falls into one run or another."""
    def change(setting):
        sql(f"ALTER SYSTEM {setting}")
        sql("SELECT pg_reload_conf()")

    change("SET autovacuum = off")
    try:
        yield
    finally:
        change("RESET autovacuum")


def tap(martlet, count):
    rates, cpu = ({"nobody": [], "one watcher": []} for _ in range(2))

    def run(name):
        before = process_tree_cpu(martlet.roots)
        done = subprocess.run(smtpload(martlet, "-s", 50, "-d", "-l", 4096, "-m", count), capture_output=True, text=True, check=True, timeout=300)
        rates[name].append(json.loads(done.stdout)["per_s"])
        settle(martlet)
        cpu[name].append((process_tree_cpu(martlet.roots) - before) * 1000 / count)

    with no_autovacuum():
        for _ in range(options.runs):
            run("nobody")
            with LivePage() as page:
                run("one watcher")
            assert page.lines > 100, f"the watcher saw only {page.lines} lines"
    show("intake 4 KiB, 50 sessions, by who watches", "mails/s", rates)
    show("   CPU per mail", "ms", cpu)


def memory(martlet, count=10_000, idle=60):
    subprocess.run(smtpload(martlet, "-s", 10, "-d", "-l", 4096, "-m", count), check=True, capture_output=True, timeout=300)
    settle(martlet)
    time.sleep(idle)
    print(f"RSS after {count:,} more mails and {idle} s idle: " + ", ".join(f"{name} {rss(name):.0f} MiB" for name in DAEMONS), flush=True)
