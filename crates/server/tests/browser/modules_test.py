"""The page's modules by themselves, in the browser that loads them."""

import json

from case import PageCase

MARKDOWN = [
    ("plain", "<p>plain</p>"),
    ("one\ntwo", "<p>one<br>two</p>"),
    ("one\n\ntwo", "<p>one</p><p>two</p>"),
    ("**a** *b* ***c*** _d_ __e__ ~~f~~", "<p><strong>a</strong> <em>b</em> <strong><em>c</em></strong> <em>d</em> <strong>e</strong> <del>f</del></p>"),
    ("**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"),
    ("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"),
    ("**open and `*code*`", "<p>**open and <code>*code*</code></p>"),
    ("``a ` b``", "<p><code>a ` b</code></p>"),
    ("\\*not\\* \\[this\\]", "<p>*not* [this]</p>"),
    ("# One", "<h3>One</h3>"),
    ("###### Six ##", "<h6>Six</h6>"),
    ("#hashtag", "<p>#hashtag</p>"),
    ("---", "<hr>"),
    ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
    ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
    ("1. a\n   - b\n   - c\n2. d", "<ol><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ol>"),
    ("- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"),
    ("1. a\n\n   more\n2. b", "<ol><li><p>a</p><p>more</p></li><li>b</li></ol>"),
    ("- a\n```\nx\n```", "<ul><li>a</li></ul><pre><code>x</code></pre>"),
    ("> a\n> > b", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>"),
    ("```\n<b>\n  x\n```\nend", "<pre><code>&lt;b&gt;\n  x</code></pre><p>end</p>"),
    ("~~~~\n~~~\n~~~~", "<pre><code>~~~</code></pre>"),
    ("```\nopen", "<pre><code>open</code></pre>"),
    ("[a *b*](https://x.example/?a=1&b=2)", '<p><a href="https://x.example/?a=1&amp;b=2">a <em>b</em></a></p>'),
    ("see https://x.example/a_(b), ok", '<p>see <a href="https://x.example/a_(b)">https://x.example/a_(b)</a>, ok</p>'),
    ("<https://x.example>", '<p><a href="https://x.example/">https://x.example</a></p>'),
    ("![alt](https://x.example/p.png)", '<p><a href="https://x.example/p.png">alt</a></p>'),
    ("[a](relative) [b]", "<p>[a](relative) [b]</p>"),
    ("| a | b |\n|---|--:|\n| 1 \\| 2 | *3* |", "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1 | 2</td><td><em>3</em></td></tr></tbody></table>"),
    ("a | b\nno table", "<p>a | b<br>no table</p>"),
    ("<b>&amp;</b>", "<p>&lt;b&gt;&amp;amp;&lt;/b&gt;</p>"),
]

# The structure alone: no wrappers, labels and classes.
STRUCTURE = """((node) => {
  for (const head of node.querySelectorAll('.code-head')) head.remove();
  for (const wrapper of node.querySelectorAll('.code, .table')) wrapper.replaceWith(...wrapper.childNodes);
  for (const inner of node.querySelectorAll('*')) {
    for (const { name } of [...inner.attributes]) if (!['href', 'start'].includes(name)) inner.removeAttribute(name);
  }
  return node.innerHTML;
})"""


class ModulesTest(PageCase):
    def test_markdown(self):
        for text, expected in MARKDOWN:
            with self.subTest(text):
                found = self.page.run(f"""import('./page/markdown.js').then(({{ renderMarkdown }}) => {{
                    const node = document.createElement('div'); renderMarkdown(node, {json.dumps(text)}); return {STRUCTURE}(node); }})""")
                self.assertEqual(found, expected)

    def test_streamed_markdown_ends_like_the_whole(self):
        """Whatever came before, the last rendering is that of the text alone; and blocks that are done keep their nodes."""
        text = "\n\n".join(source for source, _ in MARKDOWN)
        same, kept = self.page.run(f"""import('./page/markdown.js').then(({{ renderMarkdown }}) => {{
            const text = {json.dumps(text)};
            const [streamed, whole] = [document.createElement('div'), document.createElement('div')];
            let first = null;
            for (let end = 1; end <= text.length; end += 1) {{
              renderMarkdown(streamed, text.slice(0, end));
              if (end === 20) first = streamed.firstChild;
            }}
            renderMarkdown(whole, text);
            return [streamed.innerHTML === whole.innerHTML, first === streamed.firstChild]; }})""")
        self.assertEqual((same, kept), (True, True))

    def test_hostile_markdown_takes_bounded_time(self):
        for piece in ["*", "_", "`", "[", "![", "[a](", "**a ", "*a**b", "~~", "> ", "- ", "  - ", "1. ", "|", "a|b\\n", "\\\\", "<http://", "http://", "``` ", "#", "`a``", "***a", "[](", " ", "- - "]:
            milliseconds = self.page.run(f"""import('./page/markdown.js').then(({{ renderMarkdown }}) => {{
                const start = performance.now();
                renderMarkdown(document.createElement('div'), '{piece}'.repeat(Math.ceil(60000 / '{piece}'.length)));
                return performance.now() - start; }})""")
            with self.subTest(piece):
                self.assertLess(milliseconds, 3000, f"60 kB of {piece!r}")

    def test_events_do_not_depend_on_how_the_bytes_are_cut(self):
        stream = ': ping\n\ndata: {"a":"é🜁"}\r\n\r\nevent: x\nid: 3\ndata:two\ndata: lines\n\n:\r\rdata: last\r\rdata: never ended'
        expected = ['{"a":"é🜁"}', "two\nlines", "last"]
        found = self.page.run(f"""import('./page/events.js').then(async ({{ events }}) => {{
            const bytes = new TextEncoder().encode({json.dumps(stream)});
            const all = [];
            for (let size = 1; size <= bytes.length; size += 1) {{
              let at = 0;
              const body = new ReadableStream({{ pull(controller) {{
                if (at >= bytes.length) controller.close();
                else controller.enqueue(bytes.slice(at, (at += size)));
              }} }});
              const read = [];
              for await (const data of events(body)) read.push(data);
              all.push(JSON.stringify(read));
            }}
            return [...new Set(all)]; }})""")
        self.assertEqual([json.loads(text) for text in found], [expected])

    def test_what_is_sent_of_a_conversation(self):
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        history = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "error": {"message": "x"}},
            {"role": "assistant", "content": "b", "reasoning": "secret", "measured": {}},
            {"role": "user", "content": "c"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "d", "tool_call_id": "c1", "tool_name": "f"},
        ]
        found = self.page.run(f"import('./page/conversation.js').then((m) => m.apiMessages({json.dumps(history)}, 's'))")
        self.assertEqual(
            found,
            [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "d"},
            ],
        )

    def test_tokens_per_second_is_arithmetic_on_what_was_measured(self):
        rate = lambda measured: self.page.run(f"import('./page/client.js').then((m) => m.tokensPerSecond({json.dumps(measured)}))")
        self.assertEqual(rate({"n_completion": 11, "n_pieces": 5, "decode_ms": 500}), 20)
        self.assertEqual(rate({"n_pieces": 5, "decode_ms": 500}), 8)
        for nothing in ({"n_completion": 1, "n_pieces": 1, "decode_ms": 100}, {"n_completion": 500, "n_pieces": 1, "decode_ms": 0}, {"n_pieces": 0}):
            self.assertIsNone(rate(nothing))

    def test_reasoning_is_apart_and_folded(self):
        self.answer({"reasoning_content": "First I "}, {"reasoning_content": "think."}, {"content": "Then I speak."})
        self.send("Go on.")
        self.assertEqual(self.page.texts(".assistant .body"), ["Then I speak."])
        self.assertFalse(self.page.run("document.querySelector('details').open"))
        self.page.click("summary")
        self.assertEqual(self.page.texts(".reasoning-body"), ["First I think."])
