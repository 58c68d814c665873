"""What a user does: the popup, the level of a site, a new identity; and what the extension asks of the network."""

import json
import time

from case import KINDS, Case, in_both, sites

PIXELS = "T.pixels(T.text())"
# Descriptors of everything that the extension changes, as text.
TRACES = """(() => {
  const lines = [];
  for (const name of Object.getOwnPropertyNames(window)) {
    if (!/^(HTML|Canvas|Offscreen|WebGL|Offline|Navigator|Network|Battery|Media|Speech|Node|Element|Document|Range|Worker|URL|Shared|createImage|open|Image)/.test(name)) continue;
    const value = window[name], owner = value && value.prototype;
    const shape = (o, key) => { const d = Object.getOwnPropertyDescriptor(o, key); return [d.writable, d.enumerable, d.configurable, ...["value", "get", "set"].map((p) =>
      typeof d[p] === "function" ? Function.prototype.toString.call(d[p]) + d[p].name : typeof d[p])].join() };
    lines.push(name + shape(window, name));
    if (owner) for (const key of Object.getOwnPropertyNames(owner)) lines.push(name + "." + key + shape(owner, key));
  }
  return lines.sort(); // Firefox lists the names of a window in the order in which they were first asked for
})()"""


@in_both
class Settings(Case):
    def page(self, name="popup.html"):
        return self.at(self.browser().home() + name)

    def ask(self, **message):
        page = self.page("options.html")
        page.wait("document.getElementById('none')")
        return page.run(f"(globalThis.browser ?? chrome).runtime.sendMessage({json.dumps(message)})")

    def test_off_leaves_no_trace_and_only_on_its_site(self):
        host = "off.localhost"
        self.ask(ask="level", site=host, isOff=True)
        off, never = self.on(host, "/first"), self.on(host, "/first", has_extension=False)
        self.assertEqual(off.run("[first, T.pixels(T.text())]"), never.run("[first, T.pixels(T.text())]"))
        self.assertEqual(off.run(TRACES), never.run(TRACES))
        # From a site where it is off to one where it is on, in one tab.
        true = never.run(PIXELS)
        off.go(sites().url("a.localhost"))
        self.assertNotEqual(off.run(PIXELS), true)
        self.assertNotEqual(off.run(TRACES), never.run(TRACES))
        # Within another site it stays on: else a frame would tell its own face everywhere.
        told = f"T.told(location.origin.replace('a.localhost', '{host}') + '/late')"
        self.assertNotEqual(off.run(told), true)
        self.ask(ask="level", site=host, isOff=False)
        self.assertNotEqual(self.on(host).run(PIXELS), true)

    def test_off_everywhere_and_on_again(self):
        true = self.on("a.localhost", has_extension=False).run(PIXELS)
        self.ask(ask="everywhere", isOff=True)
        self.assertEqual(self.on("b.localhost").run(PIXELS), true)
        self.ask(ask="everywhere", isOff=False)
        self.assertNotEqual(self.on("b.localhost").run(PIXELS), true)

    def test_the_popup_says_what_was_read_by_whom_and_what_is_open(self):
        site = self.on("popup.localhost")
        site.run("(async () => { T.pixels(T.text()); T.pixels(T.text()); await T.worker('/worker.js') })().then(() => true)")
        popup = self.page()
        tabs = "(globalThis.browser ?? chrome).tabs.query({}).then((all) => all.find((tab) => tab.url?.includes('popup.localhost')).id)"
        number = popup.run(tabs)
        popup.go(self.browser().home() + f"popup.html?tab={number}")
        popup.wait("document.querySelectorAll('#gaps li').length")
        state, reads, gaps = popup.run("['state', 'reads', 'gaps'].map((id) => document.getElementById(id).innerText)")
        self.assertIn("Standard for popup.localhost", state)
        self.assertIn("canvas 2×", reads)
        self.assertIn("http://popup.localhost", reads)
        self.assertIn("1 worker from an address", gaps)

    def test_a_new_identity_is_another_face(self):
        # A browser of its own: Chromium starts the extension again, and others would meet it on its way.
        own = KINDS[self.kind](True)
        self.addCleanup(own.close)
        read = lambda tab: tab.go(sites().url("a.localhost", "/first")) or tab.run("[first, T.hash(new Uint8Array(240 * 60 * 4))]")
        tab, page = own.tab(), own.tab()
        before, blank = read(tab)
        page.go(own.home() + "options.html")
        page.run("((globalThis.browser ?? chrome).runtime.sendMessage({ ask: 'identity' }), true)")
        true = self.on("a.localhost", "/first", has_extension=False).run("first")
        after = before
        end = time.monotonic() + 30
        # Without the extension for a moment, in Chromium.
        while after in (before, blank, true) and time.monotonic() < end:
            after, _ = read(tab)
        self.assertNotIn(after, (before, blank, true))

    def test_damaged_settings_are_said_and_not_followed(self):
        page = self.page("options.html")
        page.run("(globalThis.browser ?? chrome).storage.local.set({ off: ['a.localhost/*', 7] }).then(() => true)")
        page.go(self.browser().home() + "options.html")
        self.assertIn("damaged", page.wait("document.getElementById('state').textContent"))
        true = self.on("a.localhost", has_extension=False).run(PIXELS)
        self.assertNotEqual(self.on("a.localhost").run(PIXELS), true)
        page.run("(globalThis.browser ?? chrome).storage.local.clear().then(() => true)")

    def test_pages_cannot_switch_it_off_or_ask_for_keys(self):
        tab = self.on("a.localhost", "/first")
        said = tab.run(
            """(() => {
              const heard = [], hear = (event) => heard.push(event.detail);
              for (const name of ["firebird:answer", "firebird:hello"]) document.addEventListener(name, hear, true);
              document.dispatchEvent(new CustomEvent("firebird:hello"));
              document.dispatchEvent(new CustomEvent("firebird:answer", { detail: "0".repeat(96) }));
              document.dispatchEvent(new CustomEvent("off", { detail: "off" }));
              return [heard.filter((detail) => detail && detail !== "0".repeat(96)).length, first === T.pixels(T.text()), typeof chrome?.runtime?.sendMessage];
            })()"""
            if self.kind == "chromium"
            else "(() => { document.dispatchEvent(new CustomEvent('firebird:hello')); return [0, first === T.pixels(T.text()), 'undefined'] })()"
        )
        self.assertEqual(said, [0, True, "undefined"])

    def test_the_probe_page_shows_two_sites_apart(self):
        page = self.page("probe.html")
        page.wait("document.body.dataset.ready")
        rows = page.run("[...document.querySelectorAll('#rows tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
        seen = {row[0]: row for row in rows}
        for surface in ("canvas", "canvas as a picture", "audio"):
            self.assertEqual(seen[surface][4:], ["yes", "yes"])
            self.assertEqual(len(set(seen[surface][1:4])), 3)

    def test_nothing_is_asked_of_the_network(self):
        sites().requests.clear()
        tab = self.on("quiet.localhost")
        tab.run("(async () => { T.pixels(T.text()); await T.audio() })().then(() => true)")
        asked = [path for host, path in sites().requests if host.startswith("quiet")]
        self.assertEqual([path for path in asked if path != "/favicon.ico"], ["/", "/library.js"])

