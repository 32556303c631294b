"""The page and its API against forged tokens, foreign paths, other people's things, floods and texts that want to be markup."""
import base64, http.client, itertools, json, re, socket, subprocess, time, uuid
import pytest
from conftest import flat, message
from imap_client import Imap
from test_watch_api import API, Stream

_addresses = (f"127.0.7.{host}" for host in range(1, 255))


def raw(martlet, text, seconds=10):
    """What comes for these bytes until the server closes or says no more."""
    with socket.create_connection(("127.0.0.1", martlet.ports["http"]), seconds, (next(_addresses), 0)) as client:
        data = b""
        try:
            client.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))
        except OSError:
            pass  # closed over us, or it takes no more; what was said counts
        try:
            while piece := client.recv(65536):
                data += piece
        except OSError:
            pass
    return data


def request(martlet, path, method="GET", **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return raw(martlet, f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}Connection: close\r\n\r\n")


def status(answer):
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def body(answer):
    return answer.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def admin(martlet):
    return API(martlet, martlet.welcome["admin"]["user"], martlet.welcome["admin"]["password"])


# ---------------------------------------------------------------- tokens


def encoded(part):
    part = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def sign(martlet, tmp_path_factory):
    """Signs with the server's own key, which only a test can have: so that nothing but the claims is wrong."""
    [[scalar]] = martlet.sql("SELECT encode(private_key, 'hex') FROM watch_key")
    key = tmp_path_factory.mktemp("key") / "key.der"
    key.write_bytes(bytes.fromhex("3031020101" + "0420" + scalar + "a00a06082a8648ce3d030107"))

    def sign(claims, head={"alg": "ES256", "typ": "JWT"}):
        claims = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        text = f"{encoded(head)}.{encoded(claims)}"
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(key), "-keyform", "DER"], input=text.encode(), capture_output=True, check=True).stdout
        at, numbers = 2, b""
        for _ in range(2):
            length = der[at + 1]
            numbers += der[at + 2:at + 2 + length][-32:].rjust(32, b"\0")
            at += 2 + length
        return f"{text}.{encoded(numbers)}"

    sign.public = subprocess.run(["openssl", "ec", "-inform", "DER", "-in", str(key), "-pubout"], capture_output=True, check=True).stdout
    return sign


