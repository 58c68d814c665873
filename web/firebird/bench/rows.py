"""The rows of the measurement: each visits pages with and without the extension, and writes checks and figures on a sheet."""

import base64
import collections
import json
import pathlib
import statistics
import tempfile

import images
from browsers import Browser, patiently, side_by_side
from sites import PAGES

LIBRARIES = ("fingerprintjs", "thumbmarkjs")
# Groups of probes in which nothing may be noticed.
SILENT = ("double read", "solid fill", "sub-rect")
# Surfaces of which the site's key chooses one of few values, so that the true one can be the chosen one.
CHOSEN = ("cores", "memory")
COVERED = ("canvas", "webgl", "renderer", "audio", "cores", "memory", "connection")
N_BREAKAGE = 25


class Sheet:
    """What one browser showed: checks that hold or not, figures, and rows that cannot run with the reason."""

    def __init__(self, kind):
        self.kind = kind
        self.figures = {}
        self.checks = []
        self.missing = {}

    def check(self, name, holds, said=""):
        self.checks.append((name, bool(holds)))
        print(f"{self.kind}: {name} ... {'ok' if holds else 'FAILED'}{f' ({said})' if said != '' else ''}", flush=True)

    def figure(self, name, value):
        self.figures[name] = value


def base_line(sheet, plain):
    """What holds without the extension: the ids are one on all sites, the probes notice nothing; and both can fail."""
    a, b, framed = plain.visit(["a/session.html", "b/session.html", "a/framed.html?site=a"])
    for library in LIBRARIES:
        sheet.check(f"without: {library} gives two sites one id", a[library] == b[library])
    sheet.figure("components", {"without": _components([(a, b)])})
    probes = plain.ask("a/lies.html")
    noticed = [name for _, name, is_noticed in probes if is_noticed]
    sheet.check(f"without: {len(probes)} probes notice nothing", not noticed, "; ".join(noticed))
    groups = {group for group, _, is_noticed in plain.ask("a/lies.html?bad=1") if is_noticed is True}
    sheet.check("noise of the old kind is noticed by each group of probes", set(SILENT) <= groups, sorted(groups))
    return {"frame": {name: framed[name] == a[name] for name in LIBRARIES}, "scanner": plain.ask("a/scanner.html")}


def _components(pairs):
    """How many parts of both libraries are equal in all pairs of visits, and which are not."""
    names = set.intersection(*(set(visit["parts"]) for pair in pairs for visit in pair))
    unequal = sorted(name for name in names if any(one["parts"][name] != other["parts"][name] for one, other in pairs))
    return {"equal": len(names) - len(unequal), "unequal": unequal}


def stability(sheet, browser, base):
    """One face on one site: reloads, tabs, subdomains, frames."""
    visits = ["a/session.html"] * 6 + ["www.a/session.html", "app.a/session.html"]
    found = dict(enumerate(browser.visit(visits)))
    found |= {f"tab {i}": browser.ask("a/session.html", is_tab=True) for i in range(2)}
    framed, third, fourth, there = browser.visit([f"{top}/framed.html?site={site}" for top, site in ("aa", "ab", "ac", "ba")])
    equal, differ = 0, []
    for library in LIBRARIES:
        pairs = [(visits[i] if i in range(len(visits)) else i, visit, found[0]) for i, visit in found.items() if i]
        # A library may see that it is in a frame; then only frames are compared.
        pairs += [("a frame of the site", framed, found[0])] if base["frame"][library] else []
        pairs += [("two frames of others", third, fourth)]
        for what, one, other in pairs:
            if one[library] == other[library]:
                equal += 1
            else:
                differ.append(f"{what}: {library}: {_components([(one, other)])['unequal']}")
        sheet.check(f"a frame of a third party has another {library} id on each site", third[library] != there[library])
    sheet.figure("stability", {"equal": equal, "of": equal + len(differ)})
    sheet.check("one site, one id: 5 reloads, 2 tabs, subdomains, frames", not differ, f"{equal} equal; {'; '.join(differ)}")


