"""The list of conversations: dates, search, pins, addresses, drafts, the keyboard; and how soon a key shows with many of them."""

import json
import pathlib
import statistics
import tempfile
import time

from case import PageCase, browser

DAY_MS = 24 * 3600 * 1000
N_MANY = 200
KEYSTROKE_MS_MAX = 50
# What the page keeps; each with a question and a long reply.
FILL = """Promise.all([import('./page/store.js').then((m) => m.openStore()), import('./page/tree.js')]).then(async ([store, { asTree }]) => {
  for (const { id, title, daysAgo, text, n = 1 } of %s) {
    const messages = Array.from({ length: n }, () => [{ role: 'user', content: title }, { role: 'assistant', content: text, finish_reason: 'stop' }]).flat();
    await store.save(asTree({ id, title, created: 1, updated: Date.now() - daysAgo * 86400000, model: '', messages }));
  }
})"""
# Milliseconds from a key to the frame that shows it, as the browser measures them.
MEASURE = """window.keystrokes = [];
document.addEventListener('keydown', (event) => {
  const began = event.timeStamp;
  requestAnimationFrame(() => {
    // A task after a frame's callbacks runs when that frame is painted.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.keystrokes.push(performance.now() - began);
    channel.port2.postMessage(null);
  });
})"""
REPLY = "## A title\n\nSome **words** about `code` and $x^2$.\n\n```python\ndef f(x):\n    return x + 1  # one more\n```\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


