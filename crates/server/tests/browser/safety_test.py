"""Hostile text stays text, and the browser is held to this origin."""

import gzip
import json
import re
import urllib.parse
import urllib.request

from case import PageCase

# All files that the page and /docs load, each compressed by gzip: the page is a small thing.
GZIP_BYTES_MAX = 90_000

PAYLOADS = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<svg/onload=window.pwned=1>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "[click](javascript:window.pwned=1)",
    "[click](JaVaScRiPt:window.pwned=1)",
    "[click](java\tscript:window.pwned=1)",
    "[click](&#106;avascript:window.pwned=1)",
    "[click](data:text/html,<script>window.pwned=1</script>)",
    "[click](vbscript:x)",
    "[click](file:///etc/passwd)",
    "[click](//elsewhere.example/x)",
    "<javascript:window.pwned=1>",
    "![x](https://elsewhere.example/beacon.png)",
    "[a](https://elsewhere.example/\"onmouseover=\"window.pwned=1)",
    "```html\n<script>window.pwned = 1</script>\n```",
    "```\"><img/src/onerror=window.pwned=1>\nx\n```",
    "`<b onclick=window.pwned=1>`",
    "| <img src=x onerror=window.pwned=1> | b |\n|---|---|\n| <script>window.pwned=1</script> | c |",
    "> <style>*{display:none}</style>",
    "<form action=https://elsewhere.example><input name=q></form>",
    "<a href='javascript:window.pwned=1' style='position:fixed;inset:0'>x</a>",
    "<meta http-equiv=refresh content='0;url=https://elsewhere.example'>",
    "$\\text{<img src=x onerror=window.pwned=1>}$ $$\\href{javascript:window.pwned=1}{x}$$",
    "\\[\\mathrm{<script>window.pwned=1</script>}\\]",
    "```js\n'</script><img src=x onerror=window.pwned=1>'\n```",
    "- [x] <img src=x onerror=window.pwned=1>",
    "</div></article><h1>out</h1>",
    "\u202egnp.exe \u0000 \ufeff",
]

# Everything in a message that could run, load or cover something.
DANGEROUS = """[...document.querySelectorAll('.message *')].filter((node) =>
    ['SCRIPT', 'IFRAME', 'IMG', 'OBJECT', 'EMBED', 'FORM', 'STYLE', 'LINK', 'META', 'BASE', 'VIDEO', 'AUDIO', 'INPUT'].includes(node.tagName)
    || [...node.attributes].some((a) => a.name.startsWith('on') || a.name === 'style' || a.name === 'srcdoc')
    || (node.tagName === 'A' && !/^(https?|mailto):/.test(node.getAttribute('href')))).map((node) => node.outerHTML)"""