def test_a_token_is_what_the_server_signed_and_valid_now_or_nothing(martlet, admin, sign, unharmed):
    import hashlib, hmac
    head, claims, signature = admin.token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert status(request(martlet, "/api/v1/me", Authorization=f"Bearer {sign(said)}")) == 200, "the test's own signature is wrong"
    fresh = lambda: said["jti"][:24] + uuid.uuid4().hex[:12]
    assert status(request(martlet, "/api/v1/me", Authorization=f"Bearer {sign({**said, 'jti': fresh()})}")) == 200, "an id of one's own is refused"
    without = {name: value for name, value in said.items() if name != "exp"}
    bad = {
        "no expiry": sign(without), "past": sign({**said, "exp": int(time.time()) - 5}), "text": sign({**said, "exp": "tomorrow"}),
        "true": sign({**said, "exp": True}), "null": sign({**said, "exp": None}),
        "endless": sign(json.dumps({**said, "exp": 0}).replace('"exp": 0', '"exp": 1e400').encode()),
        "negative": sign(json.dumps({**said, "exp": 0}).replace('"exp": 0', '"exp": -1e300').encode()),
        "another's": sign({**said, "aud": "another"}), "nobody's": sign({name: value for name, value in said.items() if name != "aud"}),
        "another issuer": sign({**said, "iss": "another"}), "role": sign({**said, "role": "owner"}),
        # Of an id of their own: the answer for this one is known already.
        "no one": sign({**said, "sub": "nobody", "jti": fresh()}), "account as admin": sign({**said, "role": "account", "jti": fresh()}), "deep": sign(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"), "list": sign(b"[]"), "number": sign(b"1"),
        "mark": sign({**said, "mark": "another", "jti": fresh()}), "no id": sign({**said, "jti": "x"}),
    }
    for name, header in {"none": {"alg": "none"}, "None": {"alg": "None"}, "path": {"alg": "ES256", "kid": "../../../dev/null"}, "ES384": {"alg": "ES384"},
                         "jku": {"alg": "ES256", "jku": "http://127.0.0.1:1/keys"},
                         "jwk": {"alg": "ES256", "jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, "crit": {"alg": "ES256", "crit": ["x"], "x": 1}}.items():
        bad[name] = f"{encoded(header)}.{claims}." + ("" if "one" in name else signature)
    text = f"{encoded({'alg': 'HS256'})}.{claims}"
    for secret in (sign.public, sign.public.strip(), b""):
        bad[f"symmetric {len(secret)}"] = f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"
    zero = encoded(b"\0" * 64)
    bad |= {"zero": f"{head}.{claims}.{zero}", "short": f"{head}.{claims}.AA", "none at all": f"{head}.{claims}.", "two": f"{head}.{claims}"}
    answers = {}
    for name, token in bad.items():
        answer = request(martlet, "/api/v1/me", Authorization=f"Bearer {token}")
        answers.setdefault((status(answer), body(answer)), []).append(name)
    assert len(answers) == 1 and next(iter(answers))[0] == 401, {key: names for key, names in answers.items()}
    for length in (10_000, 2_000_000):
        assert status(request(martlet, "/api/v1/me", Authorization="Bearer " + "a" * length)) in (0, 400, 401, 431)
    assert status(request(martlet, "/api/v1/me", Cookie=f"martlet_token={sign(without)}")) == 401


def test_the_cookie_is_for_the_server_alone(martlet, admin):
    connection = http.client.HTTPConnection("127.0.0.1", martlet.ports["http"], timeout=15)
    login = json.dumps({"user": martlet.welcome["admin"]["user"], "password": martlet.welcome["admin"]["password"]})
    connection.request("POST", "/api/v1/login", login, {"Content-Type": "application/json"})
    cookie = connection.getresponse().getheader("Set-Cookie")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie and "Domain" not in cookie


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.test"}, {"Origin": "null"}, {"Origin": "http://x.evil.test"}, {"Origin": ""}, {"Origin": "file://"},
                                     {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}], ids=str)
def test_other_sites_get_nothing(martlet, admin, unharmed, headers):
    for method, path in (("GET", "/api/v1/mails"), ("POST", "/api/v1/logout"), ("GET", "/api/v1/stream")):
        answer = request(martlet, path, method, Cookie=f"martlet_token={admin.token}", Content_Length="0", **headers)
        assert status(answer) == 403, (method, path, answer[:200])
        assert b"Access-Control-Allow" not in answer
    upgrade = (f"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nCookie: martlet_token={admin.token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
               + "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()))
    with martlet.socket("http") as client:
        client.sendall(upgrade.encode() + b"\r\n")
        assert status(client.recv(65536)) == 403, "there are no web sockets"
    assert admin.get("me")[0] == 200, "logged out by another site"


# ---------------------------------------------------------------- paths


ROUTES = ["me", "overview", "mails", "mails/{mail}", "sessions", "sessions/{session}", "parked", "stream"]
DISGUISES = ["/api/v1/{r}", "//api/v1/{r}", "/api//v1/{r}", "/./api/v1/{r}", "/x/../api/v1/{r}", "/api/v1/%2e%2e/v1/{r}", "/api/v1/x/..;/{r}", "/api/v1;x/{r}",
             "/API/V1/{r}", "/api/v1/{r}/", "/api/v1/{r}%00", "/api/v1/{r}%2f", "/%61pi/v1/{r}", "/api/v1/{r}?x=/../", "/page/../api/v1/{r}",
             "http://127.0.0.1/api/v1/{r}"]


def test_every_route_asks_who_it_is_whatever_it_is_called(martlet, account, unharmed):
    mail = martlet.send(account.address, message("Somebody's own"))
    martlet.wait_mail(account, "Somebody's own", mailbox=None)
    with socket.create_connection(("127.0.0.1", martlet.ports["http"]), 15) as client:
        for route in ROUTES:
            route = route.format(mail=mail, session="abc")
            for disguise in DISGUISES:
                path = disguise.format(r=route)
                for more in ("", "X-Original-URL: /api/v1/me\r\nX-Rewrite-URL: /api/v1/me\r\n", "X-HTTP-Method-Override: GET\r\nX-Forwarded-For: 127.0.0.1\r\n"):
                    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
                    answer = client.recv(65536)
                    while b"\r\n\r\n" not in answer:
                        answer += client.recv(65536)
                    assert status(answer) in (400, 401, 404), (path, answer[:300])
                    for word in (b"Swift", b"Error", b"Fatal", b"/work", b"Somebody", b".swift", b"at 0x"):
                        assert word not in body(answer), (path, answer)
                    if status(answer) == 400:  # the library closes then
                        client.close()
                        client = socket.create_connection(("127.0.0.1", martlet.ports["http"]), 15)


def test_what_is_anothers_does_not_exist(martlet, account, second, unharmed):
    mail = martlet.send(account.address, message("For one only"))
    martlet.wait_mail(account, "For one only", mailbox=None)
    martlet.imap(account).logout()
    own, other = API(martlet, account.address, account.password), API(martlet, second.address, second.password)
    assert own.get(f"mails/{mail}")[0] == 200
    session = own.get("sessions")[1]["sessions"][0]["id"]
    for path in (f"mails/{mail}", f"mails/{uuid.uuid4()}"):
        assert other.get(path)[0] == 404
    assert other.get(f"sessions/{session}")[0] == other.get("sessions/nothing")[0] == 404
    assert other.get(f"mails/{mail}")[1] == other.get(f"mails/{str(mail)[:-2]}00")[1]
    assert other.get("mails")[1]["mails"] == [] and other.post(f"parked/{mail}/retry")[0] == 403


@pytest.mark.parametrize("path", ["/page/..%2f..%2fetc%2fpasswd", "/page/../../etc/passwd", "/page/%2e%2e/index.html", "/page/....//etc/passwd", "/page/app.js%00.png",
                                  "/page/.", "/page/", "/..\\..\\etc\\passwd", "/page/\\\\evil.test\\x", "/.git/config", "/welcome.json"])
def test_there_are_no_files_but_the_page(martlet, unharmed, path):
    answer = request(martlet, path)
    assert status(answer) in (400, 404) and b"root:" not in answer and b"password" not in answer


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "HEAD", "PROPFIND", "get", "X" * 5000])
def test_other_methods_do_nothing(martlet, admin, unharmed, method):
    for path in ("/api/v1/mails", "/api/v1/logout", "/health/live"):
        answer = request(martlet, path, method, Authorization=f"Bearer {admin.token}")
        assert not 200 <= status(answer) < 300 or method == "HEAD" and body(answer) == b"", answer[:300]
        assert admin.token.encode() not in answer, "told back"
    assert admin.get("me")[0] == 200


