"""A loopback server that does to a model's bytes on their way what connections, proxies and hosts do."""

import gzip
import http.server
import pathlib
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
DIST = ROOT / "web/package/dist"
STORIES = ROOT / "models/stories260k/stories260K-f32.gguf"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".wasm": "application/wasm",
    ".json": "application/json",
}
STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' https:"
# Folders under which the same files are served, each with headers of its own.
FOLDERS = {
    "plain": {},
    "strict": {"Content-Security-Policy": STRICT},
    "isolated": {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"},
}
PAGE = '<!doctype html><meta charset="utf-8"><title>test</title><body><script type="module" src="boot.js"></script>'
BOOT = "import * as trinity from './index.js'; window.trinity = trinity; document.body.dataset.ready = 'true';"


class Loopback(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A browser that closes a connection is what is tested here.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


# In which a page reads what has come, before its connection is broken.
READ_SECONDS = 0.5


class How:
    """How one request for a model is answered. `cut`: bytes after which the connection ends; `stall`: bytes after which
    nothing more comes until the server ends; `grow`: bytes that are announced and do not come; `ranges`: whether a part can
    be had; `etag`; `gzip`; `status`; `body`: other bytes; `origin`: whether pages of others may read it."""

    def __init__(self, body=None, cut=None, stall=None, grow=0, ranges=True, etag='"v1"', gzip=False, status=None, cors=None):
        self.body, self.cut, self.stall, self.grow, self.ranges = body, cut, stall, grow, ranges
        self.etag, self.gzip, self.status, self.cors = etag, gzip, status, cors


class Served:
    """The server; `plan(path, how, …)` says how the next requests for a path are answered, the last one all that follow."""

    def __init__(self, extra=None):
        self.plans = {}
        self.asked = []  # (path, Range, If-Range)
        self.pages = dict(extra or {})
        self.models = {"stories.gguf": STORIES.read_bytes()}
        self.over = threading.Event()
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                try:
                    served.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.http = Loopback(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()

    def plan(self, path, *hows):
        self.plans[path] = list(hows)

    def of(self, path):
        """What was asked of a path so far: the ranges."""
        return [range_ for asked, range_, _ in self.asked if asked == path]

    def answer(self, request):
        path = request.path.split("?")[0].lstrip("/")
        folder, _, name = path.partition("/")
        if folder == "models":
            return self.model(request, path, name)
        body = self.file(folder, name)
        if body is None:
            return self.send(request, 404, {}, b"not there")
        kind = TYPES.get(pathlib.PurePath(name or "x.html").suffix, "text/html; charset=utf-8")
        self.send(request, 200, {"Content-Type": kind, "Cache-Control": "no-store", **FOLDERS[folder]}, body)

    def file(self, folder, name):
        if folder not in FOLDERS:
            return None
        own = {"": PAGE, "page.html": PAGE, "boot.js": BOOT, **self.pages}
        if name in own:
            return own[name].encode() if isinstance(own[name], str) else own[name]
        file = DIST / name
        return file.read_bytes() if "/" not in name and file.is_file() else None

    def send(self, request, status, headers, body):
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def model(self, request, path, name):
        range_, if_range = request.headers.get("Range"), request.headers.get("If-Range")
        self.asked.append((path, range_, if_range))
        plan = self.plans.get(path, [How()])
        how = plan.pop(0) if len(plan) > 1 else plan[0]
        body = self.models[name] if how.body is None else how.body
        headers = {"Content-Type": "application/octet-stream"}
        if how.etag:
            headers["ETag"] = how.etag
        if how.cors:
            headers["Access-Control-Allow-Origin"] = "*"
        status, length = how.status or 200, len(body)
        if how.gzip:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        elif range_ and how.ranges and how.status is None and if_range in (None, how.etag):
            start = int(range_.removeprefix("bytes=").split("-")[0])
            if start >= length:
                return self.send(request, 416, {"Content-Range": f"bytes */{length}"}, b"")
            status, body = 206, body[start:]
            headers["Content-Range"] = f"bytes {start}-{length - 1}/{length}"
        if how.cut is None and how.stall is None and not how.grow:
            return self.send(request, status, headers, body)
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body) + how.grow))
        request.end_headers()
        end = how.cut if how.cut is not None else how.stall
        request.wfile.write(body[:end])
        request.wfile.flush()
        # A browser throws away what it has and the page has not read when the connection breaks (Chromium 148 does).
        self.over.wait(120 if how.stall is not None else READ_SECONDS)
        request.close_connection = True