def sessions(sheet, server, extension, n):
    """Fresh browsers with fresh profiles, two sites each."""

    def session():
        with Browser(sheet.kind, server, extension) as browser:
            return browser.visit(["a/session.html", "b/session.html"])

    found = side_by_side(n, lambda _: patiently(session))
    equal = {}
    for library in LIBRARIES:
        ids = [visit[library] for pair in found for visit in pair]
        sites = sum(a[library] == b[library] for a, b in found)
        seen = collections.Counter(a[library] for a, _ in found)
        again = sum(count for count in seen.values() if count > 1)
        equal[library] = {"sites": sites, "sessions": again, "ids": len(set(ids))}
        sheet.check(f"{library}: ids equal on two sites, in no session of {n}", sites == 0, f"{sites}")
        sheet.check(f"{library}: ids equal in two sessions, none of {n}", again == 0, f"{again}")
    sheet.figure("sessions", {"n": n, "equal": equal})
    sheet.figures["components"]["with"] = _components(found)
    return [visit["surfaces"] for pair in found for visit in pair]


def noise(sheet, browser, values, n):
    """How different our own noise is: the readings of `n` sites more, beside those of the sessions."""
    values = values + browser.visit([f"n{i}/noise.html" for i in range(n)])
    found = {}
    for surface in ("canvas", "webgl", "audio"):
        read = [v[surface] for v in values if v[surface] is not None]
        if not read:
            sheet.missing[f"noise of {surface}"] = "this browser has none here"
            continue
        share, bits = images.largest_share(read), images.entropy_bound(read)
        found[surface] = {"values": len(read), "distinct": len(set(read)), "share": share, "bits": bits}
        limit = max(0.02, 1.5 / len(read))
        sheet.check(f"{surface}: no value on more than 2 % of {len(read)} sites and sessions", share <= limit, f"{share:.3f}")
    sheet.figure("noise", found)


def lies(sheet, browser, base):
    """How many probes notice us, by group."""
    probes = browser.ask("a/lies.html")
    groups = {}
    for group, name, noticed in probes:
        of = groups.setdefault(group, {"noticed": [], "of": 0})
        of["of"] += 1
        if noticed:
            of["noticed"].append(name if noticed is True else f"{name} ({noticed})")
    for group in SILENT:
        sheet.check(f"probes of {group} notice nothing", not groups[group]["noticed"], "; ".join(groups[group]["noticed"]))
    for group, of in groups.items():
        print(f"{sheet.kind}: probes of {group}: {len(of['noticed'])} of {of['of']} notice: {'; '.join(of['noticed'])}")
    sheet.figure("probes", {group: [len(of["noticed"]), of["of"]] for group, of in groups.items()})
    scanner = browser.ask("a/scanner.html")
    new = sorted(set(scanner["noticed"]) - set(base["scanner"]["noticed"]))
    sheet.check(f"fpscanner's {scanner['rules']} rules notice nothing new", not new, ", ".join(new))
    sheet.figure("fpscanner", {"new": new, "rules": scanner["rules"]})


