"""The sites of the measurement: one loopback server, which every browser also has as its proxy, so it sees all that leaves.

Any host that ends in `.localhost` leads to it, and has the same pages; every other request is written down and refused.
A page hands its result to `/report`, and the answer tells it where to go next.
"""

import collections
import http.server
import json
import mimetypes
import pathlib
import queue
import socketserver
import sys
import threading
import urllib.parse

PAGES = pathlib.Path(__file__).resolve().parent / "pages"
TIMEOUT_S = 120
# First lines of pages that ask for response headers.
HEADER = "<!-- header "


class Server:
    """Serves `pages/`, the libraries and the scripts of the extension, hands out plans, and remembers every request as (method, host, path)."""

    def __init__(self, libraries, extension=None):
        self.folders = {"lib": libraries, "extension": extension}
        self.requests = []
        self.plans = {}
        self.n_plans = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            server_ref = outer

        self.http = _Threads(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def plan(self, pages):
        """Makes a plan of pages (`a/session.html` is that of the site a.localhost) to visit in turn in one tab."""
        urls = [f"http://{site}.localhost:{self.port}/{name}" for site, name in (page.split("/", 1) for page in pages)]
        with self.lock:
            self.n_plans += 1
            plan = Plan(str(self.n_plans), urls)
            self.plans[plan.name] = plan
        return plan

    def strangers(self):
        """Requests that went to no site of ours."""
        with self.lock:
            found = [r for r in self.requests if not r[1].endswith(".localhost")]
        return collections.Counter(f"{method} {host}{path}" for method, host, path in found)

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Plan:
    def __init__(self, name, urls):
        self.name = name
        self.urls = [self._tagged(url, i) for i, url in enumerate(urls)]
        self.reports = queue.Queue()

    def _tagged(self, url, i):
        mark = "&" if "?" in url else "?"
        return f"{url}{mark}plan={self.name}.{i}"

    @property
    def first(self):
        return self.urls[0]

    def results(self, timeout_s=TIMEOUT_S):
        """Waits for the report of each page."""
        found = [None] * len(self.urls)
        for _ in self.urls:
            i, value = self.reports.get(timeout=timeout_s)
            if isinstance(value, dict) and "error" in value:
                raise RuntimeError(f"{self.urls[i]}: {value['error']}")
            found[i] = value
        return found


class _Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # A browser that ends closes what it has open.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_ref = None

    def log_message(self, *arguments):
        pass

    def _note(self):
        url = urllib.parse.urlsplit(self.path)
        host = url.hostname or self.headers.get("Host", "").split(":")[0]
        with self.server_ref.lock:
            self.server_ref.requests.append((self.command, host, url.path))
        return host, url

    def do_CONNECT(self):
        with self.server_ref.lock:
            self.server_ref.requests.append(("CONNECT", self.path, ""))
        self._answer(403, "text/plain", b"")

    def do_GET(self):
        host, url = self._note()
        if not host.endswith(".localhost"):
            self._answer(404, "text/plain", b"")
            return
        name = url.path[1:]
        first, _, rest = name.partition("/")
        file = self.server_ref.folders[first] / rest if self.server_ref.folders.get(first) else PAGES / name
        if ".." in name or not file.is_file():
            self._answer(204 if name == "favicon.ico" else 404, "text/plain", b"")
            return
        body = file.read_bytes()
        headers = {}
        if body.startswith(HEADER.encode()):
            line = body.split(b" -->", 1)[0].decode().removeprefix(HEADER)
            headers = dict([line.split(": ", 1)])
        self._answer(200, mimetypes.guess_type(name)[0] or "application/octet-stream", body, headers)

    do_HEAD = do_GET

    def do_POST(self):
        host, url = self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if url.path != "/report" or not host.endswith(".localhost"):
            self._answer(404, "text/plain", b"")
            return
        name, i = urllib.parse.parse_qs(url.query)["plan"][0].split(".")
        plan = self.server_ref.plans[name]
        plan.reports.put((int(i), json.loads(body)))
        following = plan.urls[int(i) + 1] if int(i) + 1 < len(plan.urls) else ""
        self._answer(200, "text/plain", following.encode(), {"Access-Control-Allow-Origin": "*"})

    def _answer(self, status, kind, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
