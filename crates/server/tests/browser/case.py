"""What every test of the page has: the browser, a server with two models, a page of its own, and what must hold after it."""

import atexit
import functools
import json
import unittest
import urllib.parse

from chromium import Chromium
from server import Server

KEY = "sk-browser-test-0123456789abcdef"

# Fields that the page itself sets.
OWN = {"model", "messages", "stream", "stream_options", "repetition_detection"}


@functools.cache
def browser():
    chromium = Chromium()
    atexit.register(chromium.close)
    return chromium


@functools.cache
def server():
    started = Server(names=("first", "second"))
    atexit.register(started.close)
    return started


@functools.cache
def locked_server():
    """One that asks for a key."""
    started = Server(names=("first",), key=KEY)
    atexit.register(started.close)
    return started


class PageCase(unittest.TestCase):
    """Opens `self.page` on the server. Afterwards nothing may have gone to another origin, and nothing may have gone wrong
    unseen: no console message, exception or policy violation but those that a test names with `expect`."""

    def setUp(self):
        self.expected = []
        self.pages = []
        self.server = server()
        self.page = self.open()

    def open(self, url=None, **options):
        page = browser().page(**options)
        self.pages.append(page)
        page.open(url or self.server.url)
        return page

    def expect(self, part):
        self.expected.append(part)

    def tearDown(self):
        for page in self.pages:
            origins = {urllib.parse.urlsplit(url)[:2] for _, url, _ in page.requests if not url.startswith(("about:", "blob:"))}
            problems = [p for p in page.problems if not any(part in p for part in self.expected)]
            page.close()
            self.assertEqual(problems, [])
            self.assertLessEqual({f"{scheme}://{host}/" for scheme, host in origins}, {server().url, self.server.url})

    def send(self, text, page=None):
        """Sends a message by the keyboard and waits until the reply is there."""
        page = page or self.page
        self.begin(text, page)
        page.wait("document.querySelector('.assistant') && !document.querySelector('.running') && document.querySelector('#stop').hidden")
        return page.texts(".assistant .body")[-1]

    def begin(self, text, page=None):
        page = page or self.page
        page.run("document.querySelector('#field').focus()")
        page.type(text)
        page.press("Enter")

    def set(self, page=None, **settings):
        """Fills the settings panel in, as a user does."""
        page = page or self.page
        page.press("Control+,")
        page.wait("document.querySelector('#settings').open")
        for name, value in settings.items():
            page.run(f"document.querySelector('#setting-{name}').select()")
            if str(value) == "":
                page.press("Delete")
            else:
                page.type(str(value))
        page.press("Escape")
        page.wait("!document.querySelector('#settings').open")

    def asked(self, page=None):
        """The bodies of all chat requests so far."""
        requests = (page or self.page).requests
        return [json.loads(body) for method, url, body in requests if method == "POST" and url.endswith("v1/chat/completions")]

    def chosen(self, page=None):
        """What of the last request the user chose: neither the page's own fields nor what holds by itself."""
        request = self.asked(page)[-1]
        held = self.server.get(f"props?model={request['model']}")["default_generation_settings"]["params"]
        return {name: value for name, value in request.items() if name not in OWN and held.get(name, OWN) != value}

    def answer(self, *deltas, finish="stop", page=None):
        """From now on replies are made of these deltas, for what no small model says."""
        chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        (page or self.page).answer_with("*/v1/chat/completions", lambda page, paused: page.fulfill(paused, 200, "text/event-stream", text))