# ---------------------------------------------------------------- floods and framing


LOGIN = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("text", [
    "GET /health/live HTTP/1.1\r\nHost: x\r\n" + "".join(f"h{n}: x\r\n" for n in range(100_000)) + "\r\n",
    "GET /health/live HTTP/1.1\r\nHost: x\r\nX: " + "a" * 20_000_000 + "\r\n\r\n",
    "GET /" + "a" * 5_000_000 + " HTTP/1.1\r\nHost: x\r\n\r\n",
    LOGIN + "Transfer-Encoding: chunked\r\n\r\n" + "1\r\na\r\n" * 200_000,
    LOGIN + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n" + "a" * 1000,
    LOGIN + "Transfer-Encoding: chunked\r\n\r\n1;" + "x" * 5_000_000,
    LOGIN + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + "".join(f"t{n}: x\r\n" for n in range(100_000)) + "\r\n",
    LOGIN + f"Content-Length: 4000\r\nConnection: close\r\n\r\n" + "[" * 4000,
    LOGIN + f"Content-Length: 3998\r\nConnection: close\r\n\r\n" + '{"user":' + "[" * 1990 + "]" * 2000,
    LOGIN + "Content-Length: 1000000000\r\n\r\n" + "{" * 1_000_000,
    LOGIN + "Content-Encoding: gzip\r\nContent-Length: 20\r\nConnection: close\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03" + "\0" * 10,
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\0" * 1000,
    "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + "\0" * 500,
    "EHLO x\r\nMAIL FROM:<a@b.test>\r\n",
], ids=["headers", "header", "path", "chunks", "chunk-size", "chunk-name", "trailers", "open", "nested", "length", "gzip", "http2", "tls", "smtp"])
def test_floods_end_in_an_error_in_little_memory(martlet, unharmed, text):
    data = text.encode("latin-1")
    memory = martlet.rss("watchd")
    for _ in range(2):
        answer = raw(martlet, data, 1)
        # A chunk that does not come is waited for as long as any other silence is.
        assert status(answer) in range(400, 432) or not answer and "chunked" in text, answer[:200]
    assert martlet.rss("watchd") - memory < 20


@pytest.mark.parametrize("text", [
    LOGIN + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    LOGIN + "Content-Length: 0\r\nContent-Length: 44\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    LOGIN + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    LOGIN + "Content-Length: +0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /health/live\r\nX: y HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /health/live HTTP/1.1\r\nHost: x\r\nX\0: y\r\n\r\n",
    "GET /health/live HTTP/1.1\r\nHost: x\r\n X-Folded: y\r\n\r\n",
], ids=["both", "two-lengths", "unknown-coding", "plus", "line-in-path", "nul", "folded"])
def test_a_request_hides_no_other(martlet, unharmed, text):
    answer = raw(martlet, text, 2)
    assert answer.count(b"HTTP/1.1 ") <= 1 and b"alive" not in answer, answer


