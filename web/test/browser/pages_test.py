"""Pages: the one of docs/web.md, the demo under a strict policy, isolated and hidden pages, and OpenAI's client."""

import os
import pathlib
import re
import subprocess
import time
import unittest

from case import ROOT, SMOLLM2, STORIES_SHA256, ChromiumTab, PackageCase, firefox, in_both_browsers
from served import DIST, STORIES

NPM = pathlib.Path(os.environ.get("TRINITY_WEB_NPM", ROOT / "target/npm/web"))


def page_of_the_document():
    """The first HTML block of docs/web.md."""
    return re.search(r"```html\n(.*?)```", (ROOT / "docs/web.md").read_text(), re.DOTALL).group(1)


@in_both_browsers
class Isolated:
    folder = "isolated"

    def test_an_isolated_page_has_one_thread_as_well_and_says_why(self):
        got = self.value(
            """
            const model = await load({ source: '/models/stories.gguf', store: false, threads: 4 });
            const { text } = await model.generate('Once upon a time', { maxTokens: 8, temperature: 0 }).result;
            await model.close();
            return [crossOriginIsolated, model.info.threads, text];"""
        )
        self.assertEqual(got[:2], [True, {"count": 1, "why": "this version computes on one thread"}])
        self.assertTrue(got[2].startswith(", there was"), got)


@in_both_browsers
class Demo:
    folder = "strict"

    def test_the_demo_loads_chats_and_keeps_under_a_policy_without_anything_inline(self):
        # The page's own scripts do everything: none of these lines is evaluated in it.
        demo = self.open(page="index.html")
        act = demo.page.run if self.tab_type is ChromiumTab else lambda body: firefox().script(f"return {body}")

        def wait(body):
            end = time.monotonic() + 30
            while not act(body):
                self.assertLess(time.monotonic(), end, f"never true: {body}; {act('document.body.innerText')}")
                time.sleep(0.02)

        act(f"document.querySelector('#url').value = '{self.served.url}models/stories.gguf', document.querySelector('#from-url').requestSubmit()")
        wait(f"document.body.dataset.model === '{STORIES_SHA256}' && !document.querySelector('#text').disabled")
        act("document.querySelector('#text').value = 'Once upon a time', document.querySelector('#ask').requestSubmit()")
        wait("document.querySelector('#speed').textContent.includes('a second')")
        said = act("document.querySelector('.assistant').textContent")
        # The page draws, so each time another story.
        self.assertGreater(len(said.split()), 3, said)
        wait("document.querySelector('#stored li')?.textContent.includes('stories.gguf')")
        self.assertEqual(act("document.querySelector('#problem').textContent"), "")
        act("document.querySelector('#close').click()")
        wait("document.body.dataset.model === ''")
        act("[...document.querySelectorAll('#stored button')].find((b) => b.textContent === 'Load').click()")
        wait(f"document.body.dataset.model === '{STORIES_SHA256}'")
        act("[...document.querySelectorAll('#stored button')].find((b) => b.textContent === 'Remove').click()")
        wait("document.querySelectorAll('#stored li').length === 0")
        act("document.querySelector('#url').value = '/strict/index.html', document.querySelector('#from-url').requestSubmit()")
        wait("document.querySelector('#problem').textContent.includes('no GGUF file')")


class Document(PackageCase):
    """The page that a newcomer copies, with a model that chats."""

    tab_type = ChromiumTab

    def test_the_ten_lines_of_the_document_chat(self):
        text = page_of_the_document()
        self.assertLessEqual(len(text.splitlines()), 14, text)
        for path in ("/web/index.js", "/models/smollm2.gguf"):
            self.assertIn(path, text)
        self.served.models["smollm2.gguf"] = SMOLLM2.read_bytes()
        # The host's folder is called otherwise here.
        self.served.pages["ten.html"] = text.replace("/web/index.js", "/plain/index.js")
        tab = ChromiumTab()
        self.tabs.append(tab)
        tab.page.go(f"{self.served.url}plain/ten.html")
        tab.page.wait("document.body?.innerText.includes('Gravity is a fundamental concept in physics')")

    def test_a_hidden_page_goes_on(self):
        front = self.open(beside=self.tab)
        front.page.send("Page.bringToFront")
        body = """
            const model = await load({ source: '/models/stories.gguf', store: false });
            const seen = [];
            for await (const delta of model.generate('Once', { maxTokens: 300, temperature: 0 })) seen.push(performance.now());
            await model.close();
            return [document.visibilityState, seen.length, Math.max(...seen.slice(1).map((t, i) => t - seen[i]))];"""
        self.tab.page.send("Emulation.setFocusEmulationEnabled", enabled=False)
        state, n, longest_ms = self.value(body)
        self.assertEqual(state, "hidden")
        self.assertGreater(n, 100)
        # Timers of hidden pages fire once a second.
        self.assertLess(longest_ms, 900)


class Clients(unittest.TestCase):
    def test_the_package_runs_in_node_with_the_client_of_openai_on_it(self):
        client = NPM / "node_modules/openai/index.mjs"
        command = ["node", pathlib.Path(__file__).with_name("client.mjs"), DIST / "index.js", STORIES, "chatml", client]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"), done.stderr)

    def test_types_hold(self):
        tsc = NPM / "node_modules/.bin/tsc"
        done = subprocess.run([tsc, "-p", ROOT / "web/package"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout)


@in_both_browsers
class ClientInPage:
    def test_the_client_of_openai_streams_in_the_page(self):
        bundle = NPM / "node_modules/openai"
        for file in bundle.rglob("*.mjs"):
            self.served.pages[f"openai/{file.relative_to(bundle)}"] = file.read_bytes()
        got = self.value(
            """
            const { default: OpenAI } = await import('/plain/openai/index.mjs');
            const model = await load({ source: '/models/stories.gguf', store: false });
            const client = new OpenAI({ apiKey: 'none', baseURL: 'http://in.the.page/v1', fetch: model.fetch, dangerouslyAllowBrowser: true, maxRetries: 0 });
            let text = '';
            for await (const chunk of await client.completions.create({ model: 'any', prompt: 'Once upon a time', max_tokens: 12, temperature: 0, stream: true })) text += chunk.choices[0]?.text ?? '';
            const whole = await model.generate('Once upon a time', { maxTokens: 12, temperature: 0 }).result;
            await model.close();
            return [text, whole.text];"""
        )
        self.assertEqual(got[0], got[1])
        self.assertTrue(got[0].startswith(", there was"), got)
