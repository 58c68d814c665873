"""Conversations with the real server and model."""

import json
import time
import unittest

from case import KEY, PageCase, locked_server
from server import Server

STATISTICS = r"^[0-9.]+ tok/s · first token [0-9.]+ m?s · [0-9]+ tokens? · prompt [0-9]+, [0-9]+ cached"
WEATHER = {
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "The weather in a city",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}},
                    "required": ["city"],
                    "additionalProperties": False,
                },
            },
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
}


class ChatTest(PageCase):
    def test_a_reply_streams_and_is_measured(self):
        self.set(temperature=0, max_tokens=40)
        self.page.run("""window.lengths = new Set(); new MutationObserver(() => {
            const body = document.querySelector('.running .body'); if (body) lengths.add(body.textContent.length);
        }).observe(document.querySelector('#messages'), { childList: true, subtree: true, characterData: true })""")
        reply = self.send("Tell me about the sea.")
        self.assertGreater(len(reply), 20)
        self.assertGreater(self.page.run("lengths.size"), 5, "the reply did not come in pieces")
        self.assertRegex(self.page.texts(".stats")[-1], STATISTICS)
        self.assertIn("40 tokens", self.page.texts(".stats")[-1])
        self.assertIn("cut at the token limit", self.page.texts(".stats")[-1])
        # What is shown is what the server says without streaming.
        body = {**self.asked()[-1], "stream": False}
        del body["stream_options"]
        whole = self.page.run(f"""fetch('v1/chat/completions', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }},
            body: {json.dumps(json.dumps(body))} }}).then((r) => r.json()).then((r) => r.choices[0].message.content)""")
        stored = self.page.run("import('./page/store.js').then((m) => m.openStore()).then(async (s) => (await s.load((await s.list())[0].id)).messages)")
        self.assertEqual(stored[-1]["content"], whole)

    def test_the_second_turn_carries_the_first_and_uses_its_cache(self):
        self.set(temperature=0, max_tokens=24, system="You are a sailor.")
        first = self.send("What is a keel?")
        self.send("And a rudder?")
        messages = self.asked()[-1]["messages"]
        self.assertEqual([m["role"] for m in messages], ["system", "user", "assistant", "user"])
        self.assertEqual(messages[0]["content"], "You are a sailor.")
        self.assertEqual(" ".join(messages[2]["content"].split())[:20], " ".join(first.split())[:20])
        cached = int(self.page.texts(".stats")[-1].split(" cached")[0].split()[-1])
        self.assertGreater(cached, 0)

    def test_stop_stops_the_server_too(self):
        self.set(temperature=0, max_tokens=1500, extra='{"logit_bias": {"2": -100, "0": -100}}')
        for how in ("key", "button"):
            self.begin("Count from one to a thousand, in words.")
            self.page.wait("document.querySelector('.running .body')?.textContent.length > 20")
            self.assertEqual(self.server.n_active(), 1)
            if how == "key":
                self.page.press("Escape")
            else:
                self.page.click("#stop")
            self.page.wait("!document.querySelector('.running')")
            text = self.page.texts(".assistant .body")[-1]
            end = time.monotonic() + 5
            while self.server.n_active() and time.monotonic() < end:
                time.sleep(0.02)
            self.assertEqual(self.server.n_active(), 0)
            self.assertIn("stopped", self.page.texts(".stats")[-1])
            self.assertEqual(self.page.texts(".assistant .body")[-1], text)

    def test_two_conversations_at_once(self):
        self.set(temperature=0, max_tokens=120)
        self.begin("Write a long story about a lighthouse.")
        self.page.wait("document.querySelector('.running .body')?.textContent.length > 5")
        self.page.press("Alt+n")
        self.page.wait("!document.querySelector('.message')")
        self.set(max_tokens=8)
        self.send("Hello!")
        self.assertEqual(len(self.page.texts(".message")), 2)
        self.page.run("[...document.querySelectorAll('#conversations .open')].find((b) => b.textContent.includes('lighthouse')).click()")
        self.page.wait("document.querySelector('.user .body')?.textContent.includes('lighthouse')")
        self.page.wait("!document.querySelector('.running')")
        self.assertRegex(self.page.texts(".stats")[-1], STATISTICS)
        self.assertGreater(len(self.page.texts(".assistant .body")[-1]), 100)

    def test_regenerate_and_edit(self):
        self.set(temperature=0, max_tokens=12)
        first = self.send("Name a colour.")
        self.page.click(".assistant:last-child [aria-label=Regenerate]")
        self.page.wait("!document.querySelector('.running')")
        self.page.wait("document.querySelectorAll('.assistant').length === 1")
        self.assertEqual(self.page.texts(".assistant .body"), [first])
        self.assertEqual(self.asked()[-1], self.asked()[-2])
        self.set(max_tokens=6)
        self.page.press("Alt+r")
        self.page.wait("document.querySelector('.stats')?.textContent.includes('6 tokens')")
        self.page.press("ArrowUp")
        self.page.wait("document.querySelector('#field').value === 'Name a colour.'")
        self.page.run("document.querySelector('#field').select()")
        self.send("Name a fish.")
        self.assertEqual(self.page.texts(".user .body"), ["Name a fish."])
        self.assertEqual([m["content"] for m in self.asked()[-1]["messages"]], ["Name a fish."])

    def test_an_edit_that_is_left_changes_nothing(self):
        self.set(temperature=0, max_tokens=4)
        self.send("Name a tree.")
        self.page.type("a draft")
        self.page.click(".user [aria-label='Edit and send again']")
        self.page.wait("!document.querySelector('#editing').hidden")
        self.page.press("Escape")
        self.assertEqual(self.page.run("document.querySelector('#field').value"), "a draft")
        self.assertEqual(len(self.page.texts(".message")), 2)

    def test_two_models(self):
        self.assertEqual(len(self.page.run("[...document.querySelector('#model').options].map((o) => o.value)")), 2)
        self.set(temperature=0, max_tokens=4)
        asked = []
        for index in (1, 0):
            self.page.run(f"(() => {{ const m = document.querySelector('#model'); m.selectedIndex = {index}; m.dispatchEvent(new Event('change')); }})()")
            self.send("Hi.")
            asked.append(self.asked()[-1]["model"])
            self.assertIn(asked[-1], self.page.texts(".stats")[-1])
        self.assertEqual(len(set(asked)), 2)
        self.page.open(self.server.url)
        self.assertEqual(self.page.run("document.querySelector('#model').value"), asked[-1])

    def test_settings_reach_the_request(self):
        self.set(temperature=0.5, top_p=0.9, top_k=30, min_p=0.07, repeat_penalty=1.15, max_tokens=5, seed=7, system="Be brief.", extra='{"stop": ["zzz"]}')
        first = self.send("Hello.")
        fields = {"temperature": 0.5, "top_p": 0.9, "top_k": 30, "min_p": 0.07, "repeat_penalty": 1.15, "max_tokens": 5, "seed": 7, "stop": ["zzz"]}
        request = self.asked()[-1]
        self.assertEqual(self.chosen(), fields)
        self.assertEqual(request["messages"][0], {"role": "system", "content": "Be brief."})
        self.assertEqual((request["stream"], request["stream_options"]), (True, {"include_usage": True}))
        # They survive a reload, and the seed makes the same reply.
        self.page.open(self.server.url)
        self.page.press("Alt+n")
        self.set(system="Be brief.")
        self.assertEqual(self.send("Hello."), first)
        self.page.press("Control+,")
        self.page.click("#settings-reset")
        self.page.press("Escape")
        self.set(max_tokens=2)
        self.send("Bye.")
        self.assertEqual(self.chosen(), {"max_tokens": 2})

    def test_fields_that_are_no_json_are_not_sent(self):
        for text, says in (("{", "JSON"), ("[1]", "object"), ('{"stream": false}', "stream is set by this page")):
            self.page.press("Alt+n")
            self.set(extra=text)
            self.begin("Hello.")
            self.page.wait("document.querySelector('#settings').open")
            self.assertIn(says, self.page.texts("#extra-error")[0])
            self.page.press("Escape")
        self.assertEqual(self.asked(), [])

    def test_an_error_of_the_server_is_shown_in_its_words(self):
        self.expect("400")
        self.set(max_tokens=4, extra='{"top_logprobs": 1000}')
        self.begin("Hello.")
        self.page.wait("document.querySelector('.error')")
        shown = self.page.texts(".error")[0]
        self.assertIn("top_logprobs", shown)
        self.assertIn("HTTP 400", shown)
        self.set(extra="")
        self.page.click(".error button")
        self.page.wait("!document.querySelector('.error') && document.querySelector('.stats') && !document.querySelector('.running')")
        self.assertEqual(len(self.page.texts(".message")), 2)
        # What failed is no part of the conversation that is sent.
        self.assertEqual([m["role"] for m in self.asked()[-1]["messages"]], ["user"])

    def test_a_forced_tool_call_and_its_result(self):
        self.set(temperature=0, max_tokens=60, extra=json.dumps(WEATHER))
        self.send("What is the weather in Rome?")
        self.assertEqual(self.page.texts(".call h3"), ["Calls get_weather"])
        arguments = json.loads(self.page.texts(".call pre")[0])
        self.assertIn(arguments["city"], ("Oslo", "Rome"))
        self.assertEqual(self.page.run("document.querySelector('#field').placeholder"), "Result of get_weather")
        self.set(extra="")
        self.send('{"degrees": 21}')
        call, result = self.asked()[-1]["messages"][-2:]
        self.assertEqual((result["role"], result["content"]), ("tool", '{"degrees": 21}'))
        self.assertEqual(result["tool_call_id"], call["tool_calls"][0]["id"])
        self.assertEqual(self.page.run("document.querySelector('#field').placeholder"), "Message")


