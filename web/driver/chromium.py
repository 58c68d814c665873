"""A real Chromium, driven over its DevTools protocol by a pair of pipes: no driver to install, no port to find.

`Chromium(extension=FOLDER)` loads an unpacked extension, which runs in the pages of `tab()` alone: the profiles that
`page()` makes are private windows to the browser."""

import base64
import fcntl
import fnmatch
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time

TIMEOUT_S = 180
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
# Loading by `Extensions.loadUnpacked` works in branded builds too.
EXTENSION_FLAGS = ["--enable-unsafe-extension-debugging"]
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

# Key name: (code, Windows key code, text that it types).
KEYS = {
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "Tab": ("Tab", 9, ""),
    "Delete": ("Delete", 46, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowRight": ("ArrowRight", 39, ""),
    "End": ("End", 35, ""),
    "Home": ("Home", 36, ""),
    "F2": ("F2", 113, ""),
    " ": ("Space", 32, " "),
    "/": ("Slash", 191, "/"),
    "?": ("Slash", 191, "?"),
    ",": ("Comma", 188, ","),
}
MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}


def _pipe():
    """The two ends of a pipe, neither of which is descriptor 3 or 4."""
    low = os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low]
    for end in low:
        os.close(end)
    return ends


class Chromium:
    """The browser process; `page()` opens a page in a profile of its own, `tab()` one in the profile it started with.

    `profile` names a folder to start in, which is kept; else there is one that goes with the browser."""

    def __init__(self, extension=None, profile=None, flags=()):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if not program:
            raise SystemExit(f"none of {', '.join(NAMES)} is installed")
        self.is_profile_kept = profile is not None
        self.profile = profile or tempfile.mkdtemp(prefix="trinity-browser-")
        to_browser, write = _pipe()
        read, from_browser = _pipe()
        # The browser reads descriptor 3 and writes descriptor 4. Not `sh`: dash takes one digit behind `&`.
        command = 'exec "$0" "$@" 3<&%d 4>&%d' % (to_browser, from_browser)
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, *FLAGS, *EXTENSION_FLAGS, *flags, f"--user-data-dir={self.profile}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.write = os.fdopen(write, "wb", buffering=0)
        self.read = os.fdopen(read, "rb")
        self.n_sent = 0
        self.replies = {}
        self.pages = {}
        self.lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        self.extension = self.load(extension) if extension else None

    def load(self, extension):
        """Loads an unpacked extension, and returns its id."""
        return self.send("Extensions.loadUnpacked", path=str(extension))["id"]

    def _listen(self):
        rest = b""
        while piece := self.read.read1(1 << 16):
            *messages, rest = (rest + piece).split(b"\0")
            for text in messages:
                message = json.loads(text)
                if "id" in message:
                    self.replies[message["id"]].put(message)
                elif page := self.pages.get(message.get("sessionId")):
                    page._event(message["method"], message["params"])

    def begin(self, method, session=None, **params):
        """Sends a command without waiting for its end."""
        with self.lock:
            self.n_sent += 1
            message = {"id": self.n_sent, "method": method, "params": params}
            if session:
                message["sessionId"] = session
            # Before the answer can come: two threads that each made one would not meet.
            self.replies[self.n_sent] = queue.Queue()
            self.write.write(json.dumps(message).encode() + b"\0")
            return message["id"]

    def send(self, method, session=None, **params):
        number = self.begin(method, session, **params)
        try:
            reply = self.replies[number].get(timeout=TIMEOUT_S)
        except queue.Empty:
            raise TimeoutError(f"{method}: no answer in {TIMEOUT_S} s") from None
        del self.replies[number]
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']['message']}")
        return reply["result"]

    def page(self, **options):
        return Page(self, **options)

    def tab(self, **options):
        """Opens a page in the profile that the browser started with, where extensions run."""
        return Page(self, in_first_profile=True, **options)

    def worker(self):
        """Returns the session of the extension's background worker, once it runs."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for target in self.send("Target.getTargets")["targetInfos"]:
                if target["type"] == "service_worker" and target["url"].startswith(f"chrome-extension://{self.extension}/"):
                    return self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
            time.sleep(0.02)
        raise TimeoutError("the extension has no background worker")

    def close(self):
        try:
            self.send("Browser.close")
            self.process.wait(20)
        except Exception:
            self.process.kill()
            self.process.wait()
        if not self.is_profile_kept:
            shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """A tab in a fresh profile, or beside `beside` in the same one. Remembers requests, console messages and violations."""

    def __init__(self, browser, width=1200, height=800, is_phone=False, beside=None, in_first_profile=False):
        self.browser = browser
        if beside or in_first_profile:
            self.context = beside and beside.context
        else:
            self.context = browser.send("Target.createBrowserContext")["browserContextId"]
        place = {"browserContextId": self.context} if self.context else {}
        self.target = browser.send("Target.createTarget", url="about:blank", **place)["targetId"]
        self.session = browser.send("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        self.requests = []  # (method, URL, body)
        self.problems = []  # console errors and warnings, exceptions, policy violations
        self.canned = None  # (pattern of URLs, function that answers a paused request)
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.send(f"{domain}.enable")
        # From the start: a page that is already loaded takes up interception some time after the answer to this.
        self.send("Fetch.enable", patterns=[{"urlPattern": "*/v1/*"}, {"urlPattern": "*/openapi.json"}])
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if is_phone else 1, mobile=is_phone)
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def send(self, method, **params):
        return self.browser.send(method, self.session, **params)

    def _event(self, method, params):
        if method == "Network.requestWillBeSent":
            request = params["request"]
            self.requests.append((request["method"], request["url"], request.get("postData")))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(f"console {params['type']}: {[a.get('value', a.get('description')) for a in params['args']]}")
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.problems.append(f"log: {entry['text']} {entry.get('url', '')}")
        elif method == "Audits.issueAdded" and "ContentSecurityPolicy" in params["issue"]["code"]:
            self.problems.append(f"policy: {json.dumps(params['issue']['details'])}")
        elif method == "Fetch.requestPaused":
            # A thread of its own: this one has to hear the answers.
            threading.Thread(target=self._paused, args=(params,), daemon=True).start()

    def _paused(self, params):
        pattern, canned = self.canned or ("", None)
        if canned and fnmatch.fnmatchcase(params["request"]["url"], pattern):
            canned(self, params)
        else:
            self.send("Fetch.continueRequest", requestId=params["requestId"])

    def answer_with(self, pattern, canned):
        """Answers requests to the API whose URL fits `pattern` by `canned(page, paused)`; None lets them through again."""
        self.canned = canned and (pattern, canned)

    def fulfill(self, paused, status, content_type, body):
        self.send(
            "Fetch.fulfillRequest",
            requestId=paused["requestId"],
            responseCode=status,
            responseHeaders=[{"name": "Content-Type", "value": content_type}],
            body=base64.b64encode(body.encode()).decode(),
        )

    def go(self, url):
        """Opens an address and waits until it has loaded."""
        self.send("Page.navigate", url=url)
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url.split('#')[0])})")

    def open(self, url):
        """Opens an address of the chat page and waits until the page says that it is ready."""
        self.send("Page.navigate", url=url)
        self.wait("document.body?.dataset.ready === 'true' || document.querySelector('dialog[open]')")

    def reload(self):
        """The same address again; `open` would stay on the page if only what is behind its # differs."""
        self.run("window.isBefore = true")
        self.send("Page.reload")
        self.wait("!window.isBefore && document.body?.dataset.ready === 'true'")

    def run(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return result["result"].get("value")

    def wait(self, expression, timeout_s=TIMEOUT_S):
        """Waits until the expression is true in JavaScript's sense, and returns its value."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            try:
                # A node comes back as an empty object, which Python takes for false.
                if (value := self.run(expression)) not in (None, False, 0, ""):
                    return value
            except RuntimeError as error:
                if "navigated" not in str(error) and "context" not in str(error):
                    raise
            time.sleep(0.02)
        raise TimeoutError(f"not true after {timeout_s} s: {expression}; problems: {self.problems}")

    def type(self, text):
        self.send("Input.insertText", text=text)

    def press(self, keys):
        """A key with modifiers as in `Control+k`."""
        *modifiers, key = keys.split("+")
        bits = sum(MODIFIERS[m] for m in modifiers)
        code, number, text = KEYS.get(key) or (f"Key{key.upper()}", ord(key.upper()), key)
        if bits & 7:
            text = ""
        shared = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": bits}
        self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **shared)
        self.send("Input.dispatchKeyEvent", type="keyUp", **shared)

    def click(self, selector):
        """A real click in the middle of the element, which must be what lies there."""
        place = self.wait(
            """(() => {
              const node = document.querySelector(%s);
              if (!node) return null;
              node.scrollIntoView({ block: 'nearest' });
              const box = node.getBoundingClientRect();
              const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
              const top = document.elementFromPoint(x, y);
              return top && (node.contains(top) || top.contains(node)) ? [x, y] : null;
            })()"""
            % json.dumps(selector)
        )
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def texts(self, selector):
        return self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((node) => node.innerText)")

    def choose_file(self, selector, path):
        node = self.send("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")["result"]["objectId"]
        self.send("DOM.setFileInputFiles", objectId=node, files=[path])

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.browser.pages.pop(self.session, None)
        self.browser.send("Target.closeTarget", targetId=self.target)
