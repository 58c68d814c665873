"""Conversations as trees: other versions of a reply or a question, replies that go on, and tabs that write at once."""

import json
import time

from case import PageCase

STORED = "import('./page/store.js').then((m) => m.openStore()).then(async (s) => Promise.all((await s.list()).map((c) => s.load(c.id))))"
IDLE = "!document.querySelector('.running') && document.querySelector('#stop').hidden"
# What the page kept before messages had parents.
LINEAR = {
    "id": "0123456789abcdef0123456789abcdef",
    "title": "What is a sloop?",
    "created": 1700000000000,
    "updated": 1700000000000,
    "model": "",
}
LINEAR_MESSAGES = [
    {"role": "user", "content": "What is a sloop?"},
    {"role": "assistant", "content": "A boat with **one** mast.", "finish_reason": "stop", "model": "first"},
    {"role": "user", "content": "And a ketch?"},
    {"role": "assistant", "content": "Two masts.", "finish_reason": "stop", "model": "first"},
]


class BranchesTest(PageCase):
    def setUp(self):
        super().setUp()
        self.set(temperature=0, max_tokens=6)

    def replies(self, page=None):
        return (page or self.page).texts(".assistant .body")

    def counts(self, page=None):
        return (page or self.page).texts(".count")

    def again(self, reply, page=None):
        """Regenerates the last reply, into this one."""
        page = page or self.page
        self.answer({"content": reply}, page=page)
        page.press("Alt+r")
        page.wait(f"[...document.querySelectorAll('.assistant .body')].at(-1)?.innerText === {json.dumps(reply)} && {IDLE}")

    def put_linear(self):
        """Writes a conversation as this page kept it before it knew branches."""
        self.page.run(f"""new Promise((resolve, reject) => {{
            const open = indexedDB.open('trinity', 1);
            open.onsuccess = () => {{
              const transaction = open.result.transaction(['summaries', 'messages'], 'readwrite');
              transaction.objectStore('summaries').put({json.dumps(LINEAR)});
              transaction.objectStore('messages').put({{ id: {json.dumps(LINEAR["id"])}, messages: {json.dumps(LINEAR_MESSAGES)} }});
              transaction.oncomplete = () => {{ open.result.close(); resolve(); }};
              transaction.onabort = reject;
            }};
          }})""")

    def test_replies_made_again_are_kept_beside_each_other(self):
        self.answer({"content": "red"})
        self.send("Name a colour.")
        self.assertEqual(self.counts(), [])
        self.again("green")
        self.again("blue")
        self.assertEqual((self.replies(), self.counts()), (["blue"], ["3/3"]))
        self.page.click("[aria-label='Previous version']")
        self.page.wait("document.querySelector('.assistant .body').innerText === 'green'")
        # The button that was pressed keeps the focus, so that the keyboard goes on.
        self.assertEqual(self.page.run("document.activeElement.getAttribute('aria-label')"), "Previous version")
        self.page.press("Enter")
        self.page.wait("document.querySelector('.assistant .body').innerText === 'red'")
        self.assertEqual(self.counts(), ["1/3"])
        self.assertTrue(self.page.run("document.querySelector('[aria-label=\"Previous version\"]').disabled"))
        # What follows belongs to its branch, and is what is sent; the branch on screen survives a reload.
        self.answer({"content": "rose"})
        self.send("A flower of it?")
        self.assertEqual([m["content"] for m in self.asked()[-1]["messages"]], ["Name a colour.", "red", "A flower of it?"])
        self.page.open(self.server.url)
        self.page.wait("document.querySelectorAll('.message').length === 4")
        self.assertEqual((self.replies(), self.counts()), (["red", "rose"], ["1/3"]))
        self.page.click("[aria-label='Next version']")
        self.page.wait("document.querySelectorAll('.message').length === 2")
        self.page.click("[aria-label='Previous version']")
        self.page.wait("document.querySelectorAll('.message').length === 4")

    def test_an_edit_keeps_what_was_asked_before(self):
        self.answer({"content": "oak"})
        self.send("Name a tree.")
        self.page.press("ArrowUp")
        self.page.run("document.querySelector('#field').select()")
        self.answer({"content": "pike"})
        self.begin("Name a fish.")
        self.page.wait(f"document.querySelector('.assistant .body')?.innerText === 'pike' && {IDLE}")
        self.assertEqual((self.page.texts(".user .body"), self.counts()), (["Name a fish."], ["2/2"]))
        self.page.click("[aria-label='Previous version']")
        self.page.wait("document.querySelector('.user .body').innerText === 'Name a tree.'")
        self.assertEqual(self.replies(), ["oak"])

    def test_the_old_reply_stays_until_a_new_one_has_begun(self):
        self.expect("ERR_")
        first = self.send("Name a bird.")
        held = []
        self.page.answer_with("*/v1/chat/completions", lambda page, paused: held.append(paused))
        self.page.press("Alt+r")
        self.page.wait("document.querySelector('.running')?.textContent.includes('Waiting for the first token')")
        self.assertEqual(self.replies(), [first])
        self.page.send("Fetch.failRequest", requestId=held[0]["requestId"], errorReason="ConnectionRefused")
        self.page.wait("document.querySelector('.error')")
        # It failed: the old reply is there, here and in the browser.
        self.assertEqual((self.replies(), self.counts()), ([first], []))
        self.assertIn("cannot be reached", self.page.texts(".error")[0])
        self.assertEqual([m["content"] for m in self.page.run(STORED)[0]["messages"]][1:], [first])
        self.answer({"content": "wren"})
        self.page.click(".error button")
        self.page.wait(f"document.querySelector('.assistant .body')?.innerText === 'wren' && {IDLE}")
        self.assertEqual(self.counts(), ["2/2"])
        # A reply of nothing but an error is no version.
        self.page.press("Alt+n")
        self.expect("500")
        self.page.answer_with("*/v1/chat/completions", lambda page, paused: page.fulfill(paused, 500, "application/json", '{"error": {"message": "no"}}'))
        self.begin("Name a bird.")
        self.page.wait("document.querySelector('.error')")
        self.again("owl")
        self.assertEqual((self.replies(), self.counts()), (["owl"], []))

    def test_a_reply_that_was_cut_goes_on(self):
        cut = self.send("Tell me a story about the sea.")
        self.assertIn("6 tokens", self.page.texts(".stats")[-1])
        self.set(max_tokens=12)
        self.page.run("[...document.querySelectorAll('.foot button')].find((b) => b.innerText === 'Continue').click()")
        self.page.wait(f"document.querySelector('.stats').innerText.includes('18 tokens') && {IDLE}")
        request = self.asked()[-1]
        self.assertEqual((request["messages"][-1]["role"], request["continue_final_message"]), ("assistant", True))
        whole = self.replies()[0]
        self.assertTrue(whole.startswith(cut))
        # It is the reply that 18 tokens at once would have been, and still one version.
        self.set(max_tokens=18)
        self.page.press("Alt+r")
        self.page.wait(f"document.querySelector('.count')?.innerText === '2/2' && {IDLE}")
        self.assertEqual(self.replies(), [whole])

    def test_a_reply_that_broke_or_was_stopped_goes_on(self):
        piece = 'data: {"choices":[{"index":0,"delta":{"content":"half a "}}]}\n\n'
        self.page.answer_with("*/v1/chat/completions", lambda page, paused: page.fulfill(paused, 200, "text/event-stream", piece))
        self.begin("Go on.")
        self.page.wait("document.querySelector('.error')")
        self.assertEqual(self.page.texts(".error button"), ["Try again", "Continue"])
        self.answer({"content": "loaf"})
        self.page.click(".error button:last-child")
        self.page.wait(f"document.querySelector('.assistant .body')?.innerText === 'half a loaf' && {IDLE}")
        self.assertEqual(self.page.texts(".error"), [])
        self.page.answer_with("*", None)
        self.page.press("Alt+n")
        self.set(max_tokens=1500, extra='{"logit_bias": {"2": -100, "0": -100}}')
        self.begin("Count from one to a thousand, in words.")
        self.page.wait("document.querySelector('.running .body')?.textContent.length > 20")
        self.page.press("Escape")
        self.page.wait(IDLE)
        stopped = self.page.run("document.querySelector('.assistant .body').textContent")
        self.set(max_tokens=5, extra="")
        self.page.run("[...document.querySelectorAll('.foot button')].find((b) => b.innerText === 'Continue').click()")
        self.page.wait(f"document.querySelector('.assistant .body').textContent.length > {len(stopped)} && {IDLE}")
        self.assertTrue(self.page.run("document.querySelector('.assistant .body').textContent").startswith(stopped))

    def test_what_was_kept_as_a_list_opens_as_it_was(self):
        self.put_linear()
        self.page.run("location.hash = '#/c/%s'" % LINEAR["id"])
        self.page.reload()
        self.page.wait("document.querySelectorAll('.message').length === 4")
        self.assertEqual(self.page.texts(".body"), ["What is a sloop?", "A boat with one mast.", "And a ketch?", "Two masts."])
        self.assertEqual(self.counts(), [])
        self.again("Two masts, the aft one shorter.")
        self.assertEqual(self.counts(), ["2/2"])
        self.page.open(self.server.url)
        self.page.wait("document.querySelectorAll('.message').length === 4")
        self.assertEqual(self.replies()[-1], "Two masts, the aft one shorter.")
        kept = self.page.run(STORED)[0]["messages"]
        self.assertEqual([m["content"] for m in kept[:4]], [m["content"] for m in LINEAR_MESSAGES])

    def test_two_tabs_lose_nothing_of_each_other(self):
        self.answer({"content": "red"})
        self.send("Name a colour.")
        address = self.page.run("location.href")
        other = self.open(address, beside=self.page)
        other.wait("document.querySelectorAll('.message').length === 2")
        # Both ask again at once; one of them while the other's answer is on its way.
        held = []
        self.page.answer_with("*/v1/chat/completions", lambda page, paused: held.append(paused))
        self.page.press("Alt+r")
        self.page.wait("document.querySelector('.running')")
        self.again("green", other)
        self.assertEqual(self.counts(other), ["2/2"])
        chunk = {"choices": [{"index": 0, "delta": {"content": "blue"}, "finish_reason": "stop"}]}
        end = time.monotonic() + 10
        while not held and time.monotonic() < end:
            time.sleep(0.02)
        self.page.fulfill(held[0], 200, "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")
        # Which of the two is the second depends on which tab heard first of the other's.
        self.page.wait(f"document.querySelector('.count')?.innerText.endsWith('/3') && {IDLE}")
        self.assertEqual(self.replies(), ["blue"])
        # The other tab stays where it is, and knows of the third.
        other.wait("document.querySelector('.count')?.innerText.endsWith('/3')")
        self.assertEqual(self.replies(other), ["green"])
        contents = [m["content"] for m in self.page.run(STORED)[0]["messages"]]
        self.assertEqual(sorted(contents), ["Name a colour.", "blue", "green", "red"])
        # Nor does a name that one gives get lost when the other goes on.
        self.page.run("document.querySelector('#conversations .open').focus()")
        self.page.press("F2")
        self.page.type("Colours")
        self.page.press("Enter")
        other.wait("document.querySelector('#conversations .title')?.innerText === 'Colours'")
        self.again("white", other)
        self.page.wait("document.querySelector('.count')?.innerText.endsWith('/4')")
        self.assertEqual(self.page.run(STORED)[0]["title"], "Colours")

    def test_two_tabs_that_go_on_with_one_reply_make_two(self):
        self.answer({"content": "half a "}, finish="length")
        self.send("Go on.")
        other = self.open(self.page.run("location.href"), beside=self.page)
        other.wait("document.querySelectorAll('.message').length === 2")
        proceed = "[...document.querySelectorAll('.foot button')].find((b) => b.innerText === 'Continue').click()"
        held = []
        other.answer_with("*/v1/chat/completions", lambda page, paused: held.append(paused))
        other.run(proceed)
        other.wait("document.querySelector('.running')")
        other.run("void (window.tabs = new BroadcastChannel('trinity'), window.tabs.onmessage = () => (window.heard = true))")
        self.answer({"content": "loaf"})
        self.page.run(proceed)
        self.page.wait(f"document.querySelector('.assistant .body').innerText === 'half a loaf' && {IDLE}")
        other.wait("document.querySelector('.running')")
        # The other tab has heard of it, and read it: what it began before this reading is done.
        other.wait("window.heard === true")
        other.wait(f"{STORED}.then((all) => all[0].messages[1].content === 'half a loaf')")
        chunk = {"choices": [{"index": 0, "delta": {"content": "moon"}, "finish_reason": "stop"}]}
        other.fulfill(held[0], 200, "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")
        other.wait(f"document.querySelector('.assistant .body').innerText === 'half a moon' && {IDLE}")
        self.page.wait("document.querySelector('.count')?.innerText === '1/2'")
        self.assertEqual((self.replies(), self.replies(other)), (["half a loaf"], ["half a moon"]))
        self.assertEqual(sorted(m["content"] for m in self.page.run(STORED)[0]["messages"]), ["Go on.", "half a loaf", "half a moon"])

    def test_trees_survive_export_and_import(self):
        self.answer({"content": "red"})
        self.send("Name a colour.")
        self.again("green")
        found = self.page.run(f"""Promise.all([import('./page/files.js'), {STORED}]).then(([files, all]) => {{
            const [read] = files.parseImport(files.exportText(all));
            return [read, all[0]]; }})""")
        self.assertEqual(found[0], found[1])
        parse = lambda messages: self.page.run(f"""import('./page/files.js').then((files) => {{ try {{
            files.parseImport(JSON.stringify({{ format: 'trinity-conversations', version: 2, conversations: [{{ ...{json.dumps(LINEAR)}, messages: {json.dumps(messages)} }}] }}));
            return ''; }} catch (error) {{ return error.message; }} }})""")
        message = {"role": "user", "content": "x"}
        self.assertEqual(parse([message]), "")
        self.assertIn("messages[1].id", parse([{**message, "id": "a"}, {**message, "id": "a"}]))
        self.assertIn("messages[0].parent", parse([{**message, "id": "a", "parent": "b"}, {**message, "id": "b"}]))
