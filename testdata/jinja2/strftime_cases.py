"""Writes strftime_cases.json beside this file: what Python's strftime makes of each directive.

Run where Python's C library is glibc: TZ=UTC python3 strftime_cases.py (made with Python 3.11.7, glibc 2.36)
`times` are [year, month, day, hour, minute, second, microsecond]; `plain` has for each directive its text at each of them, `varied` the
text of directives with flags, widths and modifiers at the first.
"""

import datetime
import json
import pathlib
import string

TIMES = [(2026, 1, 5, 7, 8, 9, 123)]
# Around the ends of years, where weeks belong to the one or the other; noon, midnight, leap days, years of other lengths.
TIMES += [(year, month, day, (day * 5) % 24, day % 60, 59 - day, day * 1000)
          for year in (1999, 2000, 2004, 2008, 2009, 2010, 2015, 2020, 2024, 2026, 2100)
          for month, day in ((1, 1), (1, 2), (1, 3), (1, 4), (2, 29), (3, 1), (12, 28), (12, 29), (12, 30), (12, 31))
          if (month, day) != (2, 29) or year in (2000, 2004, 2008, 2020, 2024)]
TIMES += [(2026, 7, 4, hour, 0, 0, 0) for hour in (0, 1, 11, 12, 13, 23)]

LETTERS = string.ascii_letters + "%+"


def main():
    times = [datetime.datetime(*time) for time in TIMES]
    # Of Python 3.12 `%:z` is a directive, so it is not asked for.
    plain = {"%" + letter: [time.strftime("%" + letter) for time in times] for letter in LETTERS}
    formats = [f"%{flag}{width}{modifier}{letter}"
               for letter in LETTERS
               for flag in ("", "-", "_", "0", "^", "#", "^#", "-_", "_0")
               for width in ("", "1", "12")
               for modifier in ("", "E", "O")
               if (flag or width or modifier) and not (modifier and len(flag) + len(width) > 1)]
    formats += ["%", "a%", "%%", "%%%", "%5", "%05", "%^5", "%E", "%5%", "%5é", "%^5é", "é%dé", "%5000d", "%1024d", "%99999999999d", "%Z|%z|%f", "%%f",
                "%d %B %Y", "%d %b %Y", "%Y-%m-%dT%H:%M:%S.%f", "%A, %-d. %B", "%s", "%'d", "% d", "%1", "%_-5a", "%G-W%V-%u", "%I:%M %p"]
    varied = {format: times[0].strftime(format) for format in formats}
    out = {"times": TIMES, "plain": plain, "varied": varied}
    text = json.dumps(out, ensure_ascii=False, separators=(",", ":"))
    pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


main()
