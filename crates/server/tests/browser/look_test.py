"""Themes, phones, the keyboard, and what assistive technology finds."""

import json

from case import PageCase

REPLY = """A **plan** with `code`, [a link](https://example.com/) and ~~nothing~~ else.

## Steps

1. First *item*
   - nested
2. Second

> A quote.

```rust
fn main() {}
```

| Name | Size |
|:--|--:|
| a | 1 |
"""

# Text whose contrast with what lies behind it is below 4.5 (WCAG AA).
LOW_CONTRAST = """(() => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  let n = 0;
  for (const node of document.querySelectorAll('body *')) {
    const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    const isField = node.matches('input[type=number], textarea, select');
    if (!(hasText || isField) || !node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    const [text, ground] = [luminance(rgba(getComputedStyle(node).color)), luminance(behind(node))];
    const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    n += 1;
    if (ratio < 4.5) found.push(`${node.tagName}.${node.className} ${ratio.toFixed(2)} ${node.textContent.slice(0, 30)}`);
  }
  return { n, found };
})()"""

FOCUSED = """(() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  const ring = node.id === 'field' ? getComputedStyle(document.querySelector('#composer')).borderColor !== '' : parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none';
  return { name: node.getAttribute('aria-label') || node.id || node.textContent, isVisible: node.checkVisibility() && ring };
})()"""


