"""What the tests of both browsers have: the sites, a browser with the extension and one without, and a tab."""

import atexit
import functools
import pathlib
import time
import unittest

from chromium import Chromium
from firefox import Firefox
from sites import Sites

DIST = pathlib.Path(__file__).resolve().parents[1] / "dist"
# Without a graphics card Chromium draws WebGL only if it is told to do so in software.
FLAGS = ["--enable-unsafe-swiftshader", "--autoplay-policy=no-user-gesture-required"]


@functools.cache
def sites():
    started = Sites()
    atexit.register(started.close)
    return started


class ChromiumBrowser:
    def __init__(self, has_extension=True):
        self.browser = Chromium(extension=DIST / "chromium" if has_extension else None, flags=FLAGS)

    def tab(self):
        return self.browser.tab()

    def home(self):
        """The address below which the extension's own pages lie."""
        return f"chrome-extension://{self.browser.extension}/ui/"

    def picture(self, tab):
        return tab.send("Page.captureScreenshot", format="png")["data"]

    def close(self):
        self.browser.close()


class FirefoxTab:
    """One of a browser's tabs, put in front before each step."""

    def __init__(self, browser):
        self.browser = browser
        self.handle = browser.tab()

    def __getattr__(self, name):
        step = getattr(self.browser, name)

        def in_front(*arguments, **options):
            self.browser.switch(self.handle)
            return step(*arguments, **options)

        return in_front

    def close(self):
        self.browser.switch(self.handle)
        self.browser.close_tab()


class FirefoxBrowser:
    def __init__(self, has_extension=True):
        self.browser = Firefox(extension=DIST / "firefox" if has_extension else None)
        while has_extension and self.is_late():
            time.sleep(0.05)

    def is_late(self):
        """Whether the order of files, which the background registers, is not there yet."""
        self.browser.go(sites().url("a.localhost", "/first"))
        return self.browser.run("first === T.hash(new Uint8Array(240 * 60 * 4))")

    def tab(self):
        return FirefoxTab(self.browser)

    def home(self):
        self.browser.context("chrome")
        host = self.browser.script("return WebExtensionPolicy.getByID(arguments[0]).mozExtensionHostname", self.browser.extension)
        self.browser.context("content")
        return f"moz-extension://{host}/ui/"

    def picture(self, tab):
        return tab.send("WebDriver:TakeScreenshot", full=False)["value"]

    def close(self):
        self.browser.close()


KINDS = {"chromium": ChromiumBrowser, "firefox": FirefoxBrowser}


@functools.cache
def browser(name, has_extension):
    started = KINDS[name](has_extension)
    atexit.register(started.close)
    return started


class Case(unittest.TestCase):
    """`self.on(host, path)` opens a page and gives its tab. Tests run once in each browser: `kind` says in which."""

    kind = None

    def setUp(self):
        self.tabs = []

    def tearDown(self):
        for tab in self.tabs:
            tab.close()

    def browser(self):
        return browser(self.kind, True)

    def on(self, host, path="/", has_extension=True):
        return self.at(sites().url(host, path), has_extension)

    def at(self, url, has_extension=True):
        tab = browser(self.kind, has_extension).tab()
        self.tabs.append(tab)
        tab.go(url)
        return tab

    def both(self, host, expression, path="/"):
        """What an expression gives with the extension and without."""
        return [self.on(host, path, has).run(expression) for has in (True, False)]


def in_both(case):
    """Replaces a class of tests by one for each browser."""
    module = __import__("sys").modules[case.__module__]
    for name in KINDS:
        made = type(f"{case.__name__}_{name}", (case,), {"kind": name, "__module__": case.__module__})
        setattr(module, made.__name__, made)
    return None
