"""The broker and the database go, come back, fill up, or hold a poison: F10, F11, F12, F15, F16, F18, F19, F22."""
import contextlib, os, pathlib, re, shutil, signal, subprocess, time
from campaign import fault
from system import Skip
from test_poison import STAGES, TRIGGER
from wire import IMAP, POP3, Gone


def metric(system, name, **labels):
    _, page = system.http("/metrics")
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines()
               if re.match(rf"{name}[ {{]", line) and all(f'{key}="{value}"' in line for key, value in labels.items()))


@fault("F10", "the broker restarted; its node killed (SIGKILL)", rounds=20, short=1, seconds=1200)
def broker_restarts(c, rounds):
    with c.round("F10") as r:
        r.load.wait_acks(50)
        for number in range(rounds):
            hard = number % 4 == 3 or rounds == 1
            r.struck("kill -9 of the broker" if hard else "restart of the broker")
            started = time.monotonic()
            if hard:
                c.system.kill_hard("rabbitmq")
            else:
                c.system.service("restart", "rabbitmq", wait=40)
            time.sleep(0.2 if hard else 0)
            c.system.await_servers("rabbitmq")
            r.times.setdefault("broker away", []).append(time.monotonic() - started)
            r.within("flow again", r.flow(40), 15)
        r.answered()


@fault("F18", "PostgreSQL: fast restart, immediate stop, a backend killed (SIGKILL)", rounds=21, short=3)
def database_restarts(c, rounds):
    with c.round("F18", database_lost=True) as r:
        r.load.wait_acks(50)
        for number in range(rounds):
            time.sleep(r.rng.uniform(0.2, 1.5))
            kind = ["fast restart", "immediate stop", "kill -9 of a backend"][number % 3]
            r.struck(kind)
            if number % 3 == 0:
                c.system.service("restart", "postgres", wait=40)
            elif number % 3 == 1:
                c.system.kill("postgres", signal.SIGQUIT)
            else:
                os.kill(r.rng.choice(c.system.backends("smtpd", "filerd", "classifyd", "accessd")), signal.SIGKILL)
            c.system.await_servers("postgres")
            back = time.monotonic()
            r.within("acknowledging again", r.load.acked_after(back, 30), 10)
            r.within("flow again", r.flow(30), 10)
        r.answered()


def order_kept(r, since, until):
    """Of the mails accepted in that time: the share of neighbours in an Inbox that came in the order of their acceptance."""
    def check(copies):
        right = pairs = 0
        for account in r.accounts:
            times = [mail.answered_at for copy in sorted((c for c in copies if c.place == account.address and c.folder == "INBOX"), key=lambda c: c.uid)
                     if (mail := r.ledger.mails.get(copy.token)) and mail.acked and since < mail.answered_at < until]
            right += sum(a <= b + 1 for a, b in zip(times, times[1:]))
            pairs += max(len(times) - 1, 0)
        share = right / pairs if pairs else 1
        r.facts.append(f"{share:.0%} of the backlog filed in order of age (neighbours, within a second)")
        if share < 0.8:
            r.fail("the backlog was not worked off in order of age")
    return check


@fault("F11", "the broker off for two minutes, the outbox filled to its cap", rounds=1, seconds=500)
def broker_off(c, rounds):
    with c.round("F11", quiet=180) as r:
        r.load.wait_acks(50)
        r.struck("the broker is stopped")
        off = time.monotonic()
        c.system.service("down", "rabbitmq", wait=40)
        while time.monotonic() < off + c.seconds * 0.7:
            before = len(r.load.acks)
            time.sleep(5)
            if len(r.load.acks) - before < 5:
                r.fail("mail is no longer acknowledged without the broker")
                break
        waiting = int(c.system.sql("SELECT count(DISTINCT mail_id) FROM work")[0][0])
        r.struck(f"queues.outbox_max becomes {waiting + 100}, {waiting} mails wait")
        r.facts.append(f"{waiting} mails waited")
        with c.system.config(f"queues:\n  outbox_max: {waiting + 100}\n"):
            c.system.reload("smtpd")
            full = lambda: r.load.answers[452] + r.load.answers[451]
            r.within("the full outbox answers 451 4.3.1", c.system.wait_for(lambda: full() >= 20, 60), 60)
            status = c.system.cli("status", check=False)
            told = status.stdout + status.stderr
            r.facts.append("martlet status: " + next((line.strip() for line in told.splitlines() if re.search("broker|RabbitMQ|outbox", line)), "nothing of the broker"))
            while time.monotonic() < off + c.seconds:
                time.sleep(0.5)
        c.system.reload("smtpd")
        back = time.monotonic()
        c.system.set_up("rabbitmq")
        c.system.await_servers("rabbitmq")
        r.within("flow again", r.flow(60), 15)
        r.answered()
        r.checks.append(order_kept(r, off, back))


