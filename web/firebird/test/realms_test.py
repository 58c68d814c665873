"""Frames, windows and workers: what a script can reach at once shows no other face than the page itself."""

from case import Case, in_both

# Each way to another realm, read as early as a script can.
WAYS = """(async () => {
  const seen = {}, page = T.pixels(T.text());
  const read = (win) => T.pixels(T.text(win));
  const put = (set) => { const f = document.createElement("iframe"); set(f); document.body.append(f); return f };
  const loaded = (f) => new Promise((done) => (f.onload = done));
  seen.blank = read(put(() => 0).contentWindow);
  const source = put((f) => (f.src = "/"));
  seen["src at once"] = read(source.contentWindow);
  const text = put((f) => (f.srcdoc = "<p>"));
  seen["srcdoc at once"] = read(text.contentDocument.defaultView);
  await Promise.all([loaded(source), loaded(text)]);
  seen.src = read(source.contentWindow);
  seen.srcdoc = read(text.contentWindow);
  const blob = put((f) => (f.src = URL.createObjectURL(new Blob(["<p>"], { type: "text/html" }))));
  seen["blob at once"] = read(blob.contentWindow);
  await loaded(blob);
  seen.blob = read(blob.contentWindow);
  const n = window.length;
  document.body.insertAdjacentHTML("beforeend", "<iframe src=/></iframe>");
  seen["by number"] = read(window[n]);
  document.body.append(Object.assign(document.createElement("div"), { innerHTML: "<iframe src=/></iframe>" }));
  seen["by number, innerHTML"] = read(frames[n + 1]);
  const object = document.createElement("object");
  object.data = "/";
  document.body.append(object);
  await new Promise((done) => (object.onload = done));
  seen.object = read(object.contentWindow);
  const within = put(() => 0);
  within.contentDocument.body.innerHTML = "<iframe src=/></iframe>";
  seen.within = read(within.contentWindow[0]);
  const opened = window.open("about:blank");
  seen.opened = opened ? read(opened) : page;
  opened?.close();
  const written = put(() => 0);
  written.contentDocument.open();
  written.contentDocument.write("<p>");
  written.contentDocument.close();
  seen.written = read(written.contentWindow);
  return [page, seen];
})()"""

WORKERS = """(async () => {
  const said = "onmessage = () => postMessage([T.pixels(T.text()), navigator.hardwareConcurrency])";
  const classic = `importScripts("${location.origin}/library.js"); ${said}`;
  const own = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const offscreen = T.pixels(T.text({}));
  const revoked = () => { const url = own(classic), answer = T.worker(url); URL.revokeObjectURL(url); return answer };
  return {
    page: [offscreen, navigator.hardwareConcurrency],
    blob: await T.worker(own(classic)),
    revoked: await revoked(),
    module: await T.worker(own(`import "${location.origin}/library.js"; ${said}`), { type: "module" }),
    nested: await T.worker(own(`importScripts("${location.origin}/library.js");
      onmessage = async () => postMessage(await T.worker(URL.createObjectURL(new Blob([${JSON.stringify(classic)}]))))`)),
    address: await T.worker("/worker.js"),
  };
})()"""


@in_both
class Realms(Case):
    def test_every_way_to_another_realm_shows_the_face_of_the_page(self):
        page, seen = self.on("a.localhost").run(WAYS)
        self.assertEqual({way: "ok" if value == page else value for way, value in seen.items()}, dict.fromkeys(seen, "ok"))
        self.assertEqual(len(seen), 13)
        page, seen = self.on("a.localhost", has_extension=False).run(WAYS)
        self.assertEqual(set(seen.values()), {page})

    def test_a_frame_of_the_parser_is_reached_by_the_next_script(self):
        tab = self.on("a.localhost", "/parsed")
        self.assertEqual(tab.run("first"), tab.run("T.pixels(T.text())"))

    def test_workers_of_a_blob_show_the_face_of_the_page(self):
        seen = self.on("a.localhost").run(WORKERS)
        page = seen.pop("page")
        address = seen.pop("address")
        self.assertEqual(seen, dict.fromkeys(("blob", "revoked", "module", "nested"), page))
        # Open, and said to be.
        self.assertEqual(address, self.on("a.localhost", has_extension=False).run(WORKERS)["address"])

    def test_a_frame_of_another_site_has_a_face_for_each_site_around_it(self):
        tracker = self.on("c.localhost").run("T.pixels(T.text())")
        told = "T.told(location.origin.replace(/[ab]\\.localhost/, 'c.localhost') + '/late')"
        a = [self.on("a.localhost").run(told) for _ in range(2)]
        b = self.on("b.localhost").run(told)
        self.assertEqual(a[0], a[1])
        self.assertEqual(len({a[0], b, tracker}), 3)
        # It is that of the site around it.
        self.assertEqual(a[0], self.on("a.localhost").run("T.pixels(T.text())"))

    def test_a_frame_of_another_site_never_reads_the_truth_at_first(self):
        told = "T.told(location.origin.replace('a.localhost', 'c.localhost') + '/frame')"
        true = self.on("a.localhost", has_extension=False).run(told)
        # Where a frame cannot know the site around it at once it reads nothing until it does.
        own, blank = self.on("a.localhost").run("[T.pixels(T.text()), T.hash(new Uint8Array(240 * 60 * 4))]")
        first = [self.on("a.localhost").run(told) for _ in range(2)]
        self.assertNotIn(true, first)
        self.assertLessEqual(set(first), {own} if self.kind == "chromium" else {own, blank})

    def test_pages_with_a_strict_policy_work_and_are_changed(self):
        true = self.on("a.localhost", "/strict", has_extension=False)
        tab = self.on("a.localhost", "/strict")
        self.assertEqual(tab.run("first"), self.on("a.localhost").run("T.pixels(T.text())"))
        self.assertNotEqual(tab.run("first"), true.run("first"))
        self.assertEqual(tab.run("document.scripts.length"), 2)
