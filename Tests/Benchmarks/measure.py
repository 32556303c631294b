"""What the parts of the benchmark share: options, targets, CPU of process trees, figures."""
import argparse, contextlib, json, os, pathlib, re, ssl, statistics, subprocess, sys, time

HOME = pathlib.Path(os.environ["MARTLET_HOME"])
PEERS = pathlib.Path(os.environ["PEERS_DIR"])
TICK = os.sysconf("SC_CLK_TCK")
USERS = 20
DAEMONS = ["smtpd", "classifyd", "filerd", "relayd", "accessd", "watchd"]

parser = argparse.ArgumentParser(description="Martlet beside its peers, in one run.")
parser.add_argument("--no-peers", action="store_true")
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--count", type=int, default=4000, help="mails per intake run at 4 KiB")
parser.add_argument("--parts", default="intake,path,imap,mailbox,idle,pop3,filter,outbound,growth,tap,memory", help="only these, between commas")
parser.add_argument("--seconds", type=float, default=6, help="of a run with IMAP clients")
parser.add_argument("--mails", type=int, default=10_000, help="in the large mailbox")
parser.add_argument("--large", action="store_true", help="also mailboxes of 100,000 mails")
parser.add_argument("--idle", type=int, default=1000, help="idle connections")
options = parser.parse_args()
welcome = json.loads((HOME / "welcome.json").read_text())
DATA = pathlib.Path(welcome["ca"]).parents[1]


class Target:
    def __init__(self, name, smtp, roots, imap=None, imaps=None, pop3s=None, tls=None, password="pass", domain="dest.test", empty=None):
        self.name, self.smtp, self.roots, self.imap, self.imaps, self.pop3s, self.tls = name, smtp, roots, imap, imaps, pop3s, tls
        self.password, self.domain, self.empty = password, domain, empty or (lambda: None)


def process_tree(roots):
    """The CPU ticks, children that ended included, of each process of the trees."""
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
    found, todo = {}, list(roots())
    while todo:
        pid = todo.pop()
        if pid not in found and pid in cpu:
            found[pid] = cpu[pid]
            todo += children.get(pid, [])
    return found


def process_tree_cpu(roots):
    return sum(process_tree(roots).values()) / TICK


def pid_file(*paths):
    return lambda: [int(pathlib.Path(p).read_text().split()[0]) for p in paths if pathlib.Path(p).exists()]


def smtpload(target, *arguments):
    """Arguments that come later win: the recipients are u1..u20 unless they say otherwise."""
    return [str(HOME / "smtpload"), "-h", "127.0.0.1", "-p", str(target.smtp), "-t", f"u%d@{target.domain}", "-u", str(USERS),
            *map(str, arguments)]


def median(values):
    return statistics.median(values)


LESS = {"ms", "KiB", "MiB", "s"}  # units of which less is better; more of all the others


def show(title, unit, rows, compare=True):
    """rows: {target: [values]}; prints median, spread, and how many times better the first of two is (above 1: ahead)."""
    names = list(rows)
    line = f"{title:<46}"
    for name in names:
        values = rows[name]
        form = ",.1f" if median(values) >= 10 else ",.2f"
        line += f"  {name} {median(values):{form}} [{min(values):{form}}..{max(values):{form}}] {unit}"
    # A short run's CPU can be below one tick.
    if compare and len(names) == 2 and min(median(rows[name]) for name in names) > 0:
        first, second = (median(rows[name]) for name in names)
        ratio = second / first if unit in LESS else first / second
        line += f"  {ratio:.2f}x ({'less' if unit in LESS else 'more'} is better)"
    print(line, flush=True)


elapsed = {}


@contextlib.contextmanager
def part(name):
    """Says on standard error what is being measured, and remembers how long it took."""
    begun = time.monotonic()
    print(f"== {name} ({time.strftime('%H:%M:%S')}, {sum(elapsed.values()):.0f} s since the start)", file=sys.stderr, flush=True)
    yield
    elapsed[name] = time.monotonic() - begun


def accounts(prefix, count):
    """Martlet's accounts PREFIX1..PREFIXn of dest.test; Dovecot knows everybody."""
    there = set(sql("SELECT address FROM account").split())
    names = [name for name in (f"{prefix}{n}@dest.test" for n in range(1, count + 1)) if name not in there]
    if names:
        file = HOME / "accounts.csv"
        file.write_text("address,password\n" + "".join(f"{name},pass\n" for name in names))
        subprocess.run([str(HOME / "martlet"), "account", "import", str(file)], check=True, capture_output=True)


def sv(verb, *services):
    subprocess.run(["sv", "-w", "40", verb, *[str(DATA / "services" / name) for name in services]], check=True, capture_output=True)


def until(what, done, seconds=120):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            sys.exit(f"not after {seconds} s: {what}")
        time.sleep(0.1)


def corpus(label=None):
    """A file of 1,000 mails of all kinds, or of those that are "spam" or "ham"."""
    from corpus import write_mbox
    path = HOME / f"corpus-{label or 'all'}.mbox"
    if not path.exists():
        write_mbox(path, label=label)
    return path


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
