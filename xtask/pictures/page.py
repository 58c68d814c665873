"""Pictures of the chat page, after a real conversation: `page.py FOLDER` with TRINITY_BINARY and TRINITY_SMOLLM2, as the page's tests have them."""

import base64
import pathlib
import struct
import sys
import zlib

for folder in ("crates/server/tests/browser", "web/driver"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / folder))

from case import PageCase  # noqa: E402
from chromium import Chromium  # noqa: E402
from server import Server  # noqa: E402

MODEL = "smollm2:135m"
# Asked in this order, each in a conversation of its own; the last is the one that is seen.
TALKS = [
    ["Write a haiku about the sea."],
    ["Explain in two sentences why the sky is blue.", "Give me three tips for a good night's sleep."],
]
# Name: (colour scheme, width, height, is it a phone?)
PICTURES = {
    "page-light": ("light", 1100, 720, False),
    "page-dark": ("dark", 1100, 720, False),
    "page-phone": ("light", 390, 720, True),
}


def talk(page):
    person = PageCase()
    person.set(page, temperature=0)
    for i, questions in enumerate(TALKS):
        if i:
            page.press("Alt+n")
            page.wait("!document.querySelector('.assistant')")
        for question in questions:
            person.send(question, page)


# Speeds of this moment on this machine would pass for measurements; README has those of one run with a receipt.
WITHOUT_SPEEDS = r"document.querySelectorAll('.stats').forEach((line) => line.textContent = line.textContent.replace(/^.*? tok\/s · first token [\d.]+ m?s · /, ''))"


def shot(page, scheme):
    page.run(WITHOUT_SPEEDS)
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    # Two frames: what follows the change of scheme is there.
    page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return base64.b64decode(page.send("Page.captureScreenshot", format="png")["data"])


def smaller(png):
    """The same picture with a palette: colours that are rare become the nearest of the 256 most frequent."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6), "Chromium writes 8 bits a channel"
    n_channels = 3 if kind == 2 else 4
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    rows = unfiltered(zlib.decompress(data), width * n_channels, n_channels)
    pixels = [tuple(row[x : x + 3]) for row in rows for x in range(0, len(row), n_channels)]
    counts = {}
    for pixel in pixels:
        counts[pixel] = counts.get(pixel, 0) + 1
    palette = sorted(counts, key=counts.get, reverse=True)[:256]
    index = {colour: i for i, colour in enumerate(palette)}
    for colour in counts:
        if colour not in index:
            index[colour] = min(range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(palette[i], colour)))
    indices = bytes(index[pixel] for pixel in pixels)
    lines = b"".join(b"\0" + indices[y * width : (y + 1) * width] for y in range(height))

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(bytes(colour) for colour in palette)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", colours) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")


def unfiltered(data, stride, step):
    """Rows without the filters of PNG (section 9 of its specification)."""
    above = bytearray(stride)
    for at in range(0, len(data), stride + 1):
        kind, row = data[at], bytearray(data[at + 1 : at + 1 + stride])
        for i in range(stride):
            left = row[i - step] if i >= step else 0
            up = above[i]
            corner = above[i - step] if i >= step else 0
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + up) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + up) // 2) & 255
            elif kind == 4:
                estimate = left + up - corner
                distances = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
                nearest = distances.index(min(distances))
                row[i] = (row[i] + (left, up, corner)[nearest]) & 255
        above = row
        yield bytes(row)


def main():
    folder = pathlib.Path(sys.argv[1])
    browser, server = Chromium(), Server(names=(MODEL,))
    try:
        for is_phone in (False, True):
            wanted = {name: picture for name, picture in PICTURES.items() if picture[3] == is_phone}
            _, width, height, _ = next(iter(wanted.values()))
            page = browser.page(width=width, height=height, is_phone=is_phone)
            page.open(server.url)
            talk(page)
            for name, (scheme, *_) in wanted.items():
                (folder / f"{name}.png").write_bytes(smaller(shot(page, scheme)))
            page.close()
    finally:
        server.close()
        browser.close()


if __name__ == "__main__":
    main()
