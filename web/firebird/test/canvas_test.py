"""2D canvases: another face on each site, the same each time, exact wherever nothing tells of the machine."""

from case import Case, in_both

PIXELS = "T.pixels(T.text())"


@in_both
class Canvas(Case):
    def test_each_site_reads_another_picture_and_none_the_true_one(self):
        true = self.on("a.localhost", has_extension=False).run(PIXELS)
        a = self.on("a.localhost").run(PIXELS)
        b = self.on("b.localhost").run(PIXELS)
        self.assertEqual(len({true, a, b}), 3, (true, a, b))

    def test_the_same_picture_reads_the_same_each_time_and_on_each_name_of_a_site(self):
        tab = self.on("a.localhost", "/first")
        first = tab.run("first")
        self.assertEqual(tab.run("[T.pixels(T.text()), (() => { const c = T.text(); T.data(c); return T.pixels(c) })()]"), [first, first])
        self.assertEqual([self.on(host, "/first").run("first") for host in ("www.a.localhost", "app.a.localhost")], [first] * 2)

    def test_noise_is_small_and_only_at_edges(self):
        tab = self.on("a.localhost", has_extension=False)
        true = tab.run("[...T.data(T.text())]")
        seen = self.on("a.localhost").run("[...T.data(T.text())]")
        changes = [abs(a - b) for a, b in zip(true, seen)]
        moved = [i // 4 for i, change in enumerate(changes) if change]
        self.assertGreater(len(moved), 200)
        # Colours of half transparent pixels are rounded anew with their opacity.
        self.assertLess(sum(change > 2 for change in changes) / len(moved), 0.2)
        width = 240
        pixel = lambda i: true[i * 4 : i * 4 + 4]
        for i in moved:
            self.assertGreaterEqual(sum(pixel(i) != pixel(i + d) for d in (-1, 1, -width, width)), 2)

    def test_flat_areas_are_exact(self):
        tab = self.on("a.localhost")
        # A blank one, a filled one, and one whose flat areas lie beside text.
        self.assertTrue(tab.run("T.data(T.canvas(self, 50, 50)).every((b) => b === 0)"))
        fill = "(() => { const c = T.canvas(self, 64, 64), x = c.getContext('2d'); x.fillStyle = '#123456'; x.fillRect(0, 0, 64, 64); %s return c })()"
        flat = "T.data(%s, %s).every((b, i) => b === [0x12, 0x34, 0x56, 255][i %% 4])"
        self.assertTrue(tab.run(flat % (fill % "", "0, 0, 64, 64")))
        self.assertTrue(tab.run(flat % (fill % "x.fillStyle = 'red'; x.font = '10px serif'; x.fillText('ab', 2, 12);", "0, 20, 64, 44")))

    def test_hit_testing_by_colours_finds_every_shape(self):
        wrong = self.on("a.localhost").run(
            """(() => {
              const canvas = T.canvas(self, 400, 200), context = canvas.getContext("2d");
              const place = (i) => [10 + 20 * (i % 20), 10 + 20 * Math.floor(i / 20)];
              for (let i = 0; i < 200; i++) {
                context.fillStyle = "#" + (i * 70001 + 1).toString(16).padStart(6, "0");
                context.beginPath();
                context.arc(...place(i), 8, 0, 7);
                context.fill();
              }
              const wrong = [];
              for (let i = 0; i < 200; i++) {
                for (const d of [-5, 0, 5]) {
                  const [x, y] = place(i);
                  const [r, g, b] = T.data(canvas, x + d, y, 1, 1);
                  if ((r << 16) + (g << 8) + b !== i * 70001 + 1) wrong.push(i);
                }
              }
              return wrong;
            })()"""
        )
        self.assertEqual(wrong, [])

    def test_a_part_reads_as_in_the_whole(self):
        n_wrong = self.on("a.localhost").run(
            """(() => {
              const canvas = T.text(), whole = T.data(canvas);
              let n = 0, wrong = 0;
              const check = (x, y, w, h, ...given) => {
                const part = T.data(canvas, ...(given.length ? given : [x, y, w, h]));
                for (let j = 0; j < h; j++) for (let i = 0; i < w; i++) for (let c = 0; c < 4; c++) {
                  const [sx, sy] = [x + i, y + j];
                  const is = sx >= 0 && sy >= 0 && sx < 240 && sy < 60 ? whole[(sy * 240 + sx) * 4 + c] : 0;
                  if (part[(j * w + i) * 4 + c] !== is) wrong++;
                  n++;
                }
              };
              for (let i = 0; i < 1500; i++) check((i * 7) % 240, (i * 11) % 60, 1, 1);
              for (let i = 0; i < 40; i++) check((i * 31) % 200 - 8, (i * 17) % 50 - 4, 9 + i % 13, 5 + i % 9);
              check(30, 5, 40, 20, 70, 25, -40, -20);
              let n_asked = 0; // an object is asked once
              check(3, 2, 40, 20, 3.9, { valueOf: () => 2 + n_asked++ }, "40", 20);
              return [n, wrong];
            })()"""
        )
        self.assertEqual(n_wrong[1], 0)
        self.assertGreater(n_wrong[0], 10_000)

    def test_pictures_hold_what_pixels_say(self):
        differing = self.on("a.localhost").run(
            """(async () => {
              const canvas = T.text(), is = [...T.data(canvas)];
              const off = T.text({}), offIs = [...T.data(off)];
              const decoded = async (blob) => {
                const bitmap = await createImageBitmap(blob);
                const copy = T.canvas(self, 240, 60);
                copy.getContext("2d").drawImage(bitmap, 0, 0);
                return [...T.data(copy)];
              };
              const pictures = [
                [is, await decoded(await (await fetch(canvas.toDataURL())).blob())],
                [is, await decoded(await new Promise((done) => canvas.toBlob(done)))],
                [offIs, await decoded(await off.convertToBlob())],
              ];
              // Opacities and the colours of opaque pixels: others are rounded by the browser itself on the way.
              const counts = (a, i) => i % 4 === 3 || a[i - (i % 4) + 3] === 255;
              return pictures.map(([a, b]) => a.filter((v, i) => counts(a, i) && v !== b[i]).length);
            })()"""
        )
        self.assertEqual(differing, [0, 0, 0])

    def test_an_editor_that_puts_back_what_it_read_does_not_drift(self):
        drift = self.on("a.localhost").run(
            """(() => {
              const canvas = T.text(), context = canvas.getContext("2d"), first = [...T.data(canvas)];
              for (let i = 0; i < 20; i++) context.putImageData(context.getImageData(0, 0, 240, 60), 0, 0);
              return Math.max(...T.data(canvas).map((v, i) => Math.abs(v - first[i])));
            })()"""
        )
        self.assertEqual(drift, 0)

    def test_what_is_seen_is_never_written(self):
        tab = self.on("a.localhost")
        tab.run("(document.body.replaceChildren(T.text()), true)")
        before = self.browser().picture(tab)
        tab.run("T.data(document.querySelector('canvas')).length + document.querySelector('canvas').toDataURL().length")
        self.assertEqual(self.browser().picture(tab), before)
        again = "(async () => { const c = document.querySelector('canvas'); const first = T.pixels(c); c.toDataURL(); T.data(c); return first === T.pixels(c) })()"
        self.assertTrue(tab.run(again))

    def test_copies_by_any_way_bear_the_noise(self):
        ways = """(async () => {
          const seen = {}, text = T.text();
          const onto = (draw) => { const c = T.canvas(self, 240, 60); draw(c.getContext("2d")); return T.pixels(c) };
          seen.drawn = onto((x) => x.drawImage(text, 0, 0));
          seen.pattern = onto((x) => { x.fillStyle = x.createPattern(text, ""); x.fillRect(0, 0, 240, 60) });
          const bitmap = await createImageBitmap(text);
          seen.bitmap = onto((x) => x.drawImage(bitmap, 0, 0));
          const sent = T.canvas({}, 240, 60);
          sent.getContext("2d").drawImage(text, 0, 0);
          const moved = sent.transferToImageBitmap();
          seen.moved = onto((x) => x.drawImage(moved, 0, 0));
          const shown = T.canvas(self, 240, 60);
          shown.getContext("bitmaprenderer").transferFromImageBitmap(await createImageBitmap(text));
          seen.shown = onto((x) => x.drawImage(shown, 0, 0));
          seen.path = onto((x) => { const p = new Path2D(); p.arc(50, 30, 20, 0, 5); x.fill(p) });
          seen.svg = await new Promise((done) => {
            const image = new Image();
            image.onload = () => done(onto((x) => x.drawImage(image, 0, 0)));
            image.src = "data:image/svg+xml," + encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" width="240" height="60"><text y="20">text</text></svg>');
          });
          return seen;
        })()"""
        with_, without = self.both("a.localhost", ways)
        self.assertEqual([way for way in with_ if with_[way] == without[way]], [])
        self.assertEqual(len(with_), 7)

    def test_photographs_are_exact(self):
        photo = """(async () => {
          const data = new ImageData(64, 64);
          for (let i = 0; i < data.data.length; i++) data.data[i] = i % 4 === 3 ? 255 : (i * 2654435761) >>> 24;
          const canvas = T.canvas(self, 64, 64);
          canvas.getContext("2d").putImageData(data, 0, 0);
          const blob = await new Promise((done) => canvas.toBlob(done));
          const image = await createImageBitmap(blob);
          const copy = T.canvas(self, 64, 64);
          copy.getContext("2d").drawImage(image, 0, 0);
          return [T.hash(data.data), T.pixels(canvas), T.pixels(copy)];
        })()"""
        values = self.on("a.localhost").run(photo)
        self.assertEqual(len(set(values)), 1)

    def test_errors_and_looks_are_the_browser_s_own(self):
        looks = """(() => {
          const said = (f) => { try { return String(f()) } catch (e) { return e.name + ": " + e.message } };
          const c = T.text(), x = c.getContext("2d"), p = CanvasRenderingContext2D.prototype, h = HTMLCanvasElement.prototype;
          return [
            said(() => x.getImageData(0, 0, 0, 1)), said(() => x.getImageData(0, 0)), said(() => p.getImageData.call(1, 0, 0, 1, 1)),
            said(() => h.toDataURL.call({})), said(() => new h.toDataURL()), said(() => x.getImageData(NaN, 0, 1, 1)),
            p.getImageData.name, p.getImageData.length, h.toDataURL.name, "prototype" in h.toDataURL, Object.getOwnPropertyNames(h).join(),
            Object.getOwnPropertyNames(p).join(), Object.keys(window).length, said(() => T.canvas(self, 0, 0).toDataURL()),
            Object.getOwnPropertyNames(window).filter((name) => /fire/i.test(name)).length,
          ];
        })()"""
        with_, without = self.both("a.localhost", looks)
        self.assertEqual(with_, without)