class SafetyTest(PageCase):
    def check(self):
        self.assertEqual(self.page.run(DANGEROUS), [])
        self.assertIsNone(self.page.run("window.pwned ?? null"))

    def test_hostile_replies_are_text(self):
        everything = "\n\n".join(PAYLOADS)
        for text in [*PAYLOADS, everything]:
            self.page.press("Alt+n")
            self.answer({"reasoning_content": text}, {"content": text})
            self.send("Go on.")
            self.page.run("document.querySelector('details').open = true")
            self.check()
        shown = self.page.run("document.querySelector('.assistant .body').textContent")
        for part in ("<script>window.pwned = 1</script>", "<img src=x onerror='window.pwned = 1'>", "<style>*{display:none}</style>", "</div></article><h1>out</h1>", "javascript:window.pwned=1"):
            self.assertIn(part, shown)
        # Links and pictures that are left are links, and tell the other side nothing.
        links = self.page.run("[...document.querySelectorAll('.message a')].map((a) => [new URL(a.href).host, a.rel, a.target])")
        self.assertTrue(links)
        self.assertEqual({tuple(link) for link in links}, {("elsewhere.example", "noopener noreferrer nofollow", "_blank")})

    def test_hostile_tool_calls_errors_and_names_are_text(self):
        text = "<img src=x onerror=window.pwned=1>"
        self.answer({"tool_calls": [{"index": 0, "id": text, "function": {"name": text, "arguments": json.dumps({text: text})}}]})
        self.send(text)
        self.check()
        self.assertEqual(self.page.texts(".call h3"), [f"Calls {text}"])
        self.page.press("Alt+n")
        self.expect("400")
        error = json.dumps({"error": {"message": text, "type": text, "param": text, "code": text}})
        self.page.answer_with("*/v1/chat/completions", lambda page, paused: page.fulfill(paused, 400, "application/json", error))
        self.begin(text)
        self.page.wait("document.querySelector('.error')")
        self.check()
        self.assertIn(text, self.page.texts(".error")[0])
        # What the server does not know it says so of.
        self.expect("api/show")
        models = json.dumps({"object": "list", "data": [{"id": text}, {"id": "second"}]})
        self.page.answer_with("*/v1/models", lambda page, paused: page.fulfill(paused, 200, "application/json", models))
        self.page.open(self.server.url)
        self.check()
        self.assertEqual(self.page.run("document.querySelector('#model').value"), text)
        self.assertEqual(self.page.run("document.querySelectorAll('#sidebar img, #bar img').length"), 0)

    def test_what_a_user_writes_goes_to_the_real_model_as_it_is(self):
        self.set(temperature=0, max_tokens=16)
        text = "Repeat: <script>window.pwned = 1</script> <img src=x onerror=window.pwned=1>"
        self.send(text)
        self.assertEqual(self.asked()[-1]["messages"][-1]["content"], text)
        self.assertEqual(self.page.texts(".user .body"), [text])
        self.page.open(self.server.url)
        self.page.wait("document.querySelectorAll('.message').length === 2")
        self.check()

    def test_a_reply_of_errors(self):
        """Streams that break off, lie or are no JSON end in an error that says so, and what came is kept."""
        piece = 'data: {"choices":[{"index":0,"delta":{"content":"half a"}}]}\n\n'
        cases = [
            (piece, "ended before the reply was complete"),
            (piece + "data: {\n\n", "broke before the reply was complete"),
            (piece + 'data: {"error":{"message":"out of pages","code":"overloaded"}}\n\n', "out of pages"),
            (piece + 'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":99999999,"function":{"name":"x"}}]}}]}\n\n', "ended before"),
        ]
        for text, says in cases:
            self.page.press("Alt+n")
            self.page.answer_with("*/v1/chat/completions", lambda page, paused, text=text: page.fulfill(paused, 200, "text/event-stream", text))
            self.begin("Go on.")
            self.page.wait("document.querySelector('.error')")
            self.assertIn(says, self.page.texts(".error")[0])
            self.assertEqual(self.page.texts(".assistant .body"), ["half a"])

    def test_the_policy_holds(self):
        self.expect("policy: ")
        self.expect("Content Security Policy")
        self.expect("TrustedHTML")
        # Markup cannot be parsed, other origins cannot be asked, inline code and styles do not run.
        self.assertRegex(self.page.run("(() => { try { document.body.innerHTML = '<b>x</b>'; return 'parsed'; } catch (error) { return String(error); } })()"), "TrustedHTML")
        self.assertEqual(self.page.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')"), "refused")
        self.page.run("""(() => { const node = document.createElement('div'); node.setAttribute('style', 'color: red'); node.id = 'probe';
            document.body.append(node); })()""")
        self.assertNotEqual(self.page.run("getComputedStyle(document.querySelector('#probe')).color"), "rgb(255, 0, 0)")
        self.page.wait("true")
        self.assertTrue(any("connect-src" in problem for problem in self.page.problems))
        # The refused request shows up as asked for; it never left.
        self.page.requests = [request for request in self.page.requests if ":9/" not in request[1]]

    def test_all_files_together_are_small(self):
        sizes, left = {}, [self.server.url, self.server.url + "docs"]
        while left:
            url = left.pop()
            with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/html"})) as response:
                body = response.read()
            sizes[url] = len(gzip.compress(body, 9))
            # What markup loads and what scripts import.
            for name in re.findall(r'(?:src|href)="(/?page/[^"]+)"|from \'(\./[^\']+)\'', body.decode()):
                found = urllib.parse.urljoin(url, "".join(name))
                if found not in sizes and found not in left:
                    left.append(found)
        self.assertGreater(len(sizes), 40)
        total = sum(sizes.values())
        print(f"{len(sizes)} files, {total} bytes as gzip")
        self.assertLessEqual(total, GZIP_BYTES_MAX, sizes)

    def test_every_answer_carries_the_headers(self):
        names = self.page.run("performance.getEntriesByType('resource').map((e) => e.name)")
        files = {name for name in names if "/page/" in name}
        self.assertGreaterEqual(len(files), 13)
        page = urllib.request.Request(self.server.url, headers={"Accept": "text/html"})
        for request in [page, *files]:
            with urllib.request.urlopen(request) as response:
                headers = response.headers
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertEqual(headers["Referrer-Policy"], "no-referrer")
        # Programs get the figures under the same address.
        self.assertEqual(self.server.get("")["name"], "trinity")
