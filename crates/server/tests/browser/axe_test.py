"""What axe-core finds wrong: nothing, in light and dark, on phone, tablet and desk."""

import json
import os
import pathlib

from case import PageCase

WIDTHS = [(390, 844), (768, 1024), (1280, 800)]
# The script is not the page's: the test hands it over, so that the page's policy stays as it is.
AXE = pathlib.Path(os.environ["TRINITY_AXE"])
RUN = """axe.run(document, { resultTypes: ['violations']%s }).then(({ violations, passes }) => ({
  nPassed: passes.length,
  found: violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160) + ' ' + node.any.map((check) => check.message).join('; ')).join(' | ')}`),
}))"""

REPLY = """A **plan** with `code` and [a link](https://example.com/).

## Steps

1. First *item*
   - nested
- [x] done

> A quote.

```python
def add(a, b):
    return a + b  # a sum
```

| Name | Size |
|:--|--:|
| a | 1 |

$$x = \\frac{1}{2}$$
"""


class AxeTest(PageCase):
    def everywhere(self, prepare, path=""):
        for width, height in WIDTHS:
            page = self.open(self.server.url + path, width=width, height=height)
            page.send("Runtime.evaluate", expression=AXE.read_text())
            prepare(page)
            for scheme in ("light", "dark"):
                page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}])
                # Of all rules only that of contrast looks at colours.
                result = page.run(RUN % ("" if scheme == "light" else ", runOnly: ['color-contrast']"))
                self.assertGreaterEqual(result["nPassed"], 10 if scheme == "light" else 1)
                self.assertEqual(result["found"], [], f"{width} px, {scheme}")

    def test_an_empty_page(self):
        self.everywhere(lambda page: page.wait("document.querySelectorAll('#examples button').length === 3"))

    def test_a_conversation(self):
        def talk(page):
            self.answer({"reasoning_content": "Hm."}, {"content": REPLY}, {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}, page=page)
            self.begin("Show everything.", page)
            page.wait("document.querySelector('.assistant') && !document.querySelector('.running')")
            page.run("document.querySelector('.reasoning').open = true")

        self.everywhere(talk)

    def test_versions_of_a_reply_and_the_menu_of_its_conversation(self):
        def talk(page):
            self.answer({"content": "One."}, page=page)
            self.begin("Show everything.", page)
            page.wait("document.querySelector('.assistant') && !document.querySelector('.running')")
            self.answer({"content": REPLY}, finish="length", page=page)
            page.press("Alt+r")
            page.wait("document.querySelector('.count') && document.querySelector('.foot .text-button')?.innerText === 'Continue'")
            if page.run("document.querySelector('#sidebar').inert"):
                page.click("#menu")
            page.click("#conversations li [aria-label^=Actions]")
            page.wait("document.querySelector('#actions:popover-open')")

        self.everywhere(talk)

    def test_the_panels(self):
        tool = {"name": "f", "description": "", "parameters": ""}
        schema = json.dumps({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False})
        values = json.dumps({"temperature": "0.5", "answer": "schema", "schema": schema, "tools": [tool]})

        def settings(page):
            page.run(f"localStorage.setItem('trinity.settings', {json.dumps(values)})")
            page.open(self.server.url)
            page.send("Runtime.evaluate", expression=AXE.read_text())
            page.click("#open-settings")
            page.wait("document.querySelector('.tool') && document.querySelector('.schema-row').checkVisibility()")

        def models(page):
            page.click("#open-models")
            page.wait("document.querySelectorAll('#model-list li p:not(:empty)').length === 2")

        self.everywhere(settings)
        self.everywhere(models)

    def test_the_description_of_the_api(self):
        def some(page):
            """Every fourth section, opened: they are all made by the same functions, and for all of them axe takes minutes."""
            page.wait("document.body.dataset.ready === 'true'")
            page.run("""[...document.querySelectorAll('#routes section')].forEach((section, index) => {
                if (index % 4) document.querySelector(`#contents a[href="#${section.id}"]`)?.parentElement.remove(), section.remove();
                else section.querySelectorAll('details').forEach((details) => (details.open = true)); })""")
            self.assertGreater(len(page.texts("#routes .try")), 10)

        self.everywhere(some, path="docs")
