"""The live page in a real Chromium: what people see, with eyes, with a keyboard, with a screen reader, on a phone."""
import time, uuid
import pytest
from conftest import message

webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed: deploy/local/setup --test")
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


class Page:
    """A browser at the page; `wait` asks until something is so, and says what was not."""

    def __init__(self, martlet):
        options = webdriver.ChromeOptions()
        for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1440,1300"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.url = f"http://127.0.0.1:{martlet.ports['http']}/"
        self.browser.get(self.url)

    def one(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def wait(self, what, check, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = check()
                if found:
                    return found
            except StaleElementReferenceException:
                pass  # the page redrew it meanwhile
            assert time.monotonic() < deadline, f"{what}: not after {seconds} s; the page says: {self.one('body').text[:600]}"
            time.sleep(0.1)

    def log_in(self, user, password):
        self.wait("the login form", lambda: self.one("#login").is_displayed())
        for field, text in [("#user", user), ("#password", password)]:
            self.one(field).clear()
            self.one(field).send_keys(text)
        self.one("#password").send_keys(Keys.ENTER)

    def log_in_as_admin(self, martlet):
        admin = martlet.welcome["admin"]
        self.log_in(admin["user"], admin["password"])
        self.wait_live()

    def wait_live(self):
        self.wait("the live mark", lambda: self.one("#live").text == "live")

    def row(self, subject):
        """The table row of the mail with that subject, once it is there."""
        return self.wait(f"the mail {subject}", lambda: next(
            (row for row in self.all("#mail-rows tr") if row.find_element(By.TAG_NAME, "button").text == subject), None))

    def complaints(self):
        """What the browser's console says, but for the question who is logged in, whose answer was: nobody."""
        return [entry["message"] for entry in self.browser.get_log("browser") if "/api/v1/me" not in entry["message"]]


@pytest.fixture(scope="module")
def browser(martlet):
    page = Page(martlet)
    yield page
    page.browser.quit()


@pytest.fixture
def page(browser):
    """The page, logged out."""
    browser.browser.delete_all_cookies()
    browser.browser.get(browser.url)
    browser.complaints()
    return browser


def test_a_wrong_password_says_so(page, account):
    page.log_in(account.address, "not this one")
    page.wait("the words", lambda: page.one("#login-problem").text)
    assert page.one("#login").is_displayed() and not page.one("#page").is_displayed()
    assert "password" in page.one("#login-problem").text.lower()


def test_an_admin_sees_a_mail_move_and_why_it_was_judged(page, martlet, account):
    page.log_in_as_admin(martlet)
    subject = f"Lunch {uuid.uuid4().hex[:8]}"
    martlet.send(account.address, message(subject, to=account.address))
    row = page.row(subject)
    page.wait("its place", lambda: "INBOX" in row.find_element(By.CSS_SELECTOR, ".where").text)
    assert row.find_element(By.CSS_SELECTOR, ".verdict").text.startswith("wanted")
    assert account.address in row.text and "someone@remote.test" in row.text
    row.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    story = page.wait("the history", lambda: page.all("#mail .way li") and page.one("#mail").text)
    assert "accepted" in story and "unwanted, by version" in story and "INBOX" in story
    assert page.all("#mail .reasons tbody tr"), "no reasons are shown"
    assert "see you at lunch" not in story, "a body is shown"
    page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.wait("the dialog to close", lambda: not page.one("#mail").is_displayed())
    assert page.browser.switch_to.active_element.text == subject, "the focus is not back where it was"
    assert page.complaints() == []


def test_the_stations_count(page, martlet, account):
    page.log_in_as_admin(martlet)
    count = lambda: int(page.one('[data-station="accept"] .count').text.replace(",", "") or -1)
    before = page.wait("a count", lambda: count() >= 0 and (count(),))[0]
    martlet.send(account.address, message("Counted"))
    page.wait("one more", lambda: count() > before)
    assert "Martlet is ready" in page.one("#health").text
    assert any("smtpd" in one.text and "ready" in one.text for one in page.all("#daemon-words li"))


def test_what_comes_by_mail_stays_text(page, martlet, account):
    page.log_in_as_admin(martlet)
    mark = uuid.uuid4().hex[:8]
    subject = f"<img src=x onerror=document.title='{mark}'><b>{mark}</b>"
    martlet.send(account.address, message(subject), sender=f"\"<script>{mark}</script>\"@remote.test")
    row = page.row(subject)
    assert row.find_elements(By.CSS_SELECTOR, "img, b, script") == []
    row.find_element(By.TAG_NAME, "button").click()
    page.wait("the history", lambda: page.all("#mail .way li"))
    assert page.all("#mail img, #mail b, #mail script") == []
    assert page.browser.title == "Martlet, live"
    assert page.complaints() == []


def test_an_account_sees_its_own_and_nothing_else(page, martlet, account, second):
    page.log_in(account.address, account.password)
    page.wait_live()
    mine, other = (f"For {name} {uuid.uuid4().hex[:8]}" for name in ("me", "somebody else"))
    martlet.send(second.address, message(other))
    martlet.send(account.address, message(mine))
    page.row(mine)
    assert [row.find_element(By.TAG_NAME, "button").text for row in page.all("#mail-rows tr")] == [mine]
    assert not page.one("#queues").is_displayed()


def test_a_session_is_told_line_by_line_without_its_secrets(page, martlet, account):
    page.log_in_as_admin(martlet)
    with martlet.smtp("submission", account) as client:
        client.noop()
    lines = page.wait("the lines", lambda: next((text for text in [page.one("#transcript").text] if "noop" in text.lower() and account.address in text), None))
    for expected in ["220 ", "ehlo client.test", "starttls", "tls 1.", "auth plain", "235 ", "rfc 3207", "250-pipelining"]:
        assert expected in lines.lower()
    import base64
    assert account.password not in lines
    assert base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode() not in lines


def test_what_is_parked_can_be_tried_again(page, martlet, account):
    page.log_in_as_admin(martlet)
    subject = f"Parked {uuid.uuid4().hex[:8]}"
    martlet.stop("classifyd")
    try:
        mail = martlet.send(account.address, message(subject))
        martlet.sql(f"UPDATE work SET parked_at = now(), attempts = 5, last_error = 'the worker ended' WHERE mail_id = '{mail}'")
        find = lambda: next((row for row in page.all("#parked-list li") if subject in row.text), None)
        row = page.wait("the parked mail", find)
        assert "the worker ended" in row.text
    finally:
        martlet.start("classifyd")
    find().find_element(By.TAG_NAME, "button").click()
    page.wait("it to be gone", lambda: find() is None)
    martlet.wait_mail(account, subject)


FAKE_STREAM = """
window.streams = [];
window.EventSource = class {
  static CLOSED = 2;
  constructor() { this.handlers = {}; this.readyState = 1; streams.push(this); setTimeout(() => this.onopen?.()); }
  addEventListener(name, handle) { this.handlers[name] = handle; }
  close() { this.readyState = 2; }
};
window.told = (name, data) => streams.at(-1).handlers[name]({ data: JSON.stringify(data) });
window.refused = () => { streams.at(-1).readyState = 2; streams.at(-1).onerror(); };
"""


@pytest.fixture
def told(page, martlet):
    """Tells the page an event of the stream, made up; the server behind it is real."""
    script = page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FAKE_STREAM})
    page.browser.refresh()
    page.log_in_as_admin(martlet)
    yield lambda name, data: page.browser.execute_script("told(arguments[0], arguments[1])", name, data)
    page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def session(identifier, second):
    return {"id": identifier, "daemon": "smtpd", "role": "mx", "peer": "192.0.2.1", "localPort": 25, "account": None, "secure": False,
            "openedAt": f"2100-01-01T00:00:{second:02}.000Z", "closedAt": None, "durationSeconds": None, "bytesIn": 0, "bytesOut": 0,
            "roundTrips": 0, "reason": None, "state": "open", "lines": 0, "words": ""}


