"""The page that shows the description of the API."""

import json
import shutil
import subprocess
import time

from case import KEY, PageCase, locked_server


class Docs(PageCase):
    def test_every_route_and_schema_is_shown_and_links_lead_somewhere(self):
        document = self.server.get("openapi.json")
        page = self.open(self.server.url + "docs")
        page.wait("document.querySelector('#routes h1')")
        operations = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
        schemas = {f"schema-{name}" for name in document["components"]["schemas"]}
        shown = page.run("[...document.querySelectorAll('#routes section')].map((section) => section.id)")
        self.assertEqual(set(shown), operations | schemas)
        self.assertEqual(len(shown), len(set(shown)))
        self.assertEqual(len(page.texts("#contents a")), len(operations))
        broken = page.run("[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) => !document.querySelector(a.getAttribute('href'))).length")
        self.assertEqual(broken, 0)
        request = page.run("document.querySelector('#schema-ChatRequest').innerText")
        self.assertIn("temperature", request)
        self.assertIn("at most 2", request)

    def test_an_address_leads_to_its_route(self):
        page = self.open(self.server.url + "docs#schema-ChatRequest")
        page.wait("document.querySelector('#schema-ChatRequest')")
        page.wait("Math.abs(document.querySelector('#schema-ChatRequest').getBoundingClientRect().top) < innerHeight")
        self.assertGreater(page.run("scrollY"), 0)

    def test_a_description_that_does_not_come_is_said(self):
        page = self.page
        page.answer_with("*/openapi.json", lambda page, paused: page.fulfill(paused, 503, "application/json", "{}"))
        self.expect("503")
        page.open(self.server.url + "docs")
        page.wait("document.querySelector('#state')?.textContent.includes('503')")

    # What this server or model has none of, by the status that says so.
    RERANKERS = ["post_rerank", "post_reranking", "post_v1_rerank", "post_v1_reranking"]
    ELSEWHERE = {"post_infill": 501, "post_api_pull": 403, **dict.fromkeys(RERANKERS, 400)}

    def test_each_route_is_tried_with_its_example(self):
        document = self.server.get("openapi.json")
        page = self.open(self.server.url + "docs")
        page.wait("document.body.dataset.ready === 'true'")
        self.expect("501")
        self.expect("403")
        self.expect("/rerank")
        tried = {}
        paths = document["paths"]
        for methods in paths.values():
            for operation in methods.values():
                id = operation["operationId"]
                # Forgetting is tried last: it takes what the others ask for.
                if page.run(f"Boolean(document.querySelector('#{id} .trying'))") and not id.startswith("delete"):
                    tried[id] = self.attempt(page, id)
        tried["delete_v1_responses__id_"] = self.attempt(page, "delete_v1_responses__id_")
        refused = {id: int(state.split()[0]) for id, state in tried.items() if not state.startswith("200")}
        self.assertEqual(refused, self.ELSEWHERE)
        # Every route with a request of ours has one; what is "not here" has none.
        here = {o["operationId"] for item in paths.values() for m, o in item.items() if m in ("get", "delete") or "requestBody" in o}
        self.assertEqual(set(tried), here)

    def attempt(self, page, id):
        page.run(f"document.querySelector('#{id} .trying').open = true")
        page.run("new Promise((done) => setTimeout(done, 0))")
        page.run(f"document.querySelector('#{id} .try').requestSubmit()")
        return page.wait(f"(() => {{ const state = document.querySelector('#{id} .state').textContent; return state.includes(' ms') && state; }})()")

    def test_a_stream_is_shown_as_it_comes_and_can_be_stopped(self):
        page = self.open(self.server.url + "docs")
        page.wait("document.querySelector('#post_v1_completions .trying')")
        page.click("#post_v1_completions .trying summary")
        body = page.wait("(() => { const text = document.querySelector('#post_v1_completions textarea').value; return text.includes('\"model\"') && text; })()")
        page.run(f"document.querySelector('#post_v1_completions textarea').value = {json.dumps(json.dumps({**json.loads(body), 'max_tokens': 4000, 'ignore_eos': True}))}")
        page.click("#post_v1_completions button[type=submit]")
        page.wait("document.querySelector('#post_v1_completions .answer').textContent.split('data: ').length > 5")
        self.assertEqual(self.server.n_active(), 1)
        page.run("[...document.querySelectorAll('#post_v1_completions button')].find((b) => b.textContent === 'Stop').click()")
        page.wait("document.querySelector('#post_v1_completions .state').textContent.includes('stopped')")
        end = time.monotonic() + 5
        while self.server.n_active() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(self.server.n_active(), 0)

    def test_the_command_is_the_same_request(self):
        page = self.open(self.server.url + "docs")
        page.wait("document.body.dataset.ready === 'true'")
        text = page.run("""import('/page/docs-try.js').then((m) => m.command({ url: '/tokenize', method: 'POST', body: JSON.stringify({ content: "it's" }) }))""")
        if not shutil.which("curl"):
            self.assertIn("'{\"content\":\"it'\\''s\"}'", text)
            return
        answer = json.loads(subprocess.run(["sh", "-c", text], capture_output=True, check=True).stdout)
        self.assertGreater(len(answer["tokens"]), 1)

    def test_a_key_is_used_and_shared_with_the_chat(self):
        self.server = locked_server()
        self.expect("401")
        page = self.open(self.server.url + "docs")
        page.wait("document.body.dataset.ready === 'true'")
        self.assertTrue(self.attempt(page, "get_v1_models").startswith("401"))
        page.click("#docs-key")
        page.type(KEY)
        page.run("document.querySelector('#get_v1_models .state').textContent = ''")
        self.assertTrue(self.attempt(page, "get_v1_models").startswith("200"))
        page.open(self.server.url)
        self.assertFalse(page.run("document.querySelector('#key').open"))
