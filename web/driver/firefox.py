"""A real Firefox, driven over Marionette, which every build of it speaks: no driver to install.

Scripts run in the page's own world, without the sandbox that Marionette would else put between, so that they see what a
page's script sees."""

import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

TIMEOUT_S = 40
NAMES = ["firefox-esr", "firefox"]

# Nothing of the browser's own goes to the network, and nothing asks before an extension runs everywhere.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "browser.topsites.contile.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.localDomains": "",
    "network.prefetch-next": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "",
}


class Firefox:
    """The browser process, and the tab that is in front; `extension` is a folder or a zip.

    `profile` names a folder to start in, which is kept; else there is one that goes with the browser."""

    def __init__(self, extension=None, profile=None, preferences=None):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if not program:
            raise SystemExit(f"none of {', '.join(NAMES)} is installed")
        self.is_profile_kept = profile is not None
        self.profile = pathlib.Path(profile or tempfile.mkdtemp(prefix="trinity-firefox-"))
        # The browser writes the port that it got below.
        chosen = {**PREFERENCES, **(preferences or {}), "marionette.port": 0}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in chosen.items()]
        (self.profile / "user.js").write_text("".join(lines))
        port_file = self.profile / "MarionetteActivePort"
        port_file.unlink(missing_ok=True)
        command = [program, "--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile", str(self.profile)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.n_sent = 0
        self.lock = threading.Lock()
        self.rest = b""
        try:
            self._begin(port_file, extension)
        except Exception:
            self.process.kill()
            self.process.wait()
            raise

    def _begin(self, port_file, extension):
        """Opens the session; a browser that does not answer is ended by who called."""
        self.socket = self._connect(port_file)
        self._message()  # who it is
        self.send("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": True, "pageLoadStrategy": "normal"}})
        self.send("WebDriver:SetTimeouts", script=TIMEOUT_S * 1000, pageLoad=TIMEOUT_S * 1000)
        self.extension = self.install(extension) if extension else None

    def _connect(self, port_file):
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"firefox ended with {self.process.returncode} before it listened")
            try:
                connection = socket.create_connection(("127.0.0.1", int(port_file.read_text())), timeout=TIMEOUT_S)
            except (OSError, ValueError):
                time.sleep(0.02)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        raise TimeoutError(f"firefox did not listen in {TIMEOUT_S} s")

    def _message(self):
        """Reads one message, `LENGTH:JSON`."""
        while b":" not in self.rest:
            self.rest += self._piece()
        length, self.rest = self.rest.split(b":", 1)
        while len(self.rest) < int(length):
            self.rest += self._piece()
        message, self.rest = self.rest[: int(length)], self.rest[int(length) :]
        return json.loads(message)

    def _piece(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("firefox closed the connection")
        return piece

    def send(self, command, **params):
        with self.lock:
            self.n_sent += 1
            text = json.dumps([0, self.n_sent, command, params]).encode()
            self.socket.sendall(b"%d:%s" % (len(text), text))
            while True:
                kind, number, error, result = self._message()
                if (kind, number) == (1, self.n_sent):
                    break
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result

    def install(self, extension, is_temporary=True, in_private=False):
        """Installs an extension from a folder or a zip, and returns its id."""
        return self.send("Addon:Install", path=str(extension), temporary=is_temporary, allowPrivateBrowsing=in_private)["value"]

    def uninstall(self, extension):
        self.send("Addon:Uninstall", id=extension)

    def context(self, name):
        """Scripts after this run in the page (`content`) or in the browser itself (`chrome`)."""
        self.send("Marionette:SetContext", value=name)

    def go(self, url):
        """Opens an address and waits until it has loaded."""
        if not url.startswith("moz-extension:"):
            self.send("WebDriver:Navigate", url=url)
            return
        # Marionette waits for ever for pages of extensions, which lie in another process.
        load = "gBrowser.selectedBrowser.loadURI(Services.io.newURI(arguments[0]), { triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal() })"
        self.context("chrome")
        self.script(load, url)
        self.context("content")
        handle = self.send("WebDriver:GetWindowHandle")["value"]
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            time.sleep(0.1)
            try:
                # Again each time: the tab goes to that process at some moment. What waited there would wait for ever.
                self.switch(handle)
                if self.script("return document.readyState === 'complete' && location.href") == url:
                    return
            except RuntimeError:
                continue
        raise TimeoutError(f"{url} did not load in {TIMEOUT_S} s")

    def reload(self):
        self.send("WebDriver:Refresh")

    def tab(self, is_private=False):
        """Opens a tab (or a private window) and puts it in front; returns its handle."""
        kind = {"type": "window" if is_private else "tab", "focus": True, "private": is_private}
        handle = self.send("WebDriver:NewWindow", **kind)["handle"]
        self.switch(handle)
        return handle

    def tabs(self):
        return self.send("WebDriver:GetWindowHandles")

    def switch(self, handle):
        self.send("WebDriver:SwitchToWindow", handle=handle, focus=True)

    def close_tab(self):
        """Closes the tab in front and puts the first of the others there."""
        if rest := self.send("WebDriver:CloseWindow"):
            self.switch(rest[0])

    def script(self, body, *arguments, sandbox=None):
        """What the body of a function returns in the page; `arguments` are its arguments."""
        return self.send("WebDriver:ExecuteScript", script=body, args=list(arguments), sandbox=sandbox)["value"]

    def run(self, expression):
        """The value of a JavaScript expression in the page; promises are awaited."""
        body = (
            "const done = arguments[arguments.length - 1];"
            "(async () => (0, eval)(arguments[0]))().then((v) => done([true, v]), (e) => done([false, String(e && e.stack ? e + '\\n' + e.stack : e)]));"
        )
        is_value, value = self.send("WebDriver:ExecuteAsyncScript", script=body, args=[expression], sandbox=None)["value"]
        if not is_value:
            raise RuntimeError(f"{expression}: {value}")
        return value

    def wait(self, expression, timeout_s=TIMEOUT_S):
        """Waits until the expression is true in JavaScript's sense, and returns its value."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if (value := self.run(expression)) not in (None, False, 0, ""):
                return value
            time.sleep(0.02)
        raise TimeoutError(f"not true after {timeout_s} s: {expression}")

    def close(self):
        try:
            self.send("Marionette:Quit", flags=["eForceQuit"])
            self.process.wait(20)
        except Exception:
            self.process.kill()
            self.process.wait()
        self.socket.close()
        if not self.is_profile_kept:
            shutil.rmtree(self.profile, ignore_errors=True)