def test_ten_rounds_of_floods_add_no_memory(martlet, unharmed):
    def round():
        raw(martlet, LOGIN + "Content-Length: 4000\r\nConnection: close\r\n\r\n" + "[" * 4000)
        raw(martlet, "GET / HTTP/1.1\r\nHost: x\r\n" + "h: x\r\n" * 5000 + "\r\n", 3)
        for _ in range(20):
            request(martlet, "/api/v1/me", Authorization="Bearer " + "a" * 900)
    global _addresses
    _addresses = itertools.repeat("127.0.7.254")
    flat(martlet, "watchd", round)


def test_names_from_outside_make_no_series_of_metrics(martlet, account, unharmed):
    """Distinct HELO, domains, logins, mailboxes: the labels of metrics are a closed set."""
    from test_smtp_hostile import Peer
    mark = "mark" + uuid.uuid4().hex[:8]
    for number in range(4):
        with martlet.socket("imap") as client:
            client.sendall(f"a LOGIN {mark}{number} x\r\na SELECT {mark}{number}\r\na X{mark}{number}\r\nb LOGOUT\r\n".encode())
            while client.recv(1000):
                pass
        client = Peer(martlet, source=f"127.0.8.{number + 1}")
        for inner in range(20):
            client.say(f"EHLO {mark}-{number}-{inner}.test")
            client.say(f"MAIL FROM:<a@{mark}{number}{inner}.test>")
            client.say("RSET")
        client.say(f'X{mark}"\\n{number}')
        client.close()
    time.sleep(6)  # a report of each daemon
    lines = [line.rpartition(" ")[0] for line in martlet.http("/metrics")[1].splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines)) < 2_000
    for line in lines:
        assert mark not in line and re.fullmatch(r'[a-z0-9_]+(\{([a-z_]+="[^"\\\n]*",?)*\})?', line), line


# ---------------------------------------------------------------- texts that want to be markup


def test_markers_run_nowhere_on_the_page(martlet, account, unharmed):
    """In the envelope, Subject, From, a file's name, a command, a login, a mailbox, a User-Agent: shown as text in every view."""
    pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed: deploy/local/setup --test")
    from selenium.webdriver.common.by import By
    from test_page import Page
    mark = "m" + uuid.uuid4().hex[:8]
    markers = [f"<script>window.ran='{mark}'</script>", f"\"><img src=x onerror=window.ran='{mark}'>", "{{7*7}}", f"<svg onload=window.ran='{mark}'>",
               f"javascript:window.ran='{mark}'"]
    page = Page(martlet)
    try:
        page.log_in_as_admin(martlet)
        for number, marker in enumerate(markers):
            quoted = '"' + marker.replace("\\", "\\\\").replace('"', '\\"') + '"'
            with martlet.smtp() as client:
                client.docmd("EHLO", marker)
                client.ehlo("c.test")
                client.docmd("NOOP", marker)
                code, _ = client.docmd("MAIL", f"FROM:<{quoted}@remote.test>")
                if code != 250:
                    client.docmd("MAIL", "FROM:<a@remote.test>")
                client.docmd("RCPT", f"TO:<{account.address}>")
                client.data(message(f"{mark} {number} {marker}", sender=f"{quoted} <a@remote.test>").replace(
                    b"Content-Type: text/plain", f"Content-Disposition: attachment; filename={quoted}\r\nContent-Type: text/plain".encode()))
            with Imap(martlet, account) as client:
                client.command(f"CREATE {quoted}")
                client.command(f"STATUS {quoted} (MESSAGES)")
                client.command(f"LOGIN {quoted} x")
            request(martlet, "/", User_Agent=marker, Referer=marker)
        page.wait("the mails", lambda: sum(mark in row.text for row in page.all("#mail-rows tr")) >= len(markers))
        seen = page.one("body").get_attribute("innerHTML")
        for row in [row for row in page.all("#mail-rows tr") if mark in row.text][:2]:
            row.find_element(By.TAG_NAME, "button").click()
            page.wait("the history", lambda: page.all("#mail .way li"))
            seen += page.one("#mail").get_attribute("innerHTML")
            page.browser.execute_script("document.querySelector('#mail').close()")
        assert "{{7*7}}" in seen and "&lt;script&gt;" in seen
        assert page.browser.execute_script("return window.ran === undefined && document.querySelectorAll('main img[src=x], svg[onload], script:not([src])').length === 0")
        assert not any("Content Security Policy" in entry["message"] for entry in page.browser.get_log("browser")), "it was the policy alone that held"
    finally:
        page.browser.quit()
    policy = request(martlet, "/").partition(b"\r\n\r\n")[0].lower()
    assert b"content-security-policy: default-src 'none'" in policy and b"unsafe-" not in policy