@fault("F12", "a memory alarm and a disk alarm of the broker: it takes nothing", rounds=1, seconds=300)
def broker_alarms(c, rounds):
    with c.round("F12") as r:
        r.load.wait_acks(50)
        for name, on, off in [("memory", ["set_vm_memory_high_watermark", "absolute", "1"], ["set_vm_memory_high_watermark", "0.4"]),
                              ("disk", ["set_disk_free_limit", "100000GB"], ["set_disk_free_limit", "1GB"])]:
            r.struck(f"{name} alarm")
            try:
                c.system.rabbitmqctl(*on)
                before = len(r.load.acks)
                r.within("seen in /metrics", c.system.wait_for(lambda: metric(c.system, "mail_broker_blocked") >= 1, 30), 30)
                time.sleep(12)
                if len(r.load.acks) - before < 50:
                    r.fail(f"{len(r.load.acks) - before} mails were acknowledged during the {name} alarm")
                told = c.system.cli("status", check=False)
                told = told.stdout + told.stderr
                if not re.search("alarm|block", told):
                    r.fail(f"martlet status does not tell of the {name} alarm")
            finally:
                c.system.rabbitmqctl(*off)
            r.within("flow again", r.flow(40), 15)
        r.answered()


@fault("F15", "a queue at its greatest length, its consumers gone", rounds=1, seconds=300)
def queue_full(c, rounds):
    with c.round("F15") as r:
        r.load.wait_acks(50)
        r.struck("classifyd is stopped, mail.classify takes three hints")
        try:
            c.system.rabbitmqctl("set_policy", "--apply-to", "queues", "f15", r"^mail\.classify$", '{"max-length":3,"overflow":"reject-publish"}')
            c.system.service("down", "classifyd", wait=35)
            before = len(r.load.acks)
            time.sleep(15)
            acks = len(r.load.acks) - before
            waiting = {row["stage"]: row["waiting"] for row in c.system.cli_json("queue", "list")}
            depth = {row["queue"]: row for row in c.system.cli_json("status")["queues"]}["mail.classify"]
            r.facts.append(f"{acks} mails acknowledged meanwhile, {waiting.get('classify', 0)} wait in the outbox, {depth['messages']} hints in the queue")
            if acks < 100 or waiting.get("classify", 0) < 100 or depth["messages"] > 3:
                r.fail("what the queue refuses must wait in the outbox: " + r.facts[-1])
            if metric(c.system, "mail_publish_refused_total") + metric(c.system, "mail_queue_hints_refused_total") == 0:
                r.fail("no counter tells that hints are refused")
        finally:
            c.system.rabbitmqctl("clear_policy", "f15")
            c.system.set_up("classifyd")
        r.within("flow again", r.flow(40), 15)
        r.answered()


@fault("F16", "ten poisonous mails among a thousand: five fail at filing, five hang their classifier", rounds=1, seconds=400)
def poison(c, rounds):
    with c.round("F16", quiet=120) as r:
        r.senders += ["fail@poison.test", "hang@poison.test"]
        r.load.wait_acks(50)
        c.system.sql(TRIGGER)
        try:
            c.system.sql(f"INSERT INTO poison.stage VALUES ({STAGES['file']})")
            calm = r.flow(30)
            r.struck("five mails fail at filing")
            started = time.monotonic()
            bad = [r.one_mail(sender="fail@poison.test") for _ in range(5)]
            parked = lambda: {row["mail"] for row in c.system.cli_json("queue", "parked")}
            r.within("the others meanwhile", r.flow(30), 10)
            r.within("five parked", c.system.wait_for(lambda: {mail.id for mail in bad} <= parked(), 90, 1), 60)
            tries = {row["attempts"] for row in c.system.cli_json("queue", "parked") if row["mail"] in {mail.id for mail in bad}}
            if tries != {5}:
                r.fail(f"parked after {tries} tries")
            c.system.sql("DELETE FROM poison.stage")
            c.system.sql(f"INSERT INTO poison.stage VALUES ({STAGES['classify']})")
            r.struck("five mails hang their classifier")
            hanging = [r.one_mail(sender="hang@poison.test") for _ in range(5)]
            r.load.wait_acks(len(r.load.acks) + 1000 - len(bad) - len(hanging), 60)
            r.within("the others meanwhile", r.flow(60), 60)
            r.within("delivered without a verdict", c.system.wait_for(lambda: all(r.visible(mail) for mail in hanging), 120, 1), 120)
        finally:
            c.system.sql("DROP TRIGGER poison ON work; DROP SCHEMA poison CASCADE")
        r.struck("the reason is gone: martlet queue retry")
        for mail in bad:
            c.system.cli("queue", "retry", mail.id)
        r.within("delivered after a retry", c.system.wait_for(lambda: all(r.visible(mail) for mail in bad), 30, 0.5), 30)

        def none_parked():
            """Of those that hung too: they were delivered, and their verdicts wait."""
            for mail in parked():
                c.system.cli("queue", "retry", mail)
            return not parked()

        r.within("nothing parked", c.system.wait_for(none_parked, 30, 1), 30)


