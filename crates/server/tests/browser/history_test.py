"""What the browser keeps: conversations, their names, files of them."""

import json
import pathlib
import tempfile

from case import PageCase, browser

ALL = "import('./page/store.js').then((m) => m.openStore()).then(async (s) => Promise.all((await s.list()).map((c) => s.load(c.id))))"


class HistoryTest(PageCase):
    def setUp(self):
        super().setUp()
        self.set(temperature=0, max_tokens=6)

    def titles(self, page=None):
        return (page or self.page).texts("#conversations .open")

    def choose(self, label, item="#conversations li"):
        """Chooses from the menu of a conversation in the list."""
        self.page.click(f"{item} [aria-label^=Actions]")
        self.page.wait("document.querySelector('#actions:popover-open')")
        self.page.run(f"[...document.querySelectorAll('#actions [role=menuitem]')].find((entry) => entry.innerText === {json.dumps(label)}).click()")

    def test_history_survives_a_reload(self):
        self.send("What is a harbour?")
        self.page.press("Alt+n")
        self.send("What is a pier?")
        shown = self.page.texts(".body")
        figures = self.page.texts(".stats")
        self.page.open(self.server.url)
        self.assertEqual(self.titles(), ["What is a pier?", "What is a harbour?"])
        # The tab shows again what it showed.
        self.page.wait("document.querySelectorAll('.message').length === 2")
        self.assertEqual((self.page.texts(".body"), self.page.texts(".stats")), (shown, figures))
        self.page.click("#conversations li:last-child .open")
        self.page.wait("document.querySelector('.user .body')?.textContent === 'What is a harbour?'")
        self.assertEqual(self.page.run("document.title"), "What is a harbour? – Trinity")

    def test_a_reload_in_the_middle_keeps_what_was_there(self):
        self.set(max_tokens=1500, extra='{"logit_bias": {"2": -100, "0": -100}}')
        self.begin("Count from one to a thousand, in words.")
        self.page.wait(f"{ALL}.then((all) => all[0]?.messages[1]?.content.length > 20)")
        self.page.open(self.server.url)
        self.page.wait("document.querySelector('.assistant .body')?.textContent.length > 20")
        self.assertEqual(self.page.texts(".user .body"), ["Count from one to a thousand, in words."])

    def test_rename_delete_undo(self):
        self.send("What is a buoy?")
        self.page.run("document.querySelector('#conversations .open').focus()")
        self.page.press("F2")
        self.page.type("About buoys")
        self.page.press("Enter")
        self.page.wait("document.querySelector('#conversations .open')?.innerText === 'About buoys'")
        self.page.press("F2")
        self.page.type("Something else")
        self.page.press("Escape")
        self.page.wait("document.querySelector('#conversations .open')?.innerText === 'About buoys'")
        self.page.open(self.server.url)
        self.assertEqual(self.titles(), ["About buoys"])
        self.page.run("document.querySelector('#conversations .open').focus()")
        self.page.press("Delete")
        self.page.wait("!document.querySelector('#conversations li')")
        self.assertEqual(self.page.run(ALL), [])
        self.page.click("#toast button")
        self.page.wait("document.querySelector('#conversations .open')?.innerText === 'About buoys'")
        self.page.wait("document.querySelectorAll('.message').length === 2")
        self.choose("Delete")
        self.page.wait("!document.querySelector('#conversations li')")
        self.page.open(self.server.url)
        self.assertEqual(self.titles(), [])

    def test_export_and_import(self):
        self.send("What is an anchor? <b>bold</b> 🜁 שלום")
        kept = self.page.run(ALL)
        with tempfile.TemporaryDirectory() as folder:
            browser().send("Browser.setDownloadBehavior", behavior="allow", browserContextId=self.page.context, downloadPath=folder)
            self.page.click("#export")
            self.page.wait("document.querySelector('#toast').innerText.includes('1 conversation exported')")
            path = wait_for_file(pathlib.Path(folder))
            self.assertRegex(path.name, r"^trinity-conversations-\d{4}-\d\d-\d\d\.json$")
            other = self.open()
            self.assertEqual(other.run(ALL), [])
            other.choose_file("#import-file", str(path))
            other.wait("document.querySelector('#toast').innerText.includes('1 conversation imported')")
            self.assertEqual(other.run(ALL), kept)
            other.click("#conversations .open")
            other.wait("document.querySelectorAll('.message').length === 2")
            self.assertEqual(other.texts(".body"), self.page.texts(".body"))

    def test_what_is_no_export_is_refused_with_its_place(self):
        message = {"role": "user", "content": "hi"}
        good = {"id": "a", "title": "t", "created": 1, "updated": 1, "model": "", "messages": [message]}
        file = lambda **changes: json.dumps({"format": "trinity-conversations", "version": 1, "conversations": [{**good, **changes}]})
        cases = [
            ("{", "not a JSON file"),
            ('{"format": "other"}', 'format "other"'),
            (file(id=7), "conversations[0].id"),
            (file(updated="x"), "conversations[0].updated"),
            (file(messages=[message, {**message, "role": "system"}]), 'messages[1].role is "system"'),
            (file(messages=[{**message, "content": None}]), "messages[0].content"),
            (file(messages=[{**message, "role": "assistant", "tool_calls": [{}]}]), "not a tool call"),
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "file.json"
            for text, says in cases:
                path.write_text(text)
                self.page.run("document.querySelector('#toast').replaceChildren()")
                self.page.choose_file("#import-file", str(path))
                self.page.wait("document.querySelector('#toast').innerText")
                self.assertIn(says, self.page.texts("#toast")[0])
        self.assertEqual(self.page.run(ALL), [])

    def test_two_tabs_show_the_same(self):
        other = self.open(beside=self.page)
        self.send("What is a mast?")
        other.wait("document.querySelector('#conversations .open')?.innerText === 'What is a mast?'")
        other.click("#conversations .open")
        other.wait("document.querySelectorAll('.message').length === 2")
        self.send("And a sail?")
        other.wait("document.querySelectorAll('.message').length === 4")


def wait_for_file(folder):
    import time

    end = time.monotonic() + 20
    while time.monotonic() < end:
        done = [path for path in folder.iterdir() if path.suffix == ".json"]
        if done:
            return done[0]
        time.sleep(0.05)
    raise TimeoutError(f"no file came: {list(folder.iterdir())}")
