"""How full the context is, and how a conversation goes on when it is."""

import atexit
import functools
import json

from case import PageCase
from server import Server

IDLE = "!document.querySelector('.running') && document.querySelector('#stop').hidden"
BUTTON = "[...document.querySelectorAll('%s')].find((b) => b.innerText === 'Go on without the oldest turns')"
N_CONTEXT = 384


@functools.cache
def small_server():
    """One whose context is soon full."""
    started = Server(names=("first",), more=("--context", str(N_CONTEXT)))
    atexit.register(started.close)
    return started


class ContextTest(PageCase):
    def setUp(self):
        super().setUp()
        self.server = small_server()
        self.page = self.open()
        self.set(temperature=0, max_tokens=4)

    def used(self):
        return int(self.page.run("document.querySelector('#context').getAttribute('aria-valuetext')").split()[0].replace(",", ""))

    def asked_users(self):
        """The words with which the questions of the last request begin."""
        return [m["content"][:12] for m in self.asked()[-1]["messages"] if m["role"] == "user"]

    def test_the_meter_shows_what_the_server_counted(self):
        self.assertTrue(self.page.run("document.querySelector('#context').hidden"))
        self.send("What is a harbour?")
        body = {**self.asked()[-1], "stream": False}
        del body["stream_options"]
        usage = self.page.run(f"""fetch('v1/chat/completions', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }},
            body: {json.dumps(json.dumps(body))} }}).then((r) => r.json()).then((r) => r.usage)""")
        self.page.wait(f"document.querySelector('#context').getAttribute('aria-valuetext') === '{usage['total_tokens']} of {N_CONTEXT} tokens'")
        self.assertTrue(self.page.run("document.querySelector('#context-note').hidden"))
        # What is being typed counts, too.
        used = self.used()
        self.page.type("harbour " * 100)
        self.page.wait(f"!document.querySelector('#context').getAttribute('aria-valuetext').startsWith('{used} of')")
        self.assertGreater(self.used(), used + 90)
        self.assertIn("in the message field", self.page.run("document.querySelector('#context').title"))
        # A conversation that came with no counts is counted when it is opened.
        self.page.run("document.querySelector('#field').value = ''")
        self.page.run("""import('./page/store.js').then((m) => m.openStore()).then((s) => s.save({ id: 'counted', title: 'Counted', created: 1, updated: Date.now(), model: 'first',
            messages: [{ id: 'q', parent: null, role: 'user', content: 'word '.repeat(50) }, { id: 'r', parent: 'q', role: 'assistant', content: 'yes', finish_reason: 'stop' }] }))""")
        self.page.run("location.hash = '#/c/counted'")
        self.page.wait("document.querySelector('#context').getAttribute('aria-valuetext').split(' ')[0] > 60")

    def test_from_three_quarters_on_it_is_said_and_turns_can_be_left_out(self):
        for question in ("What is a harbour?", "What is a pier?", "What is a mole?"):
            self.assertTrue(self.page.run("document.querySelector('#context-note').hidden"))
            self.send(question + " It is near the sea." * 14)
        self.page.wait("!document.querySelector('#context-note').hidden")
        self.assertIn(f"of {N_CONTEXT} tokens", self.page.texts("#context-words")[0])
        used = self.used()
        self.page.click("#go-on")
        self.page.wait("document.querySelector('.cut')")
        # All is still shown, and less is sent; the last question always is.
        self.assertEqual(len(self.page.texts(".message")), 6)
        self.page.wait(f"Number(document.querySelector('#context').getAttribute('aria-valuetext').split(' ')[0]) < {used} * 0.8")
        self.send("And a jetty?")
        self.assertEqual(self.asked_users()[-1], "And a jetty?")
        self.assertNotIn("What is a ha", self.asked_users())
        # It is a choice that can be taken back, and survives a reload.
        self.page.open(self.server.url)
        self.page.click(".cut button")
        self.page.wait("!document.querySelector('.cut')")
        self.send("And a quay?")
        self.assertIn("What is a ha", self.asked_users())

    def test_a_prompt_that_is_too_long_goes_on_without_the_oldest_turns(self):
        self.expect("400")
        self.send("What is a harbour?" + " It is near the sea." * 25)
        self.send("And a pier?")
        self.begin("And a mole?" + " It is near the sea." * 35)
        self.page.wait("document.querySelector('.error')")
        self.assertIn("HTTP 400", self.page.texts(".error")[0])
        self.page.run(f"{BUTTON % '.error button'}.click()")
        self.page.wait(f"!document.querySelector('.error') && document.querySelectorAll('.assistant').length === 3 && {IDLE}")
        self.assertEqual(self.asked_users()[-1], "And a mole? ")
        self.assertNotIn("What is a ha", self.asked_users())
        self.assertEqual(len(self.page.texts(".cut")), 1)
        # One that is too long by itself cannot be helped, and is told so.
        self.page.press("Alt+n")
        self.begin("What is a harbour?" + " It is near the sea." * 100)
        self.page.wait("document.querySelector('.error')")
        self.page.run(f"{BUTTON % '.error button'}.click()")
        self.page.wait("document.querySelector('#toast').innerText.includes('no older turn')")

    def test_a_reply_that_had_no_room_goes_on_without_the_oldest_turns(self):
        self.send("What is a harbour?" + " It is near the sea." * 25)
        self.set(max_tokens=1000, extra='{"logit_bias": {"2": -100, "0": -100}}')
        self.send("Count from one to a thousand, in words.")
        self.assertIn("the context is full", self.page.texts(".stats")[-1])
        cut = self.page.run("[...document.querySelectorAll('.assistant .body')].at(-1).textContent")
        self.set(max_tokens=5, extra="")
        self.page.run(f"{BUTTON % '.foot button'}.click()")
        self.page.wait(f"[...document.querySelectorAll('.assistant .body')].at(-1).textContent.length > {len(cut)} && {IDLE}")
        self.assertNotIn("What is a ha", self.asked_users())
        self.assertEqual(self.asked()[-1]["messages"][-1]["role"], "assistant")


class LoadedLaterTest(PageCase):
    def test_the_context_of_a_model_is_known_once_it_is_loaded(self):
        self.server = Server(names=("first", "second"))
        try:
            page = self.open()
            ids = page.run("[...document.querySelectorAll('#model option')].map((option) => option.value)")
            known = {model["id"] for model in self.server.get("v1/models")["data"] if "meta" in model}
            unknown = next(name for name in ids if name not in known)
            page.run(f"(() => {{ const list = document.querySelector('#model'); list.value = {json.dumps(unknown)}; list.dispatchEvent(new Event('change')); }})()")
            self.set(page, temperature=0, max_tokens=2)
            self.send("Hello.", page)
            page.wait("!document.querySelector('#context').hidden")
        finally:
            self.server.close()
