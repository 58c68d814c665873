"""Maths and code in replies: what is recognised, what is set, what is left as it is."""

import json

from case import PageCase

# Text, and what stands there: formulas as [source of MathML's structure], all else as text. Wrappers and attributes are left out.
FOUND = [
    ("so $E = mc^2$.", "<p>so <math>E=m<msup>c2</msup></math>.</p>"),
    (r"so \(a_1\) and \(b\)", "<p>so <math><msub>a1</msub></math> and <math>b</math></p>"),
    (r"\[ x \]", "<math>x</math>"),
    ("$$\nx_1 * y_2 * z_3\n$$", "<math><msub>x1</msub>∗<msub>y2</msub>∗<msub>z3</msub></math>"),
    ("see $$x$$ here", "<p>see <math>x</math> here</p>"),
    ("$$x$$.", "<math>x</math>."),
    ("text\n\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}", "<p>text</p><math><mtable><mtr><mtd>a</mtd><mtd>=b</mtd></mtr><mtr><mtd>c</mtd><mtd>=d</mtd></mtr></mtable></math>"),
    ("1. first\n   $$x$$\n2. second", "<ol><li>first<math>x</math></li><li>second</li></ol>"),
    ("**bold $a*b$ more**", "<p><strong>bold <math>a∗b</math> more</strong></p>"),
    # Money, code and escapes are none.
    ("from $5 to $10, or 5$ and US$3$", "<p>from $5 to $10, or 5$ and US$3$</p>"),
    ("$20 now and 30$ later", "<p>$20 now and 30$ later</p>"),
    ("`$x$` and $HOME", "<p><code>$x$</code> and $HOME</p>"),
    (r"\$x\$ and \[link\]", "<p>$x$ and [link]</p>"),
    ("$ x$ and $x $", "<p>$ x$ and $x $</p>"),
    ("$$never closed", "<p>$$never closed</p>"),
    # What is not understood stays as it is, whole.
    (r"$\foo_a * b_c * d$", r"<p><code>$\foo_a * b_c * d$</code></p>"),
    ("\\[\n\\frac{1\n\\]", "<code>\\[\n\\frac{1\n\\]</code>"),
    ("a$x^{2$b", "<p>a$x^{2$b</p>"),
]
PLAIN = """((node) => {
  for (const wrapper of node.querySelectorAll('.formula, mrow, mi, mn, mo, mtext, mstyle')) wrapper.replaceWith(...wrapper.childNodes);
  for (const space of node.querySelectorAll('mspace')) space.remove();
  for (const inner of [...node.querySelectorAll('*')]) for (const { name } of [...inner.attributes]) inner.removeAttribute(name);
  node.normalize();
  return node.innerHTML;
})"""