class ListTest(PageCase):
    def fill(self, conversations, page=None):
        page = page or self.page
        page.run(FILL % json.dumps(conversations))
        page.open(self.server.url)

    def titles(self):
        return self.page.texts("#conversations .title")

    def groups(self):
        return self.page.run("[...document.querySelectorAll('#conversations section')].map((s) => [s.querySelector('h3').innerText, [...s.querySelectorAll('.title')].map((t) => t.innerText)])")

    def choose(self, label, item="#conversations li"):
        """Chooses from the menu of a conversation in the list."""
        self.page.click(f"{item} [aria-label^=Actions]")
        self.page.wait("document.querySelector('#actions:popover-open')")
        self.page.run(f"[...document.querySelectorAll('#actions [role=menuitem]')].find((entry) => entry.innerText === {json.dumps(label)}).click()")

    def test_dates_and_pins(self):
        days = {"Today's": 0, "Last week's": 5, "Last month's": 20, "Old": 400}
        self.fill([{"id": f"c{n}", "title": title, "daysAgo": ago, "text": "x"} for n, (title, ago) in enumerate(days.items())])
        month = self.page.run(f"new Intl.DateTimeFormat('en', {{ month: 'long', year: 'numeric' }}).format(Date.now() - 400 * {DAY_MS})")
        self.assertEqual(self.groups(), [["Today", ["Today's"]], ["Previous 7 days", ["Last week's"]], ["Previous 30 days", ["Last month's"]], [month, ["Old"]]])
        groups = self.page.run("""import('./page/groups.js').then(({ groupsOf }) => groupsOf(
            [[2026, 2, 29, 0], [2026, 2, 28, 23], [2026, 2, 28, 0], [2026, 2, 27, 23]].map(([y, m, d, h]) => ({ updated: new Date(y, m, d, h).getTime() })), new Date(2026, 2, 29, 12).getTime())
            .map(({ label, items }) => [label, items.length]))""")
        # Days end at midnight, also where a clock is put forward.
        self.assertEqual(groups, [["Today", 1], ["Yesterday", 2], ["Previous 7 days", 1]])
        self.choose("Pin", "#conversations li[data-id=c3]")
        self.page.wait("document.querySelector('#conversations h3').innerText === 'Pinned'")
        self.page.open(self.server.url)
        self.assertEqual(self.groups()[0], ["Pinned", ["Old"]])
        self.choose("Unpin", "#conversations li[data-id=c3]")
        self.page.wait("document.querySelector('#conversations h3').innerText === 'Today'")

    def test_search_finds_titles_and_what_was_said(self):
        self.fill([
            {"id": "a", "title": "Boats", "daysAgo": 0, "text": "A sloop has one mast."},
            {"id": "b", "title": "About masts", "daysAgo": 1, "text": "They are tall."},
            {"id": "c", "title": "Bread", "daysAgo": 2, "text": "Flour and <b>water</b>."},
        ])
        self.page.press("Alt+s")
        self.assertEqual(self.page.run("document.activeElement.id"), "search")
        self.page.type("MAST")
        self.page.wait("document.querySelectorAll('#conversations li').length === 2")
        self.assertEqual(self.titles(), ["Boats", "About masts"])
        self.assertEqual(self.page.texts("#conversations small"), ["A sloop has one mast."])
        self.page.press("Enter")
        self.page.wait("document.querySelector('.user .body')?.innerText === 'Boats'")
        self.page.press("Alt+s")
        self.page.run("document.querySelector('#search').select()")
        self.page.type("<b>")
        self.page.wait("document.querySelector('#conversations small')?.innerText.includes('<b>water</b>')")
        self.page.run("document.querySelector('#search').select()")
        self.page.type("no such words")
        self.page.wait("document.querySelector('#no-conversations').innerText === 'Nothing found.' && !document.querySelector('#no-conversations').hidden")
        self.page.press("Escape")
        self.page.wait("document.querySelectorAll('#conversations li').length === 3")

    def test_each_conversation_has_an_address(self):
        self.fill([{"id": "a", "title": "Boats", "daysAgo": 0, "text": "x"}, {"id": "b", "title": "Bread", "daysAgo": 1, "text": "x"}])
        shows = lambda title: f"document.querySelector('.user .body')?.innerText === '{title}'"
        self.page.click("#conversations li[data-id=a] .open")
        self.page.wait(shows("Boats"))
        self.assertEqual(self.page.run("location.hash"), "#/c/a")
        self.page.click("#conversations li[data-id=b] .open")
        self.page.wait(shows("Bread"))
        self.page.run("history.back()")
        self.page.wait(shows("Boats"))
        self.page.press("Alt+n")
        self.assertEqual(self.page.run("location.hash"), "")
        self.page.run("history.back()")
        self.page.wait(shows("Boats"))
        other = self.open(self.server.url + "#/c/b", beside=self.page)
        other.wait(shows("Bread"))
        # A new one gets its address when it is there.
        other.press("Alt+n")
        self.set(other, temperature=0, max_tokens=2)
        self.send("What is a cleat?", other)
        address = other.run("location.href")
        self.page.run(f"location.href = {json.dumps(address)}")
        self.page.wait(shows("What is a cleat?"))
        self.page.run("location.hash = '#/c/nowhere'")
        self.page.wait("document.querySelector('#toast').innerText.includes('No conversation of this address')")
        self.assertEqual(self.page.run("[location.hash, document.querySelectorAll('.message').length]"), ["", 0])

    def test_drafts_stay_with_their_conversations(self):
        self.fill([{"id": "a", "title": "Boats", "daysAgo": 0, "text": "x"}, {"id": "b", "title": "Bread", "daysAgo": 1, "text": "x"}])
        field = "document.querySelector('#field').value"
        self.page.type("new one")
        self.page.click("#conversations li[data-id=a] .open")
        self.page.wait(f"{field} === ''")
        self.page.run("document.querySelector('#field').focus()")
        self.page.type("about boats")
        self.page.click("#conversations li[data-id=b] .open")
        self.page.wait(f"{field} === ''")
        self.page.click("#conversations li[data-id=a] .open")
        self.page.wait(f"{field} === 'about boats'")
        # Also over a reload at once, and in the new one.
        self.page.run("document.querySelector('#field').focus()")
        self.page.type("!")
        self.page.reload()
        self.page.wait(f"{field} === 'about boats!'")
        self.page.press("Alt+n")
        self.assertEqual(self.page.run(field), "new one")
        # What was sent is no draft any more.
        self.set(temperature=0, max_tokens=2)
        self.page.press("Enter")
        self.page.wait("document.querySelector('.stats') && !document.querySelector('.running')")
        self.page.press("Alt+n")
        self.assertEqual(self.page.run(field), "")

    def test_one_conversation_as_markdown(self):
        self.fill([{"id": "a", "title": "Boats: what & why?", "daysAgo": 0, "text": REPLY}])
        with tempfile.TemporaryDirectory() as folder:
            browser().send("Browser.setDownloadBehavior", behavior="allow", browserContextId=self.page.context, downloadPath=folder)
            self.choose("Export as Markdown")
            path = pathlib.Path(folder) / "Boats-what-why.md"
            end = time.monotonic() + 20
            while not path.exists() and time.monotonic() < end:
                time.sleep(0.05)
            text = path.read_text()
        self.assertTrue(text.startswith("# Boats: what & why?\n\n"), text[:60])
        self.assertIn("## You\n\nBoats: what & why?\n\n## Reply\n\n" + REPLY.strip(), text)
        # What a tool said is code that nothing in it ends.
        found = self.page.run("""import('./page/files.js').then((m) => m.markdownOf({ title: '', model: 'm', created: 0, leaf: 'c', messages: [
            { id: 'a', parent: null, role: 'user', content: 'q' },
            { id: 'b', parent: 'a', role: 'assistant', content: '', tool_calls: [{ id: '1', function: { name: 'f', arguments: '{}' } }] },
            { id: 'x', parent: 'a', role: 'assistant', content: 'another version' },
            { id: 'c', parent: 'b', role: 'tool', tool_name: 'f', content: '```' }] }))""")
        self.assertEqual(found, "# Conversation\n\nm · 1970-01-01\n\n## You\n\nq\n\n## Reply\n\nCalls `f`:\n\n```json\n{}\n```\n\n## Result of f\n\n````\n```\n````\n")

    def test_the_list_is_one_stop_of_the_tab_key(self):
        self.fill([{"id": f"c{n}", "title": f"Number {n}", "daysAgo": n, "text": "x"} for n in range(8)])
        stops = []
        self.page.run("document.querySelector('#search').focus()")
        while len(stops) < 20:
            self.page.press("Tab")
            stops.append(self.page.run("document.activeElement.closest('#conversations') ? 'list' : document.activeElement.id"))
            if stops[-1] == "import":
                break
        self.assertEqual(stops, ["list", "import"])
        # The arrows walk over the groups, to the search above, and to what can be done.
        self.page.run("document.querySelector('#search').focus()")
        active = lambda: self.page.run("document.activeElement.innerText || document.activeElement.id || document.activeElement.getAttribute('aria-label')")
        walked = []
        for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "End", "Home", "ArrowUp"):
            self.page.press(key)
            walked.append(active())
        self.assertEqual(walked, ["Number 0", "Number 1", "Number 2", "Number 1", "Number 7", "Number 0", "search"])
        for key, name in (("ArrowDown", "Number 0"), ("ArrowRight", "Actions for Number 0"), ("Enter", "Pin"), ("ArrowDown", "Rename"), ("ArrowUp", "Pin"), ("Escape", "Number 0")):
            self.page.press(key)
            self.page.wait(f"(document.activeElement.innerText || document.activeElement.getAttribute('aria-label')) === '{name}'")
        # Where the walk ended the tab key comes back to.
        self.page.press("End")
        self.page.press("Tab")
        self.page.press("Shift+Tab")
        self.assertEqual(active(), "Number 7")

    def test_a_key_shows_at_once_with_many_conversations(self):
        conversations = [{"id": f"c{n}", "title": f"Conversation number {n}", "daysAgo": n, "text": REPLY} for n in range(N_MANY - 1)]
        self.fill([*conversations, {"id": "long", "title": "A long one", "daysAgo": 0, "text": REPLY, "n": 60}])
        self.page.run("location.hash = '#/c/long'")
        self.page.wait("document.querySelectorAll('.message').length === 120")
        self.assertEqual(len(self.titles()), N_MANY)
        self.page.run(MEASURE)
        for field, text in (("field", "the quick brown fox jumps over the lazy dog"), ("search", "conversation number")):
            # What others do on the machine is no work of the page: the best of a few rounds.
            medians = []
            while len(medians) < 4 and min(medians, default=KEYSTROKE_MS_MAX + 1) > KEYSTROKE_MS_MAX:
                medians.append(statistics.median(self.keystrokes(field, text)))
            print(f"keystroke to paint in #{field}, {N_MANY} conversations, 120 messages on screen: median {min(medians):.1f} ms")
            self.assertLessEqual(min(medians), KEYSTROKE_MS_MAX)

    def keystrokes(self, field, text):
        """Types the text into a field, and returns the milliseconds that each key took."""
        self.page.run(f"window.keystrokes = [], document.querySelector('#{field}').select()")
        for n, key in enumerate(text):
            self.page.press(key)
            self.page.wait(f"window.keystrokes.length > {n}")
        return self.page.run("window.keystrokes")