def test_the_page_says_that_the_database_is_away(page, told):
    stages = [{"stage": name, "count": None, "parked": None, "oldestSeconds": None, "words": "unknown: PostgreSQL does not answer"}
              for name in ("classify", "file", "relay")]
    told("overview", {"at": "2026-11-21T11:00:05.120Z", "ready": False, "reasons": ["PostgreSQL does not answer"], "degraded": [],
                      "words": "Martlet is not ready. PostgreSQL does not answer.", "stages": stages, "queues": [], "daemons": [], "totals": None})
    assert "not ready" in page.one("#health").text and page.one("#health").get_attribute("data-state") == "bad"
    assert page.one('[data-station="classify"] .count').text == "–"
    assert "PostgreSQL does not answer" in page.one("#stage-words").text


def test_what_was_left_out_is_counted(page, told):
    told("dropped", {"lines": 120, "sessions": 3})
    told("dropped", {"lines": 1, "sessions": 0})
    assert "121 lines and 3 sessions" in page.one("#session-dropped").text


def test_sessions_are_forgotten_while_an_old_one_is_looked_at(page, told):
    told("session", session("old", 0))
    told("line", {"session": "old", "n": 1, "kind": "line", "direction": "client", "text": "EHLO the old one", "at": "", "seconds": 0})
    page.wait("its lines", lambda: "EHLO the old one" in page.one("#transcript").text)
    page.one("#session-follow").click()
    page.browser.execute_script("""
      for (let n = 0; n < 300; n++) {
        const one = { ...arguments[0], id: `new ${n}`, openedAt: `2100-01-01T00:01:00.${String(n).padStart(3, "0")}Z` };
        told("session", one);
        told("line", { session: one.id, n: 1, kind: "line", direction: "client", text: "x", at: "", seconds: 0 });
      }
    """, session("new", 1))
    kept = page.browser.execute_async_script("import('/page/sessions.js').then((module) => arguments[0](module.kept()))")
    assert kept == [100, 100]
    assert "EHLO the old one" in page.one("#transcript").text


