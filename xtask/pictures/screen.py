"""What a terminal shows after some output: characters in cells with their look. As much of ECMA-48 as shells, rustyline and progress bars use."""

import re

# A control sequence, a title, another escape, a control character, or text.
TOKEN = re.compile(r"\x1b\[([?<=>]?)([0-9;]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b(.)|([\x00-\x1f\x7f])|([^\x00-\x1f\x7f\x1b]+)", re.S)
PLAIN = (None, False, False)  # colour 0 to 15, bold, dim
BLANK = (" ", PLAIN)


class Screen:
    def __init__(self, width, height):
        self.width, self.height = width, height
        self.x = self.y = 0
        self.look = PLAIN
        self.cells = [[BLANK] * width for _ in range(height)]
        self.rest = ""
        self.saved = (0, 0)

    def feed(self, text):
        text = self.rest + text
        self.rest = ""
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                # A sequence that is not whole yet.
                self.rest = text[at:]
                return
            at = match.end()
            private, parameters, final, escape, control, plain = match.groups()
            if plain:
                for character in plain:
                    self._put(character)
            elif control:
                self._control(control)
            elif final and not private:
                self._sequence(final, [int(p) if p else 0 for p in parameters.split(";")])
            elif escape == "7":
                self.saved = (self.x, self.y)
            elif escape == "8":
                self.x, self.y = self.saved

    def rows(self):
        """For each row its runs of one look: (column, text, look)."""
        return [tuple(self._runs(row)) for row in self.cells]

    def _runs(self, row):
        end = self.width
        while end and row[end - 1][0] == " ":
            end -= 1
        start = 0
        while start < end:
            stop = start
            while stop < end and row[stop][1] == row[start][1]:
                stop += 1
            text = "".join(character for character, _ in row[start:stop])
            if text.strip():
                yield start, text, row[start][1]
            start = stop

    def _put(self, character):
        if self.x >= self.width:
            self.x = 0
            self._line_feed()
        self.cells[self.y][self.x] = (character, self.look)
        self.x += 1

    def _line_feed(self):
        if self.y + 1 < self.height:
            self.y += 1
        else:
            self.cells = self.cells[1:] + [[BLANK] * self.width]

    def _control(self, character):
        if character == "\n":
            self._line_feed()
        elif character == "\r":
            self.x = 0
        elif character == "\b":
            self.x = max(0, min(self.x, self.width) - 1)
        elif character == "\t":
            self.x = min(self.width - 1, (self.x // 8 + 1) * 8)

    def _sequence(self, final, numbers):
        n = numbers[0]
        step = max(n, 1)
        if final == "m":
            self._look(numbers)
        elif final in "AB":
            self.y = min(self.height - 1, max(0, self.y + (step if final == "B" else -step)))
        elif final in "CD":
            self.x = min(self.width - 1, max(0, self.x + (step if final == "C" else -step)))
        elif final in "EF":
            self.x, self.y = 0, min(self.height - 1, max(0, self.y + (step if final == "E" else -step)))
        elif final == "G":
            self.x = min(self.width, step) - 1
        elif final in "Hf":
            self.y = min(self.height, step) - 1
            self.x = min(self.width, max(numbers[1] if len(numbers) > 1 else 1, 1)) - 1
        elif final == "K":
            from_x, to_x = {0: (self.x, self.width), 1: (0, self.x + 1), 2: (0, self.width)}[n]
            self.cells[self.y][from_x:to_x] = [BLANK] * (min(to_x, self.width) - from_x)
        elif final == "J":
            if n == 0:
                self.cells[self.y][self.x :] = [BLANK] * (self.width - self.x)
            first = self.y + 1 if n == 0 else 0
            last = self.height if n != 1 else self.y
            for y in range(first, last):
                self.cells[y] = [BLANK] * self.width
        elif final == "P":
            row = self.cells[self.y]
            self.cells[self.y] = row[: self.x] + row[self.x + step :] + [BLANK] * min(step, self.width - self.x)
        elif final == "@":
            row = self.cells[self.y]
            self.cells[self.y] = (row[: self.x] + [BLANK] * step + row[self.x :])[: self.width]

    def _look(self, numbers):
        colour, bold, dim = self.look
        numbers = iter(numbers)
        for n in numbers:
            if n == 0:
                colour, bold, dim = PLAIN
            elif n == 1:
                bold = True
            elif n == 2:
                dim = True
            elif n == 22:
                bold = dim = False
            elif 30 <= n <= 37 or 90 <= n <= 97:
                colour = n - 30 if n < 90 else n - 82
            elif n == 39:
                colour = None
            elif n == 38:
                # Of 256 colours the first 16 have names.
                kind = next(numbers, 0)
                values = [next(numbers, 0) for _ in range(1 if kind == 5 else 3)]
                colour = values[0] if kind == 5 and values[0] < 16 else None
        self.look = (colour, bold, dim)
