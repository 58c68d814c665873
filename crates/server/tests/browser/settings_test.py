"""The settings panel as a user fills it in, and what of it reaches the server."""

import json

from case import PageCase

class SettingsTest(PageCase):
    def panel(self):
        self.page.press("Control+,")
        self.page.wait("document.querySelector('#settings').open")

    def leave(self):
        self.page.press("Escape")
        self.page.wait("!document.querySelector('#settings').open")

    def fill(self, selector, value):
        """Chooses or types as a user does, in the control at hand."""
        self.page.run(
            """((node, value) => { node.value = value; for (const name of ['input', 'change']) node.dispatchEvent(new Event(name, { bubbles: true })); })
               (document.querySelector(%s), %s)""" % (json.dumps(selector), json.dumps(value))
        )

    def test_numbers_have_sliders_and_show_what_holds(self):
        self.set(max_tokens=2)
        self.send("Hello.")
        self.panel()
        defaults = self.page.run("fetch('props?model=' + document.querySelector('#model').value).then((r) => r.json())")["default_generation_settings"]["params"]
        for name in ("temperature", "top_p", "top_k", "min_p", "repeat_penalty"):
            self.page.wait(f"document.querySelector('#setting-{name}').placeholder === {json.dumps(f'{defaults[name]:g}')}")
            self.assertEqual(float(self.page.run(f"document.querySelector('#slide-{name}').value")), defaults[name])
        # What is shown is what is asked for, also where the API would go by other values.
        sent = self.asked()[-1]
        for name in ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "repeat_last_n"):
            self.assertEqual(sent[name], defaults[name], name)
        # By the keyboard; the number follows, and the way back leads to the default.
        self.page.run("document.querySelector('#slide-temperature').focus()")
        self.page.press("ArrowUp")
        value = self.page.run("document.querySelector('#setting-temperature').value")
        self.assertAlmostEqual(float(value), defaults["temperature"] + 0.05)
        self.fill("#setting-top_k", "7")
        self.assertEqual(self.page.run("document.querySelector('#slide-top_k').value"), "7")
        self.leave()
        self.send("Bye.")
        self.assertEqual(self.chosen(), {"max_tokens": 2, "temperature": float(value), "top_k": 7})
        self.panel()
        self.page.click("#default-temperature")
        self.leave()
        self.send("Bye.")
        self.assertEqual(self.chosen(), {"max_tokens": 2, "top_k": 7})

    def test_a_reply_that_goes_round_in_circles_is_broken_off(self):
        self.set(temperature=0, max_tokens=4)
        self.send("Hello.")
        self.assertIs(self.asked()[-1]["repetition_detection"], True)
        self.answer({"content": "over and over"}, finish="repetition")
        self.send("Go on.")
        self.assertIn("broken off: it repeated itself", self.page.texts(".stats")[-1])

    def test_presets_are_kept_under_their_name(self):
        self.panel()
        self.fill("#preset", "Exact")
        self.assertEqual(self.page.run("document.querySelector('#setting-temperature').value"), "0")
        self.assertFalse(self.page.run("document.querySelector('#preset-delete').checkVisibility()"))
        self.fill("#setting-max_tokens", "3")
        self.assertEqual(self.page.run("document.querySelector('#preset').value"), "", "it is no longer that preset")
        self.fill("#setting-system", "You are a sailor.")
        self.page.click("#preset-save")
        self.page.type("Sailor <b>")
        self.page.press("Enter")
        self.page.wait("document.querySelector('#preset').value === 'Sailor <b>'")
        self.page.click("#settings-reset")
        self.leave()
        self.page.open(self.server.url)
        self.panel()
        self.fill("#preset", "Sailor <b>")
        self.leave()
        self.send("Hello.")
        self.assertEqual(self.chosen(), {"temperature": 0, "max_tokens": 3})
        self.assertEqual(self.asked()[-1]["messages"][0], {"role": "system", "content": "You are a sailor."})
        self.panel()
        self.page.click("#preset-delete")
        self.assertNotIn("Sailor <b>", self.page.run("[...document.querySelector('#preset').options].map((o) => o.value)"))

    def test_the_system_prompt_is_the_conversations_own(self):
        self.set(max_tokens=2, system="You are a sailor.")
        self.send("Hello.")
        self.page.press("Alt+n")
        self.send("Hello.")
        self.assertEqual([m["role"] for m in self.asked()[-1]["messages"]], ["user"])
        # The first has its own again, and makes it the beginning of new ones.
        self.page.run("[...document.querySelectorAll('#conversations .open')].at(-1).click()")
        self.page.wait("document.querySelector('#setting-system').value === 'You are a sailor.'")
        self.panel()
        self.page.click("#system-default")
        self.leave()
        self.page.open(self.server.url)
        self.page.press("Alt+n")
        self.send("Hello.")
        self.assertEqual(self.asked()[-1]["messages"][0], {"role": "system", "content": "You are a sailor."})
        # What a conversation began with stays, also where new ones begin otherwise.
        self.page.press("Alt+n")
        self.set(system="You are a cook.")
        self.panel()
        self.page.click("#system-default")
        self.leave()
        self.page.run("[...document.querySelectorAll('#conversations .open')][1].click()")
        self.page.wait("document.querySelector('.message')")
        self.send("Again.")
        systems = {m["content"] for m in self.asked()[-1]["messages"] if m["role"] == "system"}
        self.assertIn(systems, ({"You are a sailor."}, set()))
        self.assertNotIn("You are a cook.", systems)

    def test_stop_strings_end_the_reply(self):
        self.set(temperature=0, max_tokens=40)
        whole = self.send("Count from one to ten.")
        word = whole.split()[3]
        self.page.press("Alt+n")
        self.panel()
        self.fill("#setting-stop", f"{word}\n\\n\\n\n\\\\n")
        self.leave()
        self.assertNotIn(word, self.send("Count from one to ten."))
        self.assertEqual(self.chosen()["stop"], [word, "\n\n", "\\n"])

    def test_an_answer_in_the_fields_of_a_form(self):
        self.set(temperature=0, max_tokens=80)
        self.panel()
        self.fill("#setting-answer", "schema")
        for number, (name, kind) in enumerate([("city", "choice"), ("people", "integer")], 1):
            self.page.click("#answer-schema .row-buttons button")
            self.page.type(name)
            self.fill(f"#answer-schema [aria-label='Field {number}: type']", kind)
        self.fill("#answer-schema [aria-label='Field 1: choices']", "Oslo, Rome")
        self.leave()
        self.page.open(self.server.url)
        answer = json.loads(self.send("Which city is in Norway?"))
        self.assertIn(answer["city"], ("Oslo", "Rome"))
        self.assertIsInstance(answer["people"], int)
        self.assertEqual(
            self.chosen()["response_format"]["json_schema"]["schema"],
            {"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}, "people": {"type": "integer"}}, "required": ["city", "people"], "additionalProperties": False},
        )
        # As JSON it may say more, and is then no form any more; what is no JSON is not sent.
        self.panel()
        self.page.click("#answer-schema .row-buttons .quiet")
        self.fill("#answer-schema textarea", '{"type": "array"}')
        self.assertTrue(self.page.run("document.querySelector('#answer-schema .row-buttons button').disabled"))
        self.fill("#answer-schema textarea", '{"type": ')
        self.leave()
        n_asked = len(self.asked())
        self.begin("And now?")
        self.page.wait("document.querySelector('#settings').open")
        self.assertIn("Answer: the schema is not JSON", self.page.texts("#toast")[0])
        self.assertEqual(len(self.asked()), n_asked)

    def test_a_tool_of_the_form_is_called_and_given_its_result(self):
        self.set(temperature=0, max_tokens=60)
        self.panel()
        self.page.click("#add-tool")
        self.page.type("get_weather")
        self.fill("[aria-label='Tool 1: description']", "The weather in a city")
        self.page.click(".tool .row-buttons button")
        self.page.type("city")
        self.fill(".tool [aria-label='Parameter 1: type']", "choice")
        self.fill(".tool [aria-label='Parameter 1: choices']", "Oslo, Rome")
        self.fill("#setting-tool_choice", "required")
        self.leave()
        self.send("What is the weather in Rome?")
        self.assertEqual(
            self.chosen()["tools"],
            [{"type": "function", "function": {"name": "get_weather", "description": "The weather in a city", "parameters": {"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}}, "required": ["city"], "additionalProperties": False}}}],
        )
        self.assertEqual(self.page.texts(".call h3"), ["Calls get_weather"])
        self.panel()
        self.fill("#setting-tool_choice", "none")
        self.leave()
        self.send("Rain, 12 degrees")
        call, result = self.asked()[-1]["messages"][-2:]
        self.assertEqual(result, {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "Rain, 12 degrees"})
        # A name that no API takes is said before anything is sent.
        self.panel()
        self.fill("[aria-label='Tool 1: name']", "get weather")
        self.leave()
        self.begin("And in Oslo?")
        self.page.wait("document.querySelector('#settings').open")
        self.assertIn('Tool 1 (get weather): the name must be', self.page.texts("#toast")[0])

    def test_schemas_are_forms_where_a_form_can_say_them(self):
        fields_of = lambda schema: self.page.run(f"import('./page/schema.js').then((m) => m.fieldsOf({json.dumps(schema)}))")
        plain = {"type": "object", "properties": {"a": {"type": "string", "enum": ["x", "y"], "description": "one"}, "b": {"type": "array", "items": {"type": "number"}}}, "required": ["b"], "additionalProperties": False}
        fields = fields_of(plain)
        self.assertEqual([(f["name"], f["type"], f["choices"], f["description"], f["isRequired"]) for f in fields], [("a", "choice", ["x", "y"], "one", False), ("b", "numbers", [], "", True)])
        self.assertEqual(self.page.run(f"import('./page/schema.js').then((m) => m.schemaOf({json.dumps(fields)}))"), plain)
        for more in (
            {"type": "array"},
            {**plain, "title": "t"},
            {**plain, "properties": {"a": {"type": "object"}}},
            {**plain, "properties": {"a": {"type": "string", "minLength": 1}}},
            {**plain, "properties": {"a": {"type": "string", "enum": ["x", 1]}}},
            {**plain, "additionalProperties": True},
            {"type": "object", "properties": {"a": True}},
            {},
        ):
            self.assertIsNone(fields_of(more), more)