def attacks(sheet, plain, browser):
    """What averaging finds of the true pixels, and how far picture and sound are from the truth."""
    runs = [b.ask("a/attacks.html") for b in (plain, browser)]
    truth, read = [{name: base64.b64decode(run[name]) for name in ("plain", "single", "majority")} for run in runs]
    sheet.check("without: every variant is the same drawing", truth["plain"] == truth["majority"] == truth["single"])
    places = images.changed(truth["plain"], read["plain"])
    pixels = len({i // 4 for i in places})
    sheet.check("the drawing is noised", pixels > 20, f"{pixels} of {len(truth['plain']) // 4} pixels")
    found = {f"without the {bits} low bits": images.recovered(truth["plain"], read["plain"], places, bits) for bits in (1, 2, 3)}
    for name, what in (("majority", "majority of 32 variants"), ("single", "reads of 1 × 1")):
        found[what] = images.recovered(truth["plain"], read[name], places)
        sheet.check(f"{what}: at most 1 % of the changed pixels recovered", found[what] <= 0.01 and pixels, f"{found[what]:.4f}")
    similar = images.ssim(truth["plain"], read["plain"])
    error = images.sound_error(runs[0]["samples"], runs[1]["samples"])
    sheet.check("similarity of the drawing at least 0.999", similar >= 0.999, f"{similar:.5f}")
    sheet.check("error of the sound above 0, at most 0.001", 0 < error <= 1e-3, f"{error:.2e}")
    sheet.figure("attacks", {"pixels": pixels, "recovered": found, "ssim": similar, "sound error": error})


def breakage(sheet, browser, label, site):
    """The pages that must go on working."""
    names = sorted(page.name for page in (PAGES / "breakage").glob("*.html"))
    passed = 0
    for name in names:
        try:
            result = browser.ask(f"{site}/breakage/{name}", timeout_s=60)
        except Exception as error:  # a page that hangs is a broken one
            result = {"passed": False, "failures": [repr(error)]}
        passed += result["passed"]
        if not result["passed"]:
            print(f"{sheet.kind}: {label}: {name}: {'; '.join(result['failures'])}")
    sheet.check(f"{label}: {passed} of {len(names)} pages work", passed == len(names) == N_BREAKAGE)
    sheet.figures.setdefault("breakage", {})[label] = passed


def cost(sheet, server, plain, browser, extension, rounds, limits):
    """Load time of a page with thirty frames, alternating, also with an extension whose scripts are empty files; the script
    itself in fresh frames."""
    times = {"without": [], "with": [], "empty scripts": []}
    with tempfile.TemporaryDirectory() as folder:
        empty = _empty(extension, pathlib.Path(folder))
        with patiently(lambda: Browser(sheet.kind, server, empty)) as bare:
            for i in range(rounds + 1):
                for name, one in (("without", plain), ("with", browser), ("empty scripts", bare)):
                    ms = one.ask("cost/cost.html")["ms"]
                    # The first fills caches.
                    if i:
                        times[name].append(ms)
    medians = {name: statistics.median(ms) for name, ms in times.items()}
    ratio = medians["with"] / medians["without"]
    floor = medians["empty scripts"] / medians["without"]
    limit, ms, kilobytes = limits
    sheet.check(f"thirty frames load in at most {limit} times the time", ratio <= limit, f"{ratio:.3f}, {medians}")
    install = plain.ask("cost/install.html")
    sheet.check(f"the script is installed in at most {ms} ms", install["ms"] <= ms, f"{install['ms']:.2f} ms")
    sheet.figure("cost", {"load": ratio, "empty scripts": floor, "medians": medians, "rounds": rounds, "install ms": install["ms"], "bytes": install["bytes"]})
    if sheet.kind == "chromium":
        heaps = [_heap(one) for one in (plain, browser)]
        per_frame = (heaps[1] - heaps[0]) / 31
        sheet.check(f"at most {kilobytes} kB of heap per frame", per_frame <= kilobytes * 1e3, f"{per_frame / 1e3:.0f} kB")
        sheet.figures["cost"]["heap per frame"] = per_frame
    else:
        sheet.missing["heap per frame"] = "Marionette does not tell the heap of one page"


def _empty(extension, folder):
    """Makes of the extension in `folder` one whose content scripts are the same, but empty files, and that does nothing else."""
    manifest = json.loads((extension / "manifest.json").read_text())
    kept = ("manifest_version", "name", "version", "host_permissions", "content_scripts", "minimum_chrome_version", "browser_specific_settings")
    (folder / "manifest.json").write_text(json.dumps({key: manifest[key] for key in kept if key in manifest}))
    for script in manifest["content_scripts"]:
        for name in script["js"]:
            (folder / name).write_text("")
    return folder


def _heap(browser):
    """Bytes of JavaScript of the page with thirty frames."""
    browser.ask("cost/cost.html")
    driver = browser.driver
    session = driver.send("Target.attachToTarget", targetId=browser.targets[-1], flatten=True)["sessionId"]
    driver.send("HeapProfiler.collectGarbage", session)
    return driver.send("Runtime.getHeapUsage", session)["usedSize"]


def coverage(sheet, plain, browser, documented):
    """The table realm × surface, which must be the documented one: `covered` (what the main document reads), `open` (the
    truth), `other` (neither), `–` (not there)."""
    truth = plain.ask("a/coverage.html")
    site, differs = _telling_site(browser, truth["main"])
    read = browser.ask(f"{site}/coverage.html")
    table = {}
    for realm, true in truth.items():
        seen = read[realm]
        if isinstance(true, str) or isinstance(seen, str):
            table[realm] = {s: "–" if isinstance(true, str) else "broken" for s in COVERED}
            continue
        table[realm] = {s: _cell(true[s], seen[s], truth["main"][s], read["main"][s], s in differs) for s in COVERED}
    bad = [f"{realm}, {s}" for realm, row in table.items() for s, cell in row.items() if cell == "broken"]
    sheet.check("every realm reads what it reads without the extension", not bad, "; ".join(bad))
    early = [
        f"{realm}, {s}"
        for realm, row in table.items()
        for s, cell in row.items()
        if cell == "covered" and "first" in read[realm] and read[realm]["first"][s] == truth[realm][s] != read[realm][s]
    ]
    sheet.check("a frame that learns its key late says nothing true before", not early, "; ".join(early))
    known = documented.get(sheet.kind, {})
    wrong = [
        f"{realm}, {s}: {cell}, documented {known.get(realm, {}).get(s, 'nothing')}"
        for realm, row in table.items()
        for s, cell in row.items()
        if known.get(realm, {}).get(s) != cell
    ]
    wrong += [f"{realm}: documented, not measured" for realm in known if realm not in table]
    sheet.check("the coverage table is the documented one", not wrong, "; ".join(wrong))
    sheet.check("canvas is covered in the main document", table["main"]["canvas"] == "covered")
    sheet.figure("coverage", table)


def _telling_site(browser, true):
    """A site whose key chose other values than the true ones where it can, and the surfaces that differ on it."""
    sites = [f"t{i}" for i in range(16)]
    best = ("t0", set())
    for site in sites:
        seen = browser.ask(f"{site}/noise.html")
        differs = {s for s in COVERED if seen[s] != true[s]}
        if len(differs) > len(best[1]):
            best = (site, differs)
        if set(CHOSEN) <= differs | {s for s in CHOSEN if true[s] is None}:
            break
    return best


def _cell(true, seen, true_main, seen_main, is_telling):
    """`true` and `seen` are the realm's readings without and with the extension."""
    if true is None:
        return "–"
    if seen in ("no answer", None) or str(seen).startswith("error"):
        return "–" if true == seen else "broken"
    if true == "no answer":
        return "–"
    if not is_telling:
        return "open"
    if seen == seen_main:
        return "covered"
    if seen == true:
        return "open"
    return "covered" if true != true_main else "other"


def network(sheet, plain_server, server):
    """What went to hosts that are no site of ours."""
    own = {request.split(" ", 1)[1] for request in plain_server.strangers()}
    new = {request: count for request, count in server.strangers().items() if request.split(" ", 1)[1] not in own}
    sheet.check("no request but the browser's own", not new, new or f"{len(own)} hosts of the browser's own")
    sheet.figure("requests", new)


def stranger(sheet, browser, server):
    """That the server would see such a request."""
    before = sum(server.strangers().values())
    browser.ask("a/stranger.html")
    seen = [r for r in server.strangers() if "stranger.example/asked" in r]
    sheet.check("a request to another host is seen", seen and sum(server.strangers().values()) > before)