def test_a_refused_stream_is_asked_for_again(page, told):
    page.browser.execute_script("refused()")
    page.wait("the words", lambda: page.one("#live").text.startswith("not live"))
    page.wait_live()
    assert page.browser.execute_script("return streams.length") == 2


def test_nothing_is_left_on_the_screen_after_the_end(page, martlet, account, told):
    subject = f"Left behind {uuid.uuid4().hex[:8]}"
    mail = martlet.send(account.address, message(subject))
    told("mail", {"id": mail, "receivedAt": "2026-11-21T11:00:04.010Z", "origin": "mx", "from": "someone@remote.test", "to": [account.address],
                  "recipients": 1, "subject": subject, "size": 1, "stage": "done", "words": "filed", "verdict": None, "hops": []})
    told("session", session("old", 0))
    page.row(subject).find_element(By.TAG_NAME, "button").click()
    page.wait("the history", lambda: page.all("#mail .way li"))
    page.browser.delete_all_cookies()
    told("bye", {"reason": "revoked"})
    page.wait("the login form", lambda: page.one("#login").is_displayed())
    assert not page.one("#mail").is_displayed()
    page.wait("nothing", lambda: subject not in page.browser.page_source and "192.0.2.1" not in page.browser.page_source)


def test_a_logout_that_fails_says_so(page, told):
    page.browser.execute_script("window.fetch = async () => { throw new TypeError('away') }")
    page.one("#logout").click()
    page.wait("the words", lambda: page.one("#live").text.startswith("Not logged out"))
    assert page.one("#page").is_displayed()


def test_all_can_be_reached_by_keyboard_and_has_a_name(page, martlet, account):
    page.log_in_as_admin(martlet)
    subject = f"Keyboard {uuid.uuid4().hex[:8]}"
    martlet.send(account.address, message(subject))
    page.row(subject)
    page.browser.refresh()
    page.row(subject)
    focused = lambda: page.browser.switch_to.active_element

    def tab(times):
        for _ in range(times):
            focused().send_keys(Keys.TAB)
            yield focused().get_attribute("id") or focused().text

    reached = list(tab(9))
    assert reached == ["Skip to the content", "logout", "Path", "Mails", "Sessions", "Queues", "mail-find", "mail-pause", subject]
    page.browser.refresh()
    page.row(subject)
    list(tab(5))
    focused().send_keys(Keys.ENTER)  # the link to the sessions
    assert list(tab(2)) == ["session-role", "session-follow"]
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    nameless = [node for node in tree if not node.get("ignored") and node["role"]["value"] in ("button", "link", "textbox", "searchbox", "combobox", "dialog", "region")
                and not node.get("name", {}).get("value")]
    assert nameless == []


def test_on_a_phone_nothing_is_cut_off(page, martlet, account):
    page.log_in_as_admin(martlet)
    martlet.send(account.address, message("A subject that is so long that it cannot stand in one line on a telephone " + "x" * 60))
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True})
    try:
        page.wait("a mail", lambda: page.all("#mail-rows tr"))
        wide = page.browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= 360, f"the page is {wide} pixels wide on a screen of 360"
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_logging_out_ends_it(page, account):
    page.log_in(account.address, account.password)
    page.wait_live()
    page.one("#logout").click()
    page.wait("the login form", lambda: page.one("#login").is_displayed())
    page.browser.refresh()
    page.wait("the login form", lambda: page.one("#login").is_displayed())
    assert not page.one("#page").is_displayed()
