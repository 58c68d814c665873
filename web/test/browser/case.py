"""What every test of the package has: a browser, a server, and a page that has imported the package."""

import atexit
import functools
import hashlib
import json
import os
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "web/driver"))

from chromium import Chromium  # noqa: E402
from firefox import Firefox  # noqa: E402
from served import STORIES, Served  # noqa: E402

SMOLLM2 = pathlib.Path(os.environ.get("TRINITY_SMOLLM2", ROOT / "target/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
STORIES_SHA256 = hashlib.sha256(STORIES.read_bytes()).hexdigest()

# Waits for a promise and tells how it ended, as errors lose their fields on the way here.
SETTLE = """(async () => {
  const { TrinityError, load, storage } = window.trinity;
  const all = async (stream) => {
    const texts = [];
    for await (const delta of stream) if (delta.text !== undefined) texts.push(delta.text);
    return { texts, ...(await stream.result) };
  };
  try {
    return { value: await (async () => { %s })() };
  } catch (error) {
    if (!(error instanceof TrinityError)) return { error: { kind: 'none', message: String(error && error.stack || error), name: error && error.name } };
    return { error: { kind: error.kind, message: error.message, detail: JSON.parse(JSON.stringify(error.detail)) } };
  }
})()"""


@functools.cache
def chromium():
    browser = Chromium()
    atexit.register(browser.close)
    return browser


@functools.cache
def firefox():
    browser = Firefox()
    atexit.register(browser.close)
    return browser


@functools.cache
def served():
    server = Served()
    atexit.register(server.close)
    return server


class ChromiumTab:
    """A page in a profile of its own."""

    name = "chromium"

    def __init__(self, beside=None):
        self.page = chromium().page(beside=beside.page if beside else None)

    def open(self, url):
        self.page.go(url)
        self.page.wait("document.body?.dataset.ready === 'true'")

    def run(self, expression):
        return self.page.run(expression)

    def close(self):
        self.page.close()

    def problems(self):
        # What a test cuts off, the browser names in its console.
        passing = ("net::ERR_", "status of 4", "status of 5", "blocked by CORS policy")
        return [p for p in self.page.problems if not any(part in p for part in passing)]


class FirefoxTab:
    """The tab in front; its profile is cleared, as there is one for all."""

    name = "firefox"

    def __init__(self, beside=None):
        self.before = firefox().send("WebDriver:GetWindowHandle")["value"] if beside else None
        if beside:
            firefox().tab()
        self.is_clear = beside is not None

    def open(self, url):
        firefox().go(url)
        if not self.is_clear:
            firefox().run("navigator.storage.getDirectory().then((root) => root.removeEntry('trinity', { recursive: true })).catch(() => {})")
            self.is_clear = True
        firefox().wait("document.body?.dataset.ready === 'true'")

    def run(self, expression):
        return firefox().run(expression)

    def close(self):
        if self.before:
            firefox().close_tab()
        else:
            firefox().go("about:blank")

    def problems(self):
        return []


class PackageCase(unittest.TestCase):
    """Opens `self.tab` on a page that has imported the package; a subclass says in which browser."""

    tab_type = ChromiumTab
    folder = "plain"

    def setUp(self):
        self.served = served()
        self.served.plans.clear()
        self.served.asked.clear()
        self.tabs = []
        self.tab = self.open()

    def open(self, folder=None, page="", beside=None):
        tab = self.tab_type(beside=beside)
        self.tabs.append(tab)
        tab.open(f"{self.served.url}{folder or self.folder}/{page}")
        return tab

    def tearDown(self):
        for tab in reversed(self.tabs):
            problems = tab.problems()
            tab.close()
            self.assertEqual(problems, [])

    def settle(self, body, tab=None, **values):
        """How the body of an asynchronous function ends in the page: {"value": …} or {"error": …}."""
        constants = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
        return (tab or self.tab).run(SETTLE % (constants + body))

    def value(self, body, tab=None, **values):
        end = self.settle(body, tab, **values)
        self.assertNotIn("error", end)
        return end.get("value")

    def error(self, kind, body, *parts, tab=None, **values):
        end = self.settle(body, tab, **values)
        self.assertIn("error", end, end)
        self.assertEqual(end["error"]["kind"], kind, end)
        for part in parts:
            self.assertIn(part, end["error"]["message"])
        return end["error"]

    def model(self, name="stories.gguf"):
        return f"/models/{name}"


def in_both_browsers(case):
    """A test case for each browser of one that says what is tested."""
    module = sys.modules[case.__module__]
    for tab_type in (ChromiumTab, FirefoxTab):
        name = f"{case.__name__}In{tab_type.name.capitalize()}"
        setattr(module, name, type(name, (case, PackageCase), {"tab_type": tab_type, "__module__": case.__module__}))
    return case
