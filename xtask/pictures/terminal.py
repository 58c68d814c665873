"""Records a session in a real terminal as an asciicast, and draws it as an SVG that moves: `terminal.py FOLDER`, with `trinity` on the path."""

import fcntl
import html
import json
import os
import pathlib
import pty
import re
import select
import struct
import sys
import termios
import time

from screen import Screen

WIDTH, HEIGHT = 84, 19
# What is typed once the screen ends with the prompt.
SHELL, CHAT = "$ ", ">>> "
SCENE = [
    (SHELL, "trinity run smollm2:135m --temperature 0\r"),
    (CHAT, "Write a one-sentence greeting.\r"),
    (CHAT, "What is the capital of France?\r"),
    (CHAT, "/exit\r"),
    (SHELL, "trinity serve smollm2:135m\r"),
    ("listening on ", "\x03"),
    (SHELL, ""),
]
KEY_S = 0.045
PAUSE_S = 0.7
READ_S = 2.2  # before the server is stopped
PATIENCE_S = 120
# Longest silence in the picture, and how long its end stays.
SILENCE_S_MAX = 1.2
END_S = 6.0
# Changes closer together than this are one.
FRAME_S = 0.08

CELL_W, CELL_H, SIZE, MARGIN = 8.4, 19, 14, 16
THEMES = {
    # Ground, text, dim, and the 16 colours of ECMA-48.
    "light": ("#ffffff", "#1f2328", "#59636e", "#24292f #cf222e #116329 #7d4e00 #0969da #8250df #1b7c83 #6e7781 #57606a #a40e26 #1a7f37 #633c01 #218bff #a475f9 #3192aa #8c959f"),
    "dark": ("#0d1117", "#f0f6fc", "#9198a1", "#484f58 #ff7b72 #3fb950 #d29922 #58a6ff #bc8cff #39c5cf #b1bac4 #6e7681 #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #ffffff"),
}


def record():
    """The asciicast of the scene: its header, then (seconds, "o", text)."""
    child, terminal = pty.fork()
    if child == 0:
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "TERM": "xterm-256color", "PS1": SHELL, "LANG": "C.UTF-8"}
        for name in ("TRINITY_HOME",):
            if name in os.environ:
                environment[name] = os.environ[name]
        # Line editing would write control sequences of its own around what is typed.
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    events, screen, start = [], Screen(WIDTH, HEIGHT), time.monotonic()

    def read(seconds):
        if select.select([terminal], [], [], seconds)[0]:
            text = os.read(terminal, 65536).decode(errors="replace")
            events.append([round(time.monotonic() - start, 3), "o", text])
            screen.feed(text)

    def wait(prompt):
        end = time.monotonic() + PATIENCE_S
        n_asked = len(events)
        while True:
            line = "".join(character for character, _ in screen.cells[screen.y]).rstrip() + " "
            shown = any(prompt in "".join(c for c, _ in row) for row in screen.cells) if prompt not in (SHELL, CHAT) else line == prompt
            if shown and (len(events) > n_asked or n_asked == 0 or prompt == SHELL):
                return
            if time.monotonic() > end:
                raise SystemExit(f"no {prompt!r} on the screen: {[text for _, _, text in events][-3:]}")
            read(0.05)

    def idle(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            read(max(0.0, end - time.monotonic()))

    for prompt, keys in SCENE:
        wait(prompt)
        idle(READ_S if keys == "\x03" else PAUSE_S)
        for key in keys:
            os.write(terminal, key.encode())
            idle(KEY_S)
    os.close(terminal)
    os.waitpid(child, 0)
    return [{"version": 2, "width": WIDTH, "height": HEIGHT}, *events]


def frames(cast):
    """(seconds, rows) whenever the screen has changed, silence shortened; and the seconds of all."""
    header, *events = cast
    screen = Screen(header["width"], header["height"])
    shown, now, last = [(0.0, screen.rows())], 0.0, 0.0
    for i, (seconds, _, text) in enumerate(events):
        now += min(seconds - last, SILENCE_S_MAX)
        last = seconds
        screen.feed(text)
        is_last = i + 1 == len(events)
        if is_last or events[i + 1][0] - seconds > FRAME_S or now - shown[-1][0] > FRAME_S:
            shown.append((now, screen.rows()))
    return shown, now + END_S


def draw(cast, theme):
    ground, ink, dim, colours = THEMES[theme]
    shown, length = frames(cast)
    width, height = cast[0]["width"] * CELL_W + 2 * MARGIN, cast[0]["height"] * CELL_H + 2 * MARGIN
    styles, lines = [], []
    for y in range(cast[0]["height"]):
        for start, end, runs in states(shown, y, length):
            if not runs:
                continue
            is_last = end >= length
            name = ""
            if start > 0 or not is_last:
                name = f"k{len(styles)}"
                # Shown from start to end; what stands at the end stays also where nothing moves.
                keys = f"0%{{visibility:{'visible' if start == 0 else 'hidden'}}}"
                keys += f"{100 * start / length:.2f}%{{visibility:visible}}"
                if not is_last:
                    keys += f"{100 * end / length:.2f}%,100%{{visibility:hidden}}"
                styles.append(f"@keyframes {name}{{{keys}}}.{name}{{animation-name:{name}{'' if is_last else ';visibility:hidden'}}}")
            lines.append(f'<g class="m {name}">' + "".join(run(y, *r, ink, dim, colours.split()) for r in runs) + "</g>")
    style = f"text{{white-space:pre}}.m{{animation:{length:.2f}s step-end infinite}}" + "".join(styles)
    # In words for those who cannot see it.
    last = "\n".join("".join(text for _, text, _ in row) for row in shown[-1][1]).strip()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-size="{SIZE}" '
        f'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,\'DejaVu Sans Mono\',monospace" fill="{ink}">\n'
        f"<title>A terminal: trinity run, a conversation, trinity serve</title><desc>{html.escape(last)}</desc>\n"
        f"<style>{style}\n@media (prefers-reduced-motion:reduce){{.m{{animation:none}}}}</style>\n"
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="{ground}" stroke="{dim}" stroke-opacity="0.4"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def states(shown, y, length):
    """(start, end, runs) of a row."""
    start, runs = 0.0, shown[0][1][y]
    for seconds, rows in shown:
        if rows[y] != runs:
            yield start, seconds, runs
            start, runs = seconds, rows[y]
    yield start, length, runs


def run(y, column, text, look, ink, dim, colours):
    colour, bold, is_dim = look
    fill = colours[colour] if colour is not None else dim if is_dim else None
    x, baseline = MARGIN + column * CELL_W, MARGIN + y * CELL_H + SIZE
    attributes = (f' fill="{fill}"' if fill else "") + (' font-weight="bold"' if bold else "")
    # The cells of every font have this width.
    length = f'{len(text) * CELL_W:.1f}'
    return f'<text x="{x:.1f}" y="{baseline}" textLength="{length}"{attributes}>{html.escape(text, quote=False)}</text>'


def main():
    folder = pathlib.Path(sys.argv[1])
    path = folder / "terminal.cast"
    cast = record()
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in cast))
    for theme in THEMES:
        (folder / f"terminal-{theme}.svg").write_text(draw(cast, theme))


if __name__ == "__main__":
    main()
