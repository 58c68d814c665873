"""The two browsers as the measurement needs them: fresh, with or without the extension; what goes to no
site of ours goes to the server as to a proxy."""

import pathlib
import queue
import shutil
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "driver"))

from chromium import Chromium  # noqa: E402
from firefox import Firefox  # noqa: E402
from sites import TIMEOUT_S  # noqa: E402

KINDS = ("chromium", "firefox")


class Browser:
    """A fresh browser. `visit` opens pages in turn in one tab and returns what each reports."""

    def __init__(self, kind, server, extension=None):
        self.kind = kind
        self.server = server
        if kind == "chromium":
            proxy = [f"--proxy-server=http://127.0.0.1:{server.port}"]
            media = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"]
            self.driver = Chromium(extension=extension, flags=[*proxy, *media, "--disable-popup-blocking", "--enable-unsafe-swiftshader", "about:blank"])
        else:
            preferences = {
                "network.proxy.type": 1,
                "network.proxy.http": "127.0.0.1",
                "network.proxy.http_port": server.port,
                "network.proxy.ssl": "127.0.0.1",
                "network.proxy.ssl_port": server.port,
                "media.navigator.streams.fake": True,
                "media.navigator.permission.disabled": True,
                "media.autoplay.default": 0,
                "dom.disable_open_during_load": False,
                # What follows speaks to Mozilla's hosts at the first start.
                "browser.ping-centre.telemetry": False,
                "network.trr.mode": 5,
                "media.gmp-manager.updateEnabled": False,
                "media.gmp-manager.url": "",
                "extensions.blocklist.enabled": False,
            }
            self.driver = Firefox(extension=extension, preferences=preferences)
        self.targets = []

    def open(self, url, is_tab=False):
        if self.kind == "chromium":
            if self.targets and not is_tab:
                self.driver.send("Target.closeTarget", targetId=self.targets.pop())
            self.targets.append(self.driver.send("Target.createTarget", url=url)["targetId"])
        else:
            if is_tab:
                self.driver.tab()
            # The page itself goes on to the next one, for which nobody waits here.
            self.driver.script("location.href = arguments[0]", url)

    def visit(self, urls, timeout_s=TIMEOUT_S, is_tab=False):
        def once():
            plan = self.server.plan(urls)
            self.open(plan.first, is_tab)
            return plan.results(timeout_s)

        return patiently(once, 2)

    def ask(self, url, **options):
        return self.visit([url], **options)[0]

    def close(self):
        # Nothing in the profile is worth the slow end that the driver would wait for.
        self.driver.process.kill()
        self.driver.process.wait()
        shutil.rmtree(self.driver.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def patiently(work, n_tries=3):
    """What `work` gives; a machine with much else to do may not start a browser in time, and is asked again."""
    try:
        return work()
    except (TimeoutError, queue.Empty, ConnectionError):
        if n_tries == 1:
            raise
        return patiently(work, n_tries - 1)


def side_by_side(n, work, jobs=2):
    """`work(i)` for 0..n in `jobs` threads; results in order, and the first error raised."""
    results, errors = [None] * n, []
    todo = iter(range(n))
    lock = threading.Lock()

    def loop():
        while not errors:
            with lock:
                i = next(todo, None)
            if i is None:
                return
            try:
                results[i] = work(i)
            except Exception as error:  # handed on below
                errors.append(error)

    threads = [threading.Thread(target=loop) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