# TeX, and the elements that it becomes.
SET = [
    (r"\frac{a}{b}", "<mfrac>a b</mfrac>"),
    (r"\sqrt{x} + \sqrt[3]{y}", "<msqrt>x</msqrt> + <mroot>y 3</mroot>"),
    (r"x_i^2 + f''(x)", "<msubsup>x i 2</msubsup> + <msup>f ′′</msup> ( x )"),
    (r"\sum_{i=1}^n i", "<munderover>∑ <mrow>i = 1</mrow> n</munderover> i"),
    (r"\int_0^\infty e^{-x}\,dx", "<msubsup>∫ 0 ∞</msubsup> <msup>e <mrow>− x</mrow></msup> d x"),
    (r"\lim_{x \to 0} \sin x", "<munder>lim <mrow>x → 0</mrow></munder> sin x"),
    (r"\alpha\beta\Gamma \le \pi", "α β Γ ≤ π"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "<mrow>( <mtable><mtr><mtd>1</mtd> <mtd>2</mtd></mtr> <mtr><mtd>3</mtd> <mtd>4</mtd></mtr></mtable> )</mrow>"),
    (r"\begin{cases} 0 & \text{if } x < 0 \\ 1 & \text{else} \end{cases}", "<mrow>{ <mtable><mtr><mtd>0</mtd> <mtd>if\u00a0 x < 0</mtd></mtr> <mtr><mtd>1</mtd> <mtd>else</mtd></mtr></mtable> </mrow>"),
    (r"\left( \frac{1}{2} \right)^n", "<msup><mrow>( <mfrac>1 2</mfrac> )</mrow> n</msup>"),
    (r"\mathbb{R}^n \ni \mathbf{x}, \mathcal{L}", "<msup>ℝ n</msup> ∋ 𝐱 , ℒ"),
    (r"\hat{y}, \vec v, \overline{AB}", "<mover>y ^</mover> , <mover>v →</mover> , <mover><mrow>A B</mrow> ¯</mover>"),
    (r"\operatorname{softmax}(z), \mathrm{Var}(X)", "softmax ( z ) , Var ( X )"),
    (r"\binom{n}{k} \ne \not= 3", "<mrow>( <mfrac>n k</mfrac> )</mrow> ≠ ≠ 3"),
    (r"a \equiv b \pmod{n}", "a ≡ b ( mod n )"),
    (r"\underbrace{a+b}_{n}", "<munder><munder><mrow>a + b</mrow> ⏟</munder> n</munder>"),
    (r"A \xrightarrow{f} B", "A <mover>→ f</mover> B"),
    (r"\begin{bmatrix} a \\ b \end{bmatrix}", "<mrow>[ <mtable><mtr><mtd>a</mtd></mtr> <mtr><mtd>b</mtd></mtr></mtable> ]</mrow>"),
    (r"\{1, 2\} \subset \mathbb N", "{ 1 , 2 } ⊂ ℕ"),
    (r"100\% \text{ of \$5}", "100 % \u00a0of\u00a0$5"),
    (r"\boxed{42} \tag{1}", "42 (1)"),
    ("% a comment\nx", "x"),
]
REFUSED = [r"\foo", r"\frac{1}", "{", "}", "x^", "x^1^2", r"\left( x", r"\begin{matrix} x", r"\begin{foo}\end{foo}", "a & b", r"\right)", "$", "{" * 100 + "}" * 100, r"\href{javascript:x}{y}", r"\style{x}{y}"]
SHOWN = """((math) => {
  const shown = (node) => {
    if (node.nodeType === 3) return node.data;
    const inner = [...node.childNodes].map(shown).filter(Boolean).join(' ');
    return ['mi', 'mn', 'mo', 'mtext', 'mspace', 'mstyle', 'math'].includes(node.localName) || (node.localName === 'mrow' && node.childNodes.length < 2) ? inner : `<${node.localName}>${inner}${node.localName === 'mrow' && !node.lastChild.textContent ? ' ' : ''}</${node.localName}>`;
  };
  return shown(math);
})"""

CODE = [
    ("python", "def f(x):  # one\n    return 'a' + 1", [["keyword", "def"], ["function", "f"], ["comment", "# one"], ["keyword", "return"], ["string", "'a'"], ["number", "1"]]),
    ("rust", "let a: Vec<u8> = vec![0xff]; // end", [["keyword", "let"], ["type", "Vec"], ["function", "vec!"], ["number", "0xff"], ["comment", "// end"]]),
    ("js", "/* a\n b */ const s = `x ${y}`;", [["comment", "/* a\n b */"], ["keyword", "const"], ["string", "`x ${y}`"]]),
    ("json", '{"a": [1, true, "b"]}', [["type", '"a"'], ["number", "1"], ["keyword", "true"], ["string", '"b"']]),
    ("SQL", "select A from t -- all", [["keyword", "select"], ["keyword", "from"], ["comment", "-- all"]]),
    ("sh", "echo \"$x\" $HOME # say", [["keyword", "echo"], ["string", '"$x"'], ["type", "$HOME"], ["comment", "# say"]]),
    ("html", '<a href="x">y</a><!-- z -->', [["keyword", "<a"], ["type", "href"], ["string", '"x"'], ["keyword", ">"], ["keyword", "</a"], ["keyword", ">"], ["comment", "<!-- z -->"]]),
    ("diff", "-a\n+b", [["deleted", "-a"], ["inserted", "+b"]]),
    ("c", "#include <x.h>\nint main(void) { return 0; }", [["keyword", "#include"], ["keyword", "int"], ["function", "main"], ["keyword", "void"], ["keyword", "return"], ["number", "0"]]),
    ("text", "def f(): 'a'", []),
    ("constructor", "def", []),
]