@fault("F19", "PostgreSQL off for two minutes", rounds=1, seconds=400)
def database_off(c, rounds):
    with c.round("F19", database_lost=True) as r:
        r.load.wait_acks(50)
        idle = IMAP(c.system, r.accounts[0], timeout=20)
        idle.ok("SELECT INBOX")
        r.struck("PostgreSQL is stopped")
        off = time.monotonic()
        c.system.service("down", "postgres", wait=40)
        refused = r.load.answers[451]
        time.sleep(5)
        said = {"IMAP, a session": lambda: told(idle, "FETCH 1:* (UID BODY.PEEK[])"), "IMAP, a login": lambda: IMAP(c.system, r.accounts[0], timeout=20),
                "POP3, a login": lambda: POP3(c.system, r.accounts[0], timeout=20)}
        while time.monotonic() < off + c.seconds:
            for name, ask in said.items():
                started, answer = time.monotonic(), "served"
                try:
                    answer = ask() or answer
                except Gone as error:
                    answer = str(error)
                took = time.monotonic() - started
                r.within(name, took, 10)
                good = re.search(r"NO \[UNAVAILABLE\]|BYE|closed", answer) if "IMAP" in name else "-ERR" in answer
                if not good:
                    r.fail(f"{name}: {answer[:80]}")
            time.sleep(5)
        if r.load.answers[451] - refused < 5:
            r.fail("SMTP did not answer 451")
        r.facts.append(f"{r.load.answers[451]} mails answered 451")
        c.system.set_up("postgres")
        c.system.await_servers("postgres")
        back = time.monotonic()
        r.within("acknowledging again", r.load.acked_after(back, 30), 10)
        r.within("flow again", r.flow(30), 10)
        r.answered()


def told(client, command):
    lines, result = client.command(command)
    bye = b"".join(line for line in lines if line.startswith(b"* BYE"))
    return bye.decode() or result


@contextlib.contextmanager
def small_disk(system, megabytes):
    """PostgreSQL's data on a file system of that size, in a file."""
    if not system.is_root:
        raise Skip("a file system of its own needs root")
    cluster, image, place = system.data / "postgres", system.data / "small.img", system.data / "small"
    run = lambda *command: subprocess.run(command, check=True, capture_output=True, timeout=120)
    system.sql("CHECKPOINT", "postgres")
    system.service("down", "postgres", wait=40)
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    place.mkdir(exist_ok=True)
    try:
        run("mkfs.ext4", "-q", "-m", "0", str(image))
        run("mount", "-o", "loop", str(image), str(place))
    except subprocess.CalledProcessError as error:
        image.unlink()
        system.set_up("postgres")
        raise Skip(f"no loop file system: {error.stderr.decode().strip()[:100]}")
    away = system.data / "postgres.away"
    try:
        run("cp", "-a", f"{cluster}/.", str(place))
        shutil.copystat(cluster, place)
        os.chown(place, cluster.stat().st_uid, cluster.stat().st_gid)
        cluster.rename(away)
        cluster.symlink_to(place)
        (place / "lost+found").rmdir()
        system.set_up("postgres")
        yield place
    finally:
        system.service("down", "postgres", wait=40)
        if cluster.is_symlink():
            cluster.unlink()
            run("cp", "-a", f"{place}/.", str(away) + ".new")
            shutil.rmtree(away)
            pathlib.Path(str(away) + ".new").rename(cluster)
            shutil.copystat(place, cluster)
            os.chown(cluster, place.stat().st_uid, place.stat().st_gid)
        run("umount", str(place))
        image.unlink()
        place.rmdir()
        system.set_up("postgres")
        system.await_servers("postgres")


@fault("F22", "the disk of the database full, and free again", rounds=1, seconds=500)
def disk_full(c, rounds):
    used = sum(path.stat().st_size for path in (c.system.data / "postgres").rglob("*") if path.is_file()) >> 20
    with small_disk(c.system, used + 160) as place:
        c.system.wait_ready(60)
        with c.round("F22", database_lost=True, quiet=150) as r:
            r.load.wait_acks(50)
            inbox = r.accounts[0]
            filler = place / "filler"
            for number in range(3):
                r.struck("the disk is full")
                free = shutil.disk_usage(place).free
                with open(filler, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, max(free - (256 << 10), 4096))
                refused = r.load.answers[451] + r.load.answers[452]
                r.within("refused (451 or 452)", c.system.wait_for(lambda: r.load.answers[451] + r.load.answers[452] > refused + 3, 60), 60)
                reads = 0
                for _ in range(5):
                    try:
                        client = IMAP(c.system, inbox, timeout=15)
                        client.ok("EXAMINE INBOX")
                        client.ok("FETCH 1 (UID BODY.PEEK[])")
                        reads += 1
                        client.logout()
                    except Gone:
                        pass
                    time.sleep(1)
                r.facts.append(f"{reads} of 5 reads served with the disk full")
                filler.unlink()
                r.struck("the disk is free again")
                c.system.await_servers("postgres")
                r.within("acknowledging again", r.load.acked_after(time.monotonic(), 40), 30)
                r.within("flow again", r.flow(60), 30)
            r.answered()