class KeyTest(PageCase):
    def test_a_server_with_keys_asks_for_one(self):
        self.expect("401")
        self.server = locked_server()
        page = self.open()
        page.wait("document.querySelector('#key').open")
        page.type("sk-wrong")
        page.press("Enter")
        page.wait("document.querySelector('#key').open && document.querySelector('#key-field').value === ''")
        page.type(KEY)
        page.press("Enter")
        page.wait("!document.querySelector('#key').open && document.querySelector('#model').options.length === 1")
        self.set(page, temperature=0, max_tokens=4)
        self.assertTrue(self.send("Hello.", page))
        kept = page.run("[JSON.stringify(localStorage), JSON.stringify(sessionStorage)]")
        self.assertNotIn(KEY, kept[0])
        self.assertIn(KEY, kept[1])
        # The tab keeps it; a reply without it asks again, and goes on when it is there.
        page.open(self.server.url)
        self.assertFalse(page.run("document.querySelector('#key').open"))
        page.press("Control+,")
        page.click("#forget-key")
        page.press("Escape")
        self.begin("Bye.", page)
        page.wait("document.querySelector('#key').open")
        page.type(KEY)
        page.press("Enter")
        page.wait("document.querySelectorAll('.assistant').length === 2 && !document.querySelector('.running')")
        self.assertEqual(page.texts(".user .body"), ["Hello.", "Bye."])


class OutageTest(PageCase):
    def test_a_server_that_goes_away_and_comes_back(self):
        self.expect("ERR_")
        self.server = Server(names=("first",))
        try:
            page = self.open()
            self.set(page, temperature=0, max_tokens=1500, extra='{"logit_bias": {"2": -100, "0": -100}}')
            self.begin("Count from one to a thousand, in words.", page)
            page.wait("document.querySelector('.running .body')?.textContent.length > 20")
            self.server.process.kill()
            page.wait("document.querySelector('.error')")
            self.assertIn("before the reply was complete", page.texts(".error")[0])
            self.assertGreater(len(page.texts(".assistant .body")[0]), 20)
            page.click(".error button")
            page.wait("document.querySelector('.error')?.textContent.includes('cannot be reached')")
            self.server.process.wait()
            self.server.start()
            self.set(page, max_tokens=5)
            page.click(".error button")
            page.wait("document.querySelector('.stats')?.textContent.includes('5 tokens')")
        finally:
            self.server.close()


if __name__ == "__main__":
    unittest.main()
