"""Measures FIREBIRD in real browsers, offline: `cargo xtask firebird-bench` (docs/firebird.md says what the rows mean)."""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import libraries
import rows
from browsers import KINDS, Browser, patiently, side_by_side
from sites import Server

# What may be spent: load time of a page with thirty frames as a multiple, ms of the script in a fresh frame, kB of heap per
# frame. The targets, which a receipt holds itself to; and what catches a mistake where other work runs beside.
TARGETS = (1.05, 1.5, 300)
BUSY = (4, 20, 600)


def documented(path):
    """The coverage tables of the document: {browser: {realm: {surface: cell}}}."""
    found, kind, head = {}, None, None
    if not path.exists():
        return found
    text = path.read_text().split("<!-- figures: firebird coverage -->")[-1].split("<!-- end of figures -->")[0]
    for line in text.splitlines():
        if line.startswith("**"):
            kind, head = line.split("**")[1].split()[0].lower(), None
            found[kind] = {}
        elif line.startswith("|") and kind:
            name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            if head is None:
                head = cells
            elif not name.startswith("---"):
                found[kind][name] = dict(zip(head, cells, strict=True))
    return found


def measure(kind, options, scripts):
    sheet = rows.Sheet(kind)
    extension = options.extensions.resolve() / kind
    begin = time.monotonic()
    plain_server, server = Server(scripts, extension), Server(scripts, extension)
    try:
        with patiently(lambda: Browser(kind, plain_server)) as plain, patiently(lambda: Browser(kind, server, extension)) as browser:
            base, found = {}, []
            plan = [
                ("base line", lambda: base.update(rows.base_line(sheet, plain))),
                ("stability", lambda: rows.stability(sheet, browser, base)),
                ("coverage", lambda: rows.coverage(sheet, plain, browser, documented(options.document))),
                ("lies", lambda: rows.lies(sheet, browser, base)),
                ("attacks", lambda: rows.attacks(sheet, plain, browser)),
                ("breakage", lambda: rows.breakage(sheet, plain, "without", "a")),
                ("breakage", lambda: rows.breakage(sheet, browser, "with", "a")),
                ("cost", lambda: rows.cost(sheet, server, plain, browser, extension, options.rounds, options.limits)),
                ("sessions", lambda: found.extend(rows.sessions(sheet, server, extension, options.sessions[kind]))),
                ("noise", lambda: rows.noise(sheet, browser, found, options.sites)),
                ("network", lambda: rows.network(sheet, plain_server, server)),
                ("network", lambda: rows.stranger(sheet, browser, server)),
            ]
            for name, row in plan:
                if options.only in (None, name):
                    run(sheet, name, row)
    finally:
        plain_server.close()
        server.close()
    for what, why in sheet.missing.items():
        print(f"{kind}: {what}: not measured: {why}")
    print(f"{kind}: {time.monotonic() - begin:.0f} s", flush=True)
    return sheet


def run(sheet, name, row):
    """A row that breaks off fails; the others go on."""
    begin = time.monotonic()
    try:
        row()
    except Exception as error:
        sheet.check(f"{name} runs to its end", False, repr(error))
    print(f"    {sheet.kind} {name}: {time.monotonic() - begin:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--extensions", type=pathlib.Path, required=True, help="folder with chromium/ and firefox/")
    parser.add_argument("--libraries", type=pathlib.Path, required=True, help="folder to fetch the libraries into")
    parser.add_argument("--document", type=pathlib.Path, required=True, help="where the coverage table stands")
    parser.add_argument("--browsers", default=",".join(KINDS))
    parser.add_argument("--sessions", default="100,100", help="fresh sessions of Chromium and of Firefox")
    parser.add_argument("--sites", type=int, default=100, help="sites more on which the noise is read")
    parser.add_argument("--rounds", type=int, default=5, help="loads of the page with thirty frames, each way")
    parser.add_argument("--only", choices=["coverage", "cost"], help="a row that needs no other")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    options.limits = TARGETS if options.out else BUSY
    options.sessions = dict(zip(KINDS, map(int, options.sessions.split(",")), strict=True))
    scripts = libraries.fetched(options.libraries)
    kinds = options.browsers.split(",")
    # What costs time is measured in one browser at a time.
    at_once = 1 if options.only == "cost" else len(kinds)
    sheets = side_by_side(len(kinds), lambda i: measure(kinds[i], options, scripts), at_once)
    if options.out:
        programs = {"chromium": "chromium", "firefox": "firefox-esr"}
        version = lambda kind: subprocess.run([programs[kind], "--version"], capture_output=True, text=True, check=True).stdout.strip()
        found = {s.kind: {"browser": version(s.kind), "missing": s.missing, **s.figures} for s in sheets}
        options.out.write_text(json.dumps({"versions": libraries.versions(), **found}))
    held = [is_held for sheet in sheets for _, is_held in sheet.checks]
    print(f"test result: {'ok' if all(held) else 'FAILED'}. {held.count(True)} passed; {held.count(False)} failed")
    return 0 if all(held) and held else 1


if __name__ == "__main__":
    sys.exit(main())
