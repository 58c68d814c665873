"""Text files and long pasted text as parts of a message."""

import json
import pathlib
import tempfile

from case import PageCase

# Gives the field or the page what a user drops or pastes.
DROP = """(() => {
  const data = new DataTransfer();
  data.items.add(new File([%s], %s));
  document.querySelector('#messages').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
})()"""
PASTE = """(() => {
  const data = new DataTransfer();
  data.setData('text/plain', %s);
  return document.querySelector('#field').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
})()"""


class AttachmentsTest(PageCase):
    def file(self, name, content):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def chips(self):
        return self.page.run("[...document.querySelectorAll('#attachments li')].map((li) => [li.children[0].textContent, li.children[1].textContent])")

    def test_files_are_sent_with_their_names_and_counted_before(self):
        self.set(max_tokens=3, temperature=0)
        text = "The keel is red.\n```\ncode\n```\n"
        self.page.choose_file("#attach-file", self.file("ship.md", text))
        self.page.wait("document.querySelector('#attachments small')?.textContent.includes('token')")
        self.page.run(DROP % (json.dumps("a,b\r\n1,2\r\n"), json.dumps("data.csv")))
        self.page.wait("document.querySelectorAll('#attachments li').length === 2 && [...document.querySelectorAll('#attachments small')].every((n) => n.textContent.includes('token'))")
        sent = "ship.md:\n\n````\nThe keel is red.\n```\ncode\n```\n````"
        count = len(self.page.run(f"fetch('tokenize', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }}, body: {json.dumps(json.dumps({'content': sent}))} }}).then((r) => r.json())")["tokens"])
        self.assertEqual(self.chips()[0], ["ship.md", f"{count} tokens"])
        self.send("Which colour?")
        self.assertEqual(self.asked()[-1]["messages"], [{"role": "user", "content": f"{sent}\n\ndata.csv:\n\n```\na,b\n1,2\n```\n\nWhich colour?"}])
        self.assertEqual(self.chips(), [])
        # They are shown by name, open to their text, and are there after a reload.
        self.page.open(self.server.url)
        self.assertEqual(self.page.texts(".user .attached summary"), ["ship.md", "data.csv"])
        self.assertEqual(self.page.texts(".user .body"), ["Which colour?"])
        self.page.click(".user .attached summary")
        self.assertEqual(self.page.texts(".user .attached pre")[0], text)
        # An edit has them again, and one taken away is gone.
        self.page.click(".user [aria-label='Edit and send again']")
        # The buttons move until the tokens are there.
        self.page.wait("[...document.querySelectorAll('#attachments small')].every((n) => n.textContent.includes('token'))")
        self.page.click("#attachments [aria-label='Remove ship.md']")
        self.assertEqual([name for name, _ in self.chips()], ["data.csv"])
        self.page.run("document.querySelector('#field').select()")
        self.send("What is b?")
        self.assertEqual(self.asked()[-1]["messages"][0]["content"], "data.csv:\n\n```\na,b\n1,2\n```\n\nWhat is b?")

    def test_long_pasted_text_becomes_a_file_and_short_stays_text(self):
        self.set(max_tokens=3)
        self.assertTrue(self.page.run(PASTE % json.dumps("short")), "left to the browser")
        self.assertEqual(self.chips(), [])
        # More than the model reads: said before it is sent.
        self.assertFalse(self.page.run(PASTE % json.dumps("the sea " * 9000)))
        self.page.wait("document.querySelector('#attachments-warning').textContent.includes('more than the')")
        self.page.click("#attachments [aria-label='Remove Pasted text']")
        self.page.wait("document.querySelector('#attachments-warning').textContent === ''")
        self.page.run(PASTE % json.dumps("the sea " * 600))
        # It stays with its conversation, and is enough for a message by itself.
        self.page.press("Alt+n")
        self.assertEqual(self.chips(), [])
        self.page.run(PASTE % json.dumps("a ship " * 600))
        self.page.wait("document.querySelector('#attachments small')?.textContent.includes('token')")
        self.page.press("Enter")
        self.page.wait("document.querySelector('.stats') && !document.querySelector('.running')")
        self.assertTrue(self.asked()[-1]["messages"][0]["content"].startswith("Pasted text:\n\n```\na ship a ship"))
        self.assertEqual(self.page.texts("#conversations .open"), ["Pasted text"])

    def test_what_is_no_text_is_refused_by_name(self):
        for name, content, says in [
            ("paper.pdf", b"%PDF-1.7\n\xe2\xe3", "is a PDF. Its text is not read here"),
            ("photo.png", b"\x89PNG\r\n\x1a\n\0\0", "is a picture"),
            ("sheet.xlsx", b"PK\x03\x04\x14\0", "is an archive or an office document"),
            ("program", b"\x7fELF\2\1\1\0", "is not a text file"),
            ("latin.txt", "Größe".encode("latin-1"), "is not a text file in UTF-8"),
            ("empty.txt", b" \n", "is empty"),
            ("huge.txt", b"x" * (4 * 1024 * 1024 + 1), "4194305 bytes, the limit is 4194304"),
        ]:
            self.page.choose_file("#attach-file", self.file(name, content))
            self.page.wait(f"document.querySelector('#toast').textContent.includes({json.dumps(says)})")
            self.assertIn(name, self.page.texts("#toast")[0])
        self.assertEqual(self.chips(), [])
        self.page.choose_file("#attach-file", self.file("wide.txt", "\ufeffWörter".encode("utf-16-le")))
        self.page.wait("document.querySelectorAll('#attachments li').length === 1")
