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
        self.assertEqual([self.on(host, "/first").run("first") for host in ("a.localhost", "www.a.localhost", "app.a.localhost")], [first] * 3)
