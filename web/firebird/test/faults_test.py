"""Pages that break what is around them, and reads that the browser refuses."""

from case import Case, in_both

PIXELS = "T.pixels(T.text())"


@in_both
class Faults(Case):
    def test_pages_that_replace_what_all_scripts_use_learn_nothing(self):
        tab = self.on("a.localhost")
        before = tab.run(PIXELS)
        after = tab.run(
            """(() => {
              const heard = [], evil = (name) => function () { heard.push(name); throw new Error(name) };
              const { hash } = T, { data } = T;
              for (const name of ["Proxy", "Reflect", "WeakSet", "WeakMap", "CustomEvent", "Uint8ClampedArray", "Uint32Array", "ArrayBuffer", "Blob"]) delete window[name];
              for (const [owner, names] of [
                [WM.set, ["has", "add", "delete"]], [WM.map, ["get", "set"]], [RegExp.prototype, ["exec", "test"]], [String.prototype, ["slice", "startsWith"]],
                [EventTarget.prototype, ["dispatchEvent", "addEventListener"]], [Function.prototype, ["apply", "call", "bind"]],
                [CanvasRenderingContext2D.prototype, ["putImageData"]],
              ]) for (const name of names) owner[name] = evil(name);
              Object.defineProperty(Array.prototype, "0", { set: evil("0"), get: () => undefined, configurable: true });
              Object.defineProperty(Object.prototype, "apply", { get: () => undefined, configurable: true });
              const canvas = T.text();
              const own = canvas.getContext("2d").getImageData(0, 0, 240, 60).data;
              const frame = document.createElement("iframe");
              document.body.append(frame);
              const inner = T.text(frame.contentWindow).getContext("2d").getImageData(0, 0, 240, 60).data;
              delete Array.prototype[0];
              delete Object.prototype.apply;
              return [hash(own), hash(inner), heard.join()];
            })()""".replace("(() => {", "(() => { const WM = { set: WeakSet.prototype, map: WeakMap.prototype };", 1)
        )
        self.assertEqual(after, [before, before, ""])

    def test_reads_that_the_browser_refuses_fail_in_its_own_words(self):
        said = """(async () => {
          const said = (f) => { try { return String(f()) } catch (e) { return e.name + ": " + e.message } };
          const canvas = T.text(), context = canvas.getContext("2d");
          const big = said(() => context.getImageData(0, 0, 100000, 100000));
          const image = new Image();
          image.src = "/picture.svg";
          await new Promise((done) => (image.onload = image.onerror = done));
          const foreign = new Image();
          foreign.src = location.origin.replace("a.localhost", "b.localhost") + "/picture.svg";
          await new Promise((done) => (foreign.onload = foreign.onerror = done));
          context.drawImage(foreign, 0, 0);
          return [big, said(() => context.getImageData(0, 0, 1, 1)), said(() => canvas.toDataURL()), said(() => canvas.toBlob(() => 0))];
        })()"""
        with_, without = self.both("a.localhost", said)
        self.assertEqual(with_, without)
        self.assertIn("SecurityError", with_[2])

    def test_a_document_that_is_opened_anew_keeps_its_face(self):
        tab = self.on("a.localhost")
        before = tab.run(PIXELS)
        after = tab.run("(() => { const t = T; document.open(); document.write('<p>anew<iframe src=/></iframe>'); document.close(); return [t.pixels(t.text()), t.pixels(t.text(window[0]))] })()")
        self.assertEqual(after, [before, before])

    def test_many_canvases_are_no_matter(self):
        n = self.on("a.localhost").run("(() => { const one = new Set(); for (let i = 0; i < 500; i++) one.add(T.pixels(T.text(self, 60, 20))); return one.size })()")
        self.assertEqual(n, 1)
