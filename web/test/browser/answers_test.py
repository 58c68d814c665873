"""Answers: streamed and whole, together and alone, aborted, and from a closed model."""

from case import ChromiumTab, PackageCase, in_both_browsers

OPEN = "const model = await load({ source: '/models/stories.gguf', store: false });"
PROMPT = "Once upon a time"
EIGHT = """
    const prompts = [...Array(8).keys()].map((i) => prompt + ' '.repeat(i % 2) + 'there was a cat '.repeat(i));
    const ask = (m, i) => m.generate(prompts[i], { maxTokens: 16, temperature: 0.8, seed: i }).result;
    const together = (await Promise.all([...prompts.keys()].map((i) => ask(model, i)))).map((c) => c.text);
    const alone = [];
    for (const i of prompts.keys()) alone.push((await ask(model, i)).text);
    const stats = await model.stats();"""


@in_both_browsers
class Answers:
    def test_what_is_streamed_is_the_whole_and_never_half_a_character(self):
        got = self.value(
            OPEN
            + """
            const one = await all(model.generate(prompt, { maxTokens: 40, temperature: 0 }));
            const two = await model.generate(prompt, { max_tokens: 40, temperature: 0 }).result;
            // Bytes of characters that no token holds whole.
            const odd = await model.tokenize('é日本🙂');
            const back = await model.detokenize(odd);
            const sums = await all(model.generate('é日本🙂 é日本🙂 é日本🙂', { maxTokens: 30, temperature: 1, seed: 7 }));
            await model.close();
            return { one, two, back, sums };""",
            prompt=PROMPT,
        )
        self.assertEqual("".join(got["one"]["texts"]), got["two"]["text"])
        self.assertEqual(got["one"]["text"], got["two"]["text"])
        self.assertTrue(got["two"]["text"].startswith(", there was a little girl named Lily."), got["two"])
        self.assertEqual(got["two"]["finishReason"], "length")
        self.assertEqual(got["two"]["usage"]["completionTokens"], 40)
        self.assertEqual(got["back"].strip(), "é日本🙂")
        self.assertEqual("".join(got["sums"]["texts"]), got["sums"]["text"])
        for text in got["sums"]["texts"]:
            # JSON would carry half of a pair of surrogates, UTF-8 would not.
            text.encode()

    def test_eight_at_once_get_what_each_gets_alone(self):
        got = self.value(OPEN + EIGHT + "await model.close(); return { together, alone, stats };", prompt=PROMPT)
        self.assertEqual(got["together"], got["alone"])
        self.assertGreater(len(set(got["alone"])), 4)
        self.assertGreater(got["stats"]["memory"]["kvBytes"], 0)

    def test_an_answer_is_aborted_within_a_step_and_others_go_on(self):
        got = self.value(
            OPEN
            + """
            const long = 'Once there was a cat. '.repeat(40);
            let started = performance.now();
            await model.generate('There. ' + long, { maxTokens: 1 }).result;
            const wholeMs = performance.now() - started;
            const begun = model.generate(long, { maxTokens: 100, temperature: 0 });
            const beside = model.generate(prompt, { maxTokens: 20, temperature: 0 });
            started = performance.now();
            begun.abort();
            const first = await begun.result;
            const ms = performance.now() - started;
            const controller = new AbortController();
            const signalled = model.generate(prompt, { maxTokens: 400, temperature: 0, signal: controller.signal });
            let n = 0;
            for await (const delta of signalled) if ((n += 1) === 3) controller.abort();
            const second = await signalled.result;
            // Whoever leaves the loop ends the answer.
            const left = model.generate(prompt, { maxTokens: 400, temperature: 0 });
            for await (const delta of left) break;
            const third = await left.result;
            const whole = await beside.result;
            await model.close();
            return { first, ms, wholeMs, second, third, whole };""",
            prompt=PROMPT,
        )
        self.assertEqual([got[name]["finishReason"] for name in ("first", "second", "third", "whole")], ["aborted"] * 3 + ["length"])
        self.assertEqual(got["first"]["text"], "")
        # Within a step, of which the prompt has many.
        self.assertLess(got["ms"], got["wholeMs"] / 2)
        self.assertTrue(got["second"]["text"] and len(got["second"]["text"]) < 400, got["second"])
        self.assertTrue(got["whole"]["text"].startswith(", there was a little girl"), got["whole"])

    def test_what_a_model_cannot_do_is_refused_by_name_and_a_closed_one_says_so(self):
        wrong = [
            ("input", "model.generate(prompt, { maxTokns: 3 }).result", "max_tokns"),
            ("input", "model.generate(prompt, { temperature: -1 }).result", "temperature"),
            ("capacity", "model.generate('Once there was a cat. '.repeat(400)).result", "512"),
            ("input", "model.chat([{ role: 'user', content: prompt }]).result", "template"),
            ("input", "model.embed('text')", "list of strings"),
            ("closed", "(setTimeout(() => model.close(), 20), model.generate(prompt, { maxTokens: 400 }).result)", "closed"),
            ("closed", "model.generate(prompt).result", "closed"),
            ("closed", "model.tokenize(prompt)", "closed"),
            ("closed", "all(model.generate(prompt))", "closed"),
        ]
        asked = ", ".join(f"async () => await {call}" for _, call, _ in wrong)
        got = self.value(
            OPEN
            + f"""
            const ends = [];
            for (const ask of [{asked}]) {{
              try {{
                ends.push(['none', JSON.stringify(await ask())]);
              }} catch (error) {{
                ends.push([error.kind, error.message]);
              }}
            }}
            return ends;""",
            prompt=PROMPT,
        )
        for (kind, call, part), (got_kind, message) in zip(wrong, got, strict=True):
            self.assertEqual(got_kind, kind, f"{call}: {message}")
            self.assertIn(part, message)
        self.error("input", "await load({ source: '/models/stories.gguf', thread: 2 });", "thread")
        self.error("input", "await load({ source: 5 });", "source")
        self.error("input", "await load({ source: '/models/stories.gguf', sha256: 'abc' });", "sha256")

    def test_choices_logprobs_and_constraints_reach_the_engine(self):
        got = self.value(
            OPEN
            + """
            const some = await all(model.generate(prompt, { maxTokens: 6, temperature: 0.9, seed: 3, n: 2, logprobs: true, topLogprobs: 2 }));
            const stop = await model.generate(prompt, { maxTokens: 60, temperature: 0, stop: 'Lily' }).result;
            const vectors = await model.embed(['a cat', 'a dog', 'a cat']);
            const counts = model.info;
            const lone = model.info.grammars ? await model.generate('The answer is', { maxTokens: 8, temperature: 0, guidedChoice: ['yes', 'no'] }).result : null;
            await model.close();
            return { some, stop, vectors: vectors.map((v) => [...v]), info: counts, lone };""",
            prompt=PROMPT,
        )
        self.assertEqual(len(got["some"]["choices"]), 2)
        self.assertNotEqual(got["some"]["choices"][0]["text"], got["some"]["choices"][1]["text"])
        tokens = got["some"]["choices"][1]["logprobs"]
        self.assertEqual((len(tokens), len(tokens[0]["top"])), (6, 2))
        self.assertLess(tokens[0]["logprob"], 0)
        self.assertEqual(got["stop"]["text"], ", there was a little girl named ")
        self.assertEqual((got["stop"]["stop"], got["stop"]["finishReason"]), ("Lily", "stop"))
        first, second, third = got["vectors"]
        self.assertEqual(first, third)
        self.assertNotEqual(first, second)
        self.assertAlmostEqual(sum(x * x for x in first), 1, places=3)
        if got["lone"]:
            self.assertIn(got["lone"]["text"], ("yes", "no"))
        self.assertEqual(got["info"]["threads"], {"count": 1, "why": "not cross-origin isolated"})
        # Firefox has relaxed SIMD from 145 on.
        expected = ["relaxed-simd"] if self.tab_type is ChromiumTab else ["relaxed-simd", "simd128"]
        self.assertIn(got["info"]["isa"], expected)


class Models(PackageCase):
    """Two models of one page; Firefox computes a second one so slowly that its script's time is over (docs/lab-notes.md)."""

    tab_type = ChromiumTab

    def test_two_models_do_not_mix_and_one_outlives_the_other(self):
        got = self.value(
            OPEN
            + """
            const other = await load({ source: '/models/stories.gguf', store: false, seed: 1 });
            const ask = (m, seed) => m.generate(prompt, { maxTokens: 16, temperature: 0.8, seed }).result;
            const both = await Promise.all([ask(model, 1), ask(other, 2), ask(model, 2), ask(other, 1)]);
            await model.close();
            const after = await ask(other, 1);
            await other.close();
            return [...both, after].map(({ text }) => text);""",
            prompt=PROMPT,
        )
        one, two, two_again, one_again, after = got
        self.assertEqual((one, two), (one_again, two_again))
        self.assertEqual((after, one != two), (one, True))
