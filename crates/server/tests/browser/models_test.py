"""The panel of models, what an empty page offers, and models that only complete text."""

import functools
import hashlib
import json

from case import PageCase
from server import ROOT, Server

STORIES = ROOT / "models/stories260k/stories260K-f32.gguf"
ENTRY = """
[[model]]
name = "%s"
about = "A model of this test"
file = "stories.gguf"
bytes = %d
sha256 = "%s"
licence = "MIT"
[[model.source]]
kind = "path"
path = "%s"
"""


@functools.cache
def catalogue():
    content = STORIES.read_bytes()
    entries = [("tiny:1m", hashlib.sha256(content).hexdigest()), ("broken:1m", "0" * 64)]
    return "".join(ENTRY % (name, len(content), digest, STORIES) for name, digest in entries)


class ModelsTest(PageCase):
    def start(self, **options):
        self.server = Server(**options)
        self.addCleanup(self.server.close)
        return self.open()

    def row(self, page, name):
        """What the panel says of a model, once it has asked."""
        return page.wait(
            f"""(() => {{ const row = [...document.querySelectorAll('#model-list li')].find((li) => li.querySelector('h3 span').textContent === '{name}');
            return row?.querySelector('p').textContent && row.innerText; }})()"""
        )

    def panel(self, page):
        page.click("#open-models")
        page.wait("document.querySelector('#models').open && document.querySelector('#model-list li')")

    def test_an_empty_page_tells_the_model_and_has_examples(self):
        page = self.page
        page.wait("document.querySelectorAll('#examples button').length === 3")
        self.assertEqual(page.texts("#welcome-model"), [page.run("document.querySelector('#model').value")])
        facts = dict(page.run("[...document.querySelectorAll('#welcome-facts div')].map((div) => [...div.children].map((part) => part.textContent))"))
        self.assertEqual(facts, {"Parameters": "134.5M", "Quantisation": "Q4_1", "Size": "98 MB", "Context": "8,192 tokens"})
        self.set(max_tokens=4)
        example = page.texts("#examples span")[1]
        page.click("#examples li:nth-child(2) button")
        page.wait("document.querySelector('.stats') && !document.querySelector('.running')")
        self.assertEqual(self.asked()[-1]["messages"], [{"role": "user", "content": example}])
        self.assertFalse(page.run("document.querySelector('#welcome').checkVisibility()"))
        page.press("Alt+n")
        page.wait("document.querySelector('#welcome').checkVisibility()")

    def test_models_are_loaded_and_unloaded(self):
        page = self.start(names=("first", "second"))
        self.panel(page)
        self.assertIn("134.5M parameters · Q4_1 · 98 MB · context 8,192 tokens", self.row(page, "first"))
        self.assertFalse(page.run("document.querySelector('#pull-form').checkVisibility()"))
        self.assertIn("--allow-pull", page.texts("#pull-closed")[0])
        second = lambda words: f"[...document.querySelectorAll('#model-list li')].at(1)?.innerText.includes({words!r})"
        page.wait(second("Not in memory"))
        page.click("[aria-label='Load second']")
        page.wait(second("In memory"))
        self.assertIn("second", [model["name"] for model in self.server.get("api/ps")["models"]])
        self.assertRegex(page.texts("#models-memory")[0], r"^In memory: \d of 2, [0-9.]+ [MG]B\.$")
        page.click("[aria-label='Unload second']")
        page.wait(second("Not in memory"))
        self.assertNotIn("second", [model["name"] for model in self.server.get("api/ps")["models"]])
        page.click("[aria-label='Use second']")
        page.wait("!document.querySelector('#models').open && document.querySelector('#welcome-model').textContent === 'second'")
        self.set(page, max_tokens=3)
        self.send("Hello.", page)
        self.assertEqual(self.asked(page)[-1]["model"], "second")

    def test_a_model_is_pulled_where_that_is_allowed(self):
        page = self.start(names=("first",), more=["--allow-pull"], catalogue=catalogue())
        self.panel(page)
        page.wait("document.querySelector('#pull-form').checkVisibility()")
        names = page.run("[...document.querySelectorAll('#pull-names option')].map((option) => option.value)")
        self.assertTrue({"tiny:1m", "broken:1m"} <= set(names), names)
        for name, says in (("broken:1m", "could not be pulled"), ("tiny:1m", "tiny:1m is here.")):
            page.run("document.querySelector('#pull-name').select()")
            page.type(name)
            page.press("Enter")
            page.wait(f"document.querySelector('#pull-words').textContent.includes('{says}')")
        self.assertIn("completes text", self.row(page, "tiny:1m"))
        page.click("[aria-label='Use tiny:1m']")
        page.wait("document.querySelector('#welcome-title').textContent === 'Begin a text.'")
        # What the catalogue lacks is refused in the server's words.
        self.expect("404")
        self.panel(page)
        page.run("document.querySelector('#pull-name').select()")
        page.type("nothing:9b")
        page.press("Enter")
        page.wait("document.querySelector('#pull-words').textContent.includes(\"no model 'nothing:9b'\")")

    def test_a_model_without_a_template_goes_on_with_the_text(self):
        page = self.start(names=("first",), more=["stories260k"])
        page.run("(() => { const m = document.querySelector('#model'); m.value = 'stories260k'; m.dispatchEvent(new Event('change')); })()")
        page.wait("document.querySelector('#welcome-title').textContent === 'Begin a text.'")
        self.assertIn("completes text", page.texts("#welcome-how")[0])
        self.set(page, temperature=0, max_tokens=20, system="You are a sailor.")
        beginning = page.texts("#examples span")[0]
        page.click("#examples button")
        page.wait("document.querySelector('.stats') && !document.querySelector('.running')")
        reply = page.run("import('./page/store.js').then((m) => m.openStore()).then(async (s) => (await s.load((await s.list())[0].id)).messages.at(-1).content)")
        self.assertGreater(len(reply), 10)
        self.assertIn("20 tokens", page.texts(".stats")[-1])
        self.send("The end was near.", page)
        asked = self.completions(page)
        self.assertEqual(asked[0]["prompt"], beginning)
        self.assertEqual(asked[1]["prompt"], f"{beginning}{reply}\n\nThe end was near.")
        self.assertEqual(self.asked(page), [])
        # Unless it is told a length, it stops by itself at some point.
        self.set(page, max_tokens="")
        self.send("Go on.", page)
        self.assertEqual(self.completions(page)[-1]["max_tokens"], 256)

    def completions(self, page):
        return [json.loads(body) for method, url, body in page.requests if method == "POST" and url.endswith("v1/completions")]
