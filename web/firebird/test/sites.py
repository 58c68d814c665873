"""Two sites on this machine, `a.localhost` and `b.localhost`, with names below them: to a browser they are secure and apart."""

import http.server
import pathlib
import threading
import urllib.parse

LIBRARY = pathlib.Path(__file__).resolve().parent / "library.js"
# A policy without inline scripts, `blob:` and `data:`.
STRICT = "default-src 'none'; script-src 'self'; worker-src 'self'; frame-src *; img-src 'self'"
PAGES = {
    "/": ("text/html", "<!doctype html><meta charset=utf-8><script src=library.js></script><p>A page"),
    # What a script reads that is the first to run.
    "/first": ("text/html", "<!doctype html><script src=library.js></script><script>window.first = T.pixels(T.text())</script>"),
    "/strict": ("text/html", "<!doctype html><script src=library.js></script><script src=strict.js></script><p>A strict page"),
    "/strict.js": ("text/javascript", "window.first = T.pixels(T.text());"),
    # A frame that tells the page around it what it reads.
    "/frame": ("text/html", "<!doctype html><script src=library.js></script><script>parent.postMessage([location.search, T.pixels(T.text())], '*')</script>"),
    "/late": (
        "text/html",
        "<!doctype html><script src=library.js></script><script>setTimeout(() => parent.postMessage([location.search, T.pixels(T.text())], '*'), 1000)</script>",
    ),
    # The parser puts a frame in, and the next script reaches into it.
    "/parsed": ("text/html", "<!doctype html><script src=library.js></script><iframe src=/></iframe><script>window.first = T.pixels(T.text(window[0]))</script>"),
    "/picture.svg": ("image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'),
    "/worker.js": ("text/javascript", "importScripts('library.js'); onmessage = () => postMessage([T.pixels(T.text()), navigator.hardwareConcurrency])"),
}


class Sites:
    """The server; `requests` holds all that was asked of it, as (host, path)."""

    def __init__(self):
        sites = self
        sites.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urllib.parse.urlsplit(self.path).path
                sites.requests.append((self.headers["Host"], self.path))
                kind, body = PAGES.get(path, ("text/plain", None))
                if path == "/library.js":
                    kind, body = "text/javascript", LIBRARY.read_text()
                self.send_response(404 if body is None else 200)
                body = (body or "nothing here").encode()
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if path.startswith("/strict"):
                    self.send_header("Content-Security-Policy", STRICT)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, host, path="/"):
        return f"http://{host}:{self.server.server_port}{path}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
