"""A real browser for tests of the page: Debian's Chromium, driven by selenium.

Without them, the tests skip and say so.
"""

import shutil
import tempfile
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
SWITCHES = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars"),
)
BEYOND = 9_007_199_254_740_993  # 2^53 + 1, which no number of JavaScript is
PATIENCE = 30  # seconds for a condition; it is only ever waited out by a test that fails


@contextmanager
def browser():
    """Start a browser with an empty profile, and end it."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for switch in (*SWITCHES, f"--user-data-dir={profile}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        try:
            yield driver
        finally:
            driver.quit()


class Page:
    """The page of a local server, as somebody sees it who has a keyboard and a mouse."""

    def __init__(self, driver, url):
        self.driver = driver
        self.url = url
        self.expected_errors = ()
        self.size(1280, 800)
        self.prefers("light")

    def open(self, path="/"):
        self.driver.get(self.url + path)
        self.until(lambda: self.text("#connection-text") == "Live", "the stream is open")
        return self

    def size(self, width, height, *, mobile=False, scale=1):
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefers(self, scheme):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def until(self, condition, what):
        """Wait until a condition holds and return what it gave."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        stale = [StaleElementReferenceException]
        waiting = WebDriverWait(self.driver, PATIENCE, 0.02, ignored_exceptions=stale)
        return waiting.until(lambda _: condition(), what)

    def script(self, code, *arguments):
        """Run JavaScript in the page; ``done`` is its last argument where it waits."""
        return self.driver.execute_script(code, *arguments)

    def asynchronous(self, code, *arguments):
        """Run the body of an async function in the page and return what it returns."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{{code}}})(...arguments).then(done, (e) => done(`${{e}}`));"
        )
        return self.driver.execute_async_script(wrapped, *arguments)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def click(self, selector):
        self.until(lambda: self.find(selector).is_displayed(), f"{selector} is there")
        self.find(selector).click()

    def text(self, selector):
        """Return the text of an element, or None if it is not there."""
        return self.script("return document.querySelector(arguments[0])?.textContent", selector)

    def keys(self, *keys):
        """Press keys where the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        return self.script("return document.activeElement.id")

    # What it shows

    def names(self):
        """Return the names of the rows in sight, from top to bottom."""
        return self.script(
            "return [...document.querySelectorAll('#rows .row')]"
            ".sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
            ".map((row) => row.querySelector('.c-name').textContent)"
        )

    def shows(self, *names):
        """Wait until just these rows are shown, from top to bottom."""
        self.until(lambda: self.names() == [*names], f"rows {names}, not {self.names()}")

    def filter(self, text):
        box = self.find("#filter")
        box.send_keys("\ue009a\ue000", "\ue003", text)  # Control-A, Backspace

    def open_row(self, name):
        """Click on the highest row with this name, and wait for its panel."""
        row = self.until(
            lambda: self.script(
                "return [...document.querySelectorAll('#rows .row')]"
                ".sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
                ".find((row) => row.querySelector('.c-name').textContent === arguments[0])",
                name,
            ),
            f"a row {name!r}",
        )
        row.click()
        self.until(lambda: self.text("#panel-title") == name, f"the panel of {name!r}")
        self.until(self.is_filled, "the panel is filled")

    def is_filled(self):
        return self.script("return document.querySelector('#tab-panel')?.ariaBusy === null")

    def tab(self, name):
        """Open a tab of the panel and return the text behind it."""
        self.click(f"#tab-{name}")
        self.until(self.is_filled, f"tab {name} is filled")
        return self.text("#tab-panel")

    def copied(self, selector):
        """Press a button that copies, and return what is on the clipboard."""
        self.click(selector)
        self.until(lambda: self.text(selector) == "Copied", "it is copied")
        return self.asynchronous("return navigator.clipboard.readText()")

    def errors(self):
        """Return what the browser's console says since the last call."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if not any(words in entry["message"] for words in self.expected_errors)
        ]
