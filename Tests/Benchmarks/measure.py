"""What the parts of the benchmark share: options, targets, CPU of process trees, figures."""
import argparse, json, os, pathlib, re, ssl, statistics, subprocess, time

HOME = pathlib.Path(os.environ["MARTLET_HOME"])
PEERS = pathlib.Path(os.environ["PEERS_DIR"])
TICK = os.sysconf("SC_CLK_TCK")
USERS = 20
DAEMONS = ["smtpd", "classifyd", "filerd", "relayd", "accessd", "watchd"]

parser = argparse.ArgumentParser(description="Martlet beside its peers, in one run.")
parser.add_argument("--no-peers", action="store_true")
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--count", type=int, default=4000, help="mails per intake run at 4 KiB")
parser.add_argument("--parts", default="intake,path,pop3,outbound,tap,memory", help="only these, between commas")
options = parser.parse_args()
welcome = json.loads((HOME / "welcome.json").read_text())
DATA = pathlib.Path(welcome["ca"]).parents[1]


class Target:
    def __init__(self, name, smtp, roots, imap=None, pop3s=None, tls=None, password="pass", domain="dest.test", empty=None):
        self.name, self.smtp, self.roots, self.imap, self.pop3s, self.tls = name, smtp, roots, imap, pop3s, tls
        self.password, self.domain, self.empty = password, domain, empty or (lambda: None)


def process_tree_cpu(roots):
    children, cpu = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = pathlib.Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            fields = text[text.rindex(")") + 2:].split()
            children.setdefault(int(fields[1]), []).append(int(entry))
            cpu[int(entry)] = sum(int(x) for x in fields[11:15])
    total, todo, done = 0, list(roots()), set()
    while todo:
        pid = todo.pop()
        if pid in done or pid not in cpu:
            continue
        done.add(pid)
        total += cpu[pid]
        todo += children.get(pid, [])
    return total / TICK


def pid_file(*paths):
    return lambda: [int(pathlib.Path(p).read_text().split()[0]) for p in paths if pathlib.Path(p).exists()]


def smtpload(target, *arguments):
    return [str(HOME / "smtpload"), "-h", "127.0.0.1", "-p", str(target.smtp), "-t", f"u%d@{target.domain}", "-u", str(USERS),
            *map(str, arguments)]


def median(values):
    return statistics.median(values)


def show(title, unit, rows):
    """rows: {target: [values]}; prints median, spread and the ratio of Martlet to the peer."""
    names = list(rows)
    line = f"{title:<46}"
    for name in names:
        values = rows[name]
        line += f"  {name} {median(values):,.1f} [{min(values):,.1f}..{max(values):,.1f}] {unit}"
    # A short run's CPU can be below one tick.
    if len(names) == 2 and median(rows[names[1]]) > 0:
        ratio = median(rows[names[0]]) / median(rows[names[1]])
        line += f"  ratio {ratio:.2f}"
    print(line, flush=True)


def settle(target):
    """Waits until the target has no CPU to spend on what it accepted (bounded)."""
    last, end = process_tree_cpu(target.roots), time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.5)
        now = process_tree_cpu(target.roots)
        if now - last < 0.03:
            return
        last = now


def sql(query):
    port = int(os.environ["MARTLET_PORT_BASE"]) + 432
    environment = {**os.environ, "PGPASSWORD": (DATA / "secrets/postgres.password").read_text()}
    return subprocess.run(["psql", "-XAt", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "martlet", "-c", query], env=environment, capture_output=True, text=True, check=True).stdout.strip()


def rss(name):
    pid = int((DATA / "services" / name / "supervise/pid").read_text())
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024