class MathsTest(PageCase):
    def render(self, text, after):
        return self.page.run(f"""import('./page/markdown.js').then(({{ renderMarkdown }}) => {{
            const node = document.createElement('div'); renderMarkdown(node, {json.dumps(text)}); return {after}(node); }})""")

    def test_where_maths_begins_and_ends(self):
        for text, expected in FOUND:
            with self.subTest(text):
                self.assertEqual(self.render(text, PLAIN), expected)

    def test_what_chats_use_is_set(self):
        for text, expected in SET:
            found = self.page.run(f"import('./page/tex.js').then(({{ mathElement }}) => {{ const math = mathElement({json.dumps(text)}, true); return math && {SHOWN}(math); }})")
            with self.subTest(text):
                self.assertEqual(found, expected)

    def test_what_is_not_understood_is_refused(self):
        for text in REFUSED:
            with self.subTest(text):
                self.assertIsNone(self.page.run(f"import('./page/tex.js').then(({{ mathElement }}) => mathElement({json.dumps(text)}, false) && 'set')"))

    def test_formulas_are_drawn_as_such(self):
        """The browser lays them out: what is divided stands above the divisor, and a wide one scrolls by itself."""
        self.answer({"content": "Line\n\n$$\\frac{a}{b}$$\n\n$$" + "x + " * 200 + "y$$"})
        self.send("Show.")
        above, below = self.page.run("[...document.querySelectorAll('.assistant mfrac > *')].map((node) => { const { x, y, bottom } = node.getBoundingClientRect(); return [x, y, bottom]; })")
        self.assertLessEqual(above[2], below[1])
        wide = self.page.run("(() => { const [, node] = document.querySelectorAll('.formula'); return [node.scrollWidth > node.clientWidth, document.documentElement.scrollWidth <= innerWidth]; })()")
        self.assertEqual(wide, [True, True])

    def test_hostile_maths_and_code_take_bounded_time(self):
        for piece in ["$", "$a", "$a ", "$$", "$$\\n", "\\\\[", "\\\\[\\n", "\\\\(", "\\\\begin{matrix}", "\\\\begin{matrix}\\n", "$\\\\left($ ", "$" + "{" * 30 + "x" + "}" * 30 + "$ ", "$x_1^2\\\\frac12$ "]:
            milliseconds = self.page.run(f"""import('./page/markdown.js').then(({{ renderMarkdown }}) => {{
                const start = performance.now();
                renderMarkdown(document.createElement('div'), '{piece}'.repeat(Math.ceil(60000 / '{piece}'.length)));
                return performance.now() - start; }})""")
            with self.subTest(piece):
                self.assertLess(milliseconds, 3000, f"60 kB of {piece!r}")
        for language in ("js", "python", "rust", "html", "sql", "sh", "lua", "yaml", "toml", "css", "json", "make", "php", "diff"):
            for piece in ["'", '"', "/*", "`", "<!--", "#", "--", "a", "0", "\\\\", "r#", "'''", "=", "-", "@", "<a ", " "]:
                milliseconds = self.page.run(f"""import('./page/highlight.js').then(({{ highlight }}) => {{
                    const start = performance.now(); highlight('{piece.replace("'", chr(92) + "'")}'.repeat(39000 / {len(piece)}), '{language}'); return performance.now() - start; }})""")
                with self.subTest(language=language, piece=piece):
                    self.assertLess(milliseconds, 3000)

    def test_code_has_colours(self):
        for language, code, expected in CODE:
            found = self.page.run(f"""import('./page/highlight.js').then(({{ highlight }}) => {{
                const node = document.createElement('code'); node.append(...highlight({json.dumps(code)}, {json.dumps(language)}));
                return [node.textContent, [...node.children].map((span) => [span.className.slice(3), span.textContent])]; }})""")
            with self.subTest(language):
                self.assertEqual(found, [code, expected])
        self.answer({"content": "```py\nreturn 'a'\n```\n"})
        self.send("Show.")
        colours = self.page.run("[...document.querySelectorAll('.code code span')].map((span) => getComputedStyle(span).color)")
        self.assertEqual(len(set(colours)), 2)

    def test_headings_have_sizes_and_tasks_have_boxes(self):
        self.answer({"content": "# One\n\n## Two\n\n### Three\n\n#### Four\n\ntext\n\n- [x] done\n- [ ] open\n- other\n"})
        self.send("Show.")
        sizes = self.page.run("[...document.querySelectorAll('.assistant .body :is(h3, h4, h5, h6, p)')].map((node) => parseFloat(getComputedStyle(node).fontSize))")
        self.assertEqual(len(sizes), 5)
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertEqual(len(set(sizes[:4])), 4, sizes)
        self.assertEqual(self.page.run("[...document.querySelectorAll('.assistant li')].map((li) => [li.querySelector('[role=img]')?.getAttribute('aria-label') ?? '', li.innerText])"), [["done", "done"], ["to do", "open"], ["", "other"]])