class LookTest(PageCase):
    def prefer(self, scheme, page=None):
        (page or self.page).send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def ground(self):
        return self.page.run("getComputedStyle(document.body).backgroundColor")

    def test_dark_and_light(self):
        self.prefer("light")
        light = self.ground()
        self.prefer("dark")
        dark = self.ground()
        self.assertNotEqual(light, dark)
        # System, light, dark, and round again; a chosen theme survives a reload from its first frame.
        self.page.click("#theme")
        self.assertEqual(self.ground(), light)
        self.page.open(self.server.url)
        self.assertEqual(self.ground(), light)
        self.page.click("#theme")
        self.assertEqual(self.ground(), dark)
        self.prefer("light")
        self.assertEqual(self.ground(), dark)
        self.page.click("#theme")
        self.assertEqual(self.ground(), light)
        self.assertEqual(self.page.run("document.querySelector('#theme').getAttribute('aria-label')"), "Theme: system")

    def test_contrast_of_all_text(self):
        self.answer({"reasoning_content": "Hm."}, {"content": REPLY}, {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]})
        self.send("Show everything.")
        self.page.run("document.querySelector('details').open = true")
        self.expect("400")
        self.page.answer_with("*/v1/chat/completions", lambda page, paused: page.fulfill(paused, 400, "application/json", json.dumps({"error": {"message": "no", "code": "x"}})))
        self.begin("result")
        self.page.wait("document.querySelector('.error')")
        for scheme in ("light", "dark"):
            self.prefer(scheme)
            for panel in (None, "settings", "help"):
                if panel:
                    self.page.run(f"document.querySelector('#{panel}').showModal()")
                result = self.page.run(LOW_CONTRAST)
                self.assertGreater(result["n"], 25)
                self.assertEqual(result["found"], [], f"{scheme}, {panel}")
                if panel:
                    self.page.run(f"document.querySelector('#{panel}').close()")

    def test_at_the_width_of_a_phone(self):
        page = self.open(width=360, height=740, is_phone=True)
        self.answer({"content": REPLY + "\n" + "wide" * 200 + "\n\n```\n" + "x" * 500 + "\n```\n\n|" + " column |" * 30 + "\n|" + "---|" * 30}, page=page)
        page.click("#field")
        page.type("Show everything that is wide.")
        page.click("#send")
        page.wait("document.querySelector('.assistant') && !document.querySelector('.running')")
        for _ in range(2):
            self.assertEqual(page.run("[innerWidth, document.documentElement.scrollWidth, document.querySelector('#scroller').scrollWidth - document.querySelector('#scroller').clientWidth]"), [360, 360, 0])
            # All that can be touched is large enough (WCAG 2.5.8) and on the screen.
            small = """[...document.querySelectorAll('button, select, textarea')].filter((node) => node.checkVisibility({ checkVisibilityCSS: true }) && !node.closest('[inert]'))
                .map((node) => [node.ariaLabel || node.id || node.textContent, node.getBoundingClientRect()])
                .filter(([, box]) => box.width < 24 || box.height < 24 || box.left < 0 || box.right > 360).map(([name, box]) => `${name} ${JSON.stringify(box)}`)"""
            self.assertEqual(page.run(small), [])
            self.assertTrue(page.run("document.querySelector('#sidebar').inert"))
            page.click("#menu")
            page.wait("!document.querySelector('#sidebar').inert && document.querySelector('#main').inert")
            self.assertEqual(page.run(small), [])
            page.press("Escape")
            page.wait("document.querySelector('#sidebar').inert && !document.querySelector('#main').inert")
        page.click("#menu")
        page.click("#conversations .open")
        page.wait("document.querySelector('#sidebar').inert")

    def test_the_keyboard_alone(self):
        page = self.page
        self.set(temperature=0, max_tokens=6)
        self.assertEqual(page.run("document.activeElement.id"), "field")
        page.type("Line one")
        page.press("Shift+Enter")
        page.type("line two")
        page.press("Enter")
        page.wait("document.querySelector('.stats') && !document.querySelector('.running')")
        self.assertEqual(self.asked()[-1]["messages"][-1]["content"], "Line one\nline two")
        # An input method's Enter chooses a word and sends nothing.
        page.type("かな")
        page.run("document.querySelector('#field').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))")
        self.assertEqual(page.run("document.querySelector('#field').value"), "かな")
        page.run("document.querySelector('#field').value = ''")
        page.press("Alt+n")
        page.type("Second")
        page.press("Enter")
        page.wait("document.querySelectorAll('#conversations li').length === 2 && !document.querySelector('.running')")
        # Every stop of the tab key is seen and has a name.
        names = []
        page.run("document.querySelector('.skip').focus()")
        for _ in range(40):
            focused = page.run(FOCUSED)
            self.assertTrue(focused["isVisible"], focused)
            self.assertTrue(focused["name"].strip())
            if focused["name"] in names[:1]:
                break
            names.append(focused["name"])
            if focused["name"] == "Send":
                break
            page.press("Tab")
        for name in ("New conversation", "import", "model", "Settings", "Copy message", "Regenerate", "field", "Send"):
            self.assertIn(name, names)
        # The list is walked by arrows.
        page.run("document.querySelector('#conversations .open').focus()")
        page.press("ArrowDown")
        page.press("Enter")
        page.wait("document.querySelector('.user .body')?.textContent.includes('Line one')")
        page.press("ArrowUp")
        self.assertEqual(page.run("document.activeElement.textContent"), "Second")
        for keys in ("/", "Control+k"):
            page.run("document.querySelector('#conversations .open').focus()")
            page.press(keys)
            self.assertEqual(page.run("[document.activeElement.id, document.querySelector('#field').value]"), ["field", ""])
        # In a field they are letters.
        for key in "/?":
            page.press(key)
        self.assertEqual(page.run("document.querySelector('#field').value"), "/?")
        self.assertFalse(page.run("document.querySelector('#help').open"))
        page.run("document.querySelector('#conversations .open').focus()")
        page.press("?")
        page.wait("document.querySelector('#help').open")
        # Single keys can be turned off (WCAG 2.1.4).
        page.click("#single-keys")
        page.press("Escape")
        page.wait("!document.querySelector('#help').open")
        page.run("document.querySelector('#conversations .open').focus()")
        page.press("?")
        self.assertFalse(page.run("document.querySelector('#help').open"))
        page.press("Alt+b")
        page.wait("document.querySelector('#sidebar').inert")

    def test_what_assistive_technology_finds(self):
        self.answer({"content": REPLY})
        self.send("Show everything.")
        nodes = self.page.send("Accessibility.getFullAXTree")["nodes"]
        value = lambda node, field: node.get(field, {}).get("value", "")
        shown = [node for node in nodes if not node.get("ignored")]
        controls = [node for node in shown if value(node, "role") in ("button", "textbox", "combobox", "link", "spinbutton", "checkbox")]
        self.assertGreater(len(controls), 12)
        self.assertEqual([node for node in controls if not value(node, "name").strip()], [])
        found = {(value(node, "role"), value(node, "name")) for node in shown}
        for role, name in [("navigation", "Conversations"), ("log", "Conversation"), ("main", ""), ("textbox", "Message"), ("combobox", "Model"), ("heading", "Reply"), ("heading", "Steps"), ("button", "Send")]:
            self.assertIn((role, name), found)
        self.assertEqual(self.page.run("document.querySelector('#messages').getAttribute('aria-live')"), "polite")
        # While it grows a reply is busy, so that it is spoken once and not token by token.
        self.page.answer_with("*", None)
        self.set(max_tokens=200, temperature=0)
        self.begin("Write a long story.")
        self.page.wait("document.querySelector('.running .body')?.textContent && document.querySelector('.running').getAttribute('aria-busy') === 'true'")
        self.page.press("Escape")
        self.page.wait("document.querySelector('.assistant:last-child').getAttribute('aria-busy') === 'false'")

    def test_copy(self):
        from case import browser

        browser().send("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"], browserContextId=self.page.context)
        self.answer({"content": REPLY})
        self.send("Show everything.")
        self.page.click(".code [aria-label='Copy code']")
        self.page.wait("navigator.clipboard.readText().then((text) => text === 'fn main() {}')")
        self.page.click(".assistant [aria-label='Copy message']")
        self.page.wait(f"navigator.clipboard.readText().then((text) => text === {json.dumps(REPLY)})")

    def test_a_reader_who_scrolled_up_is_left_there(self):
        self.set(temperature=0, max_tokens=1500, extra='{"logit_bias": {"2": -100, "0": -100}}')
        self.begin("Count from one to a thousand, in words.\n" + "line\n" * 60)
        self.page.wait("document.querySelector('.running .body')?.textContent.length > 40")
        self.page.run("document.querySelector('#scroller').scrollTop = 0")
        self.page.wait("!document.querySelector('#to-end').hidden")
        length = self.page.run("document.querySelector('.running .body').textContent.length")
        self.page.wait(f"document.querySelector('.running .body').textContent.length > {length} + 20")
        self.assertEqual(self.page.run("document.querySelector('#scroller').scrollTop"), 0)
        self.page.click("#to-end")
        self.page.wait("document.querySelector('#to-end').hidden")
        self.page.press("Escape")
        self.page.wait("!document.querySelector('.running')")
