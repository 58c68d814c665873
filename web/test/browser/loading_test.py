"""Loading: from where, with what progress, what is kept, and everything that can go wrong on the way."""

import random
import time

from case import STORIES_SHA256, ChromiumTab, PackageCase, in_both_browsers
from served import STORIES, How

BYTES = STORIES.read_bytes()
LOAD = "const model = await load({ source: url, ...options }); const { storage: kept, sha256 } = model.info; const { text } = await model.generate('Once', { maxTokens: 4, temperature: 0 }).result; await model.close();"
KEEP = LOAD + "return { kept, sha256, text, stored: await storage.list() };"


def until(is_true):
    end = time.monotonic() + 60
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError("not true after 60 s")
        time.sleep(0.01)


@in_both_browsers
class Loading:
    def load(self, name="stories.gguf", tab=None, **options):
        return self.value(KEEP, tab, url=self.model(name), options=options)

    def fails(self, kind, *parts, name="stories.gguf", **options):
        error = self.error(kind, KEEP, *parts, url=self.model(name), options=options)
        self.assertEqual(self.value("return (await storage.list()).length;"), 0, "nothing may be committed")
        return error

    def asked(self, name="stories.gguf"):
        return self.served.of(f"models/{name}")

    def test_a_model_is_kept_and_read_again_without_the_network(self):
        first = self.load()
        self.assertEqual((first["kept"]["kind"], first["sha256"]), ("opfs", STORIES_SHA256))
        self.assertEqual([(entry["sha256"], entry["bytes"]) for entry in first["stored"]], [(STORIES_SHA256, len(BYTES))])
        self.assertEqual(self.asked(), [None])
        # By its URL, by its hash under another URL, and by its hash alone.
        again = [self.load(), self.load("other.gguf", sha256=STORIES_SHA256)]
        again.append(self.value(KEEP, url=f"opfs:{STORIES_SHA256}", options={}))
        self.assertEqual({(one["text"], one["kept"]["kind"]) for one in again}, {(first["text"], "opfs")})
        self.assertEqual(len(self.served.asked), 1)
        exported = self.value("const f = await storage.export(sha256); await storage.remove(sha256); return [f.name, f.size, (await storage.list()).length];", sha256=STORIES_SHA256)
        self.assertEqual(exported, ["stories.gguf", len(BYTES), 0])
        self.error("storage", KEEP, STORIES_SHA256, url=f"opfs:{STORIES_SHA256}", options={})

    def test_files_and_streams_are_sources_and_progress_is_told(self):
        got = self.value(
            """
            const blob = await (await fetch(url)).blob();
            const seen = [];
            const onProgress = (p) => seen.push([p.phase, p.bytes, p.total]);
            const ends = [];
            const take = async (options) => {
              const model = await load({ ...options, onProgress });
              ends.push([model.info.sha256, model.info.storage.kind, (await storage.list()).length]);
              await model.close();
            };
            await take({ source: new File([blob], 'mine.gguf') });
            await take({ source: blob.stream() });
            await take({ source: new File([blob], 'mine.gguf'), store: true });
            return { seen, ends };""",
            url=self.model(),
        )
        self.assertEqual(got["ends"], [[STORIES_SHA256, "none", 0], [STORIES_SHA256, "memory", 0], [STORIES_SHA256, "opfs", 1]])
        phases = [phase for phase, _, _ in got["seen"]]
        self.assertEqual([p for i, p in enumerate(phases) if i == 0 or phases[i - 1] != p], ["read", "verify", "prepare", "download", "verify", "prepare", "read", "verify", "prepare"])
        self.assertIn(["prepare", len(BYTES), len(BYTES)], got["seen"])

    def test_a_cut_connection_goes_on_where_it_broke(self):
        places = [*random.Random(1).sample(range(2, len(BYTES)), 2), len(BYTES) - 1]
        for cut in [1, *places]:
            name = f"cut-{cut}.gguf"
            self.served.models[name] = BYTES
            self.served.plan(f"models/{name}", How(cut=cut), How())
            self.assertEqual(self.load(name, store=False)["sha256"], STORIES_SHA256)
            ranges = self.asked(name)
            # How much of the last piece arrived is the connection's affair.
            self.assertEqual((len(ranges), ranges[0]), (2, None), ranges)
            if cut > 1:
                self.assertLessEqual(int(ranges[1].removeprefix("bytes=").rstrip("-")), cut)

    def test_a_download_that_failed_goes_on_at_the_next_load(self):
        self.served.models["later.gguf"] = BYTES
        half = len(BYTES) // 2
        self.served.plan("models/later.gguf", How(cut=half), How(status=404))
        error = self.fails("network", "404", name="later.gguf")
        self.assertEqual(error["detail"]["status"], 404)
        self.served.plan("models/later.gguf", How())
        self.assertEqual(self.load("later.gguf")["sha256"], STORIES_SHA256)
        self.assertEqual(len(self.asked("later.gguf")), 3)
        self.assertRegex(self.asked("later.gguf")[2], r"^bytes=[1-9]\d*-$")

    def test_a_file_that_changed_or_cannot_be_had_in_parts_starts_over(self):
        changed = bytearray(BYTES)
        changed[-1] ^= 1
        for name, rest in [("changed", How(body=bytes(changed), etag='"v2"')), ("whole", How(ranges=False)), ("tagless", How(etag=None))]:
            name += ".gguf"
            self.served.models[name] = BYTES
            self.served.plan(f"models/{name}", How(cut=len(BYTES) // 2, etag=rest.etag and '"v1"'), rest)
            sha256 = self.load(name, store=False)["sha256"]
            self.assertEqual(sha256 == STORIES_SHA256, rest.body is None, name)

    def test_a_connection_that_breaks_each_time_is_a_typed_error_with_the_bytes_so_far(self):
        self.served.models["broken.gguf"] = BYTES
        self.served.plan("models/broken.gguf", How(cut=1000), How(cut=0))
        error = self.fails("network", "broken.gguf", name="broken.gguf")
        self.assertLessEqual(error["detail"]["bytes"], 1000)
        self.assertEqual(len(self.asked("broken.gguf")), 4)

    def test_what_is_compressed_on_the_way_and_what_announces_too_much(self):
        self.served.models["zipped.gguf"] = BYTES
        self.served.plan("models/zipped.gguf", How(gzip=True))
        self.assertEqual(self.load("zipped.gguf", store=False)["sha256"], STORIES_SHA256)
        self.served.models["lies.gguf"] = BYTES
        self.served.plan("models/lies.gguf", How(grow=100))
        error = self.fails("network", f"{len(BYTES)} of {len(BYTES) + 100} bytes", name="lies.gguf")
        self.assertEqual(error["detail"]["bytes"], len(BYTES))

    def test_what_is_no_model_or_not_the_one_that_was_meant_is_never_kept(self):
        page = b"<!doctype html><title>Sign in</title>"
        self.served.plan("models/page.gguf", How(body=page))
        self.fails("input", "no GGUF file", "<!doctype html>", name="page.gguf")
        self.served.plan("models/short.gguf", How(body=BYTES[: len(BYTES) // 2]))
        self.fails("input", "ends at byte", f"the file has {len(BYTES) // 2}", name="short.gguf")
        self.served.plan("models/empty.gguf", How(body=b""))
        self.fails("input", "no GGUF file", name="empty.gguf")
        wrong = "0" * 64
        error = self.fails("network", STORIES_SHA256, wrong, sha256=wrong)
        self.assertEqual(error["detail"]["sha256"], STORIES_SHA256)

    def test_a_context_that_does_not_fit_is_refused_before_the_weights_come(self):
        self.served.plan("models/slow.gguf", How(body=BYTES, stall=200_000))
        error = self.fails("capacity", "bytes", name="slow.gguf", memoryMax=2_000_000)
        self.assertGreater(error["detail"]["needed"], 2_000_000)
        self.assertIn("contextLengthMax", error["detail"])

    def test_a_flipped_byte_in_storage_is_found_and_the_download_offered(self):
        self.load()
        flip = """
            const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('trinity');
            const [{ key }] = await storage.list();
            const file = await root.getFileHandle(key + '.gguf');
            const bytes = new Uint8Array(await (await file.getFile()).arrayBuffer());
            bytes[bytes.length - 100] ^= 1;
            const writable = await file.createWritable();
            await writable.write(bytes);
            await writable.close();"""
        self.value(flip)
        error = self.fails("storage", "hash", "removed")
        self.assertTrue(error["detail"]["isRemoved"] and error["detail"]["url"].endswith(self.model()), error)
        self.assertEqual(self.load()["sha256"], STORIES_SHA256)

    def test_a_tab_that_ended_before_its_mark_leaves_what_is_verified_or_thrown_away(self):
        plant = """
            const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('trinity', { create: true });
            const bytes = new Uint8Array(await (await fetch('/models/plain.gguf')).arrayBuffer());
            bytes[bytes.length - 1] ^= damage;
            const put = async (name, what) => {
              const writable = await (await root.getFileHandle(name, { create: true })).createWritable();
              await writable.write(what);
              await writable.close();
            };
            await put(sha256 + '.gguf', bytes);
            await put(sha256 + '.part.json', JSON.stringify({ validator: '"v1"', length: bytes.length, bytes: bytes.length }));
            return (await storage.list()).length;"""
        self.served.models["plain.gguf"] = BYTES
        self.assertEqual(self.value(plant, sha256=STORIES_SHA256, damage=0), 0)
        self.assertEqual(self.load(sha256=STORIES_SHA256)["kept"]["kind"], "opfs")
        self.assertEqual(self.asked(), [], "all of it was there")
        self.value("await storage.remove(sha256);", sha256=STORIES_SHA256)
        self.assertEqual(self.value(plant, sha256=STORIES_SHA256, damage=1), 0)
        self.fails("network", STORIES_SHA256, sha256=STORIES_SHA256)
        self.assertEqual(self.load(sha256=STORIES_SHA256)["sha256"], STORIES_SHA256)

    def test_two_that_load_the_same_download_it_once(self):
        other = self.open(beside=self.tab)
        both = """
            const two = await Promise.all([0, 1].map(() => load({ source: url })));
            for (const model of two) await model.close();
            return two.map(({ info }) => info.storage.kind);"""
        first = self.value(both, other, url=self.model())
        self.assertEqual(first, ["opfs", "opfs"])
        other.close()
        self.tabs.remove(other)
        self.assertEqual(self.load()["kept"]["kind"], "opfs")
        self.assertEqual(len(self.asked()), 1)

    def test_loading_is_aborted_at_each_phase_and_the_next_goes_on(self):
        self.served.models["stalls.gguf"] = BYTES
        for stall in (0, 1000, len(BYTES) // 2):
            n_asked = len(self.asked("stalls.gguf"))
            self.served.plan("models/stalls.gguf", How(stall=stall), How())
            self.tab.run(
                """(() => {
                  window.controller = new AbortController();
                  window.last = null;
                  const onProgress = ({ bytes }) => (window.last = bytes);
                  window.end = window.trinity.load({ source: '/models/stalls.gguf', signal: controller.signal, onProgress }).catch((error) => error.kind);
                })()"""
            )
            until(lambda: len(self.asked("stalls.gguf")) > n_asked)
            until(lambda: stall == 0 or self.tab.run("window.last") is not None)
            self.assertEqual(self.tab.run("controller.abort(), window.end"), "aborted")
            self.assertEqual(self.load("stalls.gguf")["sha256"], STORIES_SHA256)
            self.value("for (const { sha256 } of await storage.list()) await storage.remove(sha256);")
        self.assertTrue(any(self.asked("stalls.gguf")[1:]), "the rest was asked for")
        for phase in ("download", "verify", "prepare"):
            at = """
                const controller = new AbortController();
                const onProgress = (progress) => progress.phase === phase && controller.abort();
                return await load({ source: url, store: false, signal: controller.signal, onProgress });"""
            self.error("aborted", at, url=self.model(), phase=phase)
        self.error("aborted", "return await load({ source: url, signal: AbortSignal.abort() });", url=self.model())

    def test_a_host_that_does_not_let_pages_read_is_a_network_error_and_one_that_does_goes_on(self):
        elsewhere = self.served.url.replace("127.0.0.1", "localhost") + "models/"
        self.served.models["far.gguf"] = BYTES
        self.served.plan("models/far.gguf", How(cut=5000, cors=True), How(cors=True))
        got = self.value(KEEP, url=elsewhere + "far.gguf", options={"store": False})
        self.assertEqual(got["sha256"], STORIES_SHA256)
        self.served.plan("models/shut.gguf", How(body=BYTES))
        self.error("network", KEEP, "shut.gguf", url=elsewhere + "shut.gguf", options={"store": False})


class Quota(PackageCase):
    """What only Chromium's driver can provoke."""

    tab_type = ChromiumTab

    def test_a_full_disk_is_no_obstacle_and_is_told(self):
        origin = self.served.url.rstrip("/")
        for quota in (1000, len(BYTES) // 2):
            self.tab.page.send("Storage.overrideQuotaForOrigin", origin=origin, quotaSize=quota)
            got = self.value(
                """
                const events = [];
                const model = await load({ source: url, onEvent: (event) => events.push(event) });
                const { text } = await model.generate('Once', { maxTokens: 4, temperature: 0 }).result;
                await model.close();
                return { events, kept: model.info.storage, text, stored: (await storage.list()).length };""",
                url=self.model(),
            )
            self.assertEqual(got["stored"], 0, got)
            self.assertEqual((got["kept"]["kind"], [e["storage"] for e in got["events"]]), ("memory", ["memory"]), got)
            self.assertTrue(got["text"], got)
        self.tab.page.send("Storage.overrideQuotaForOrigin", origin=origin)

    def test_a_tab_that_is_killed_frees_its_lock_for_the_next(self):
        self.served.models["killed.gguf"] = BYTES
        self.served.plan("models/killed.gguf", How(stall=len(BYTES) // 2), How())
        beside = self.open(beside=self.tab)
        beside.run("void window.trinity.load({ source: '/models/killed.gguf' })")
        until(lambda: self.served.of("models/killed.gguf"))
        # The other waits for the lock, then starts.
        self.tab.run("window.second = window.trinity.load({ source: '/models/killed.gguf' }).then((m) => m.info.storage.kind); 0")
        self.tab.page.wait("navigator.locks.query().then(({ pending, held }) => pending.length === 1 && held.length === 1)")
        beside.close()
        self.tabs.remove(beside)
        self.assertEqual(self.tab.run("window.second"), "opfs")
