"""Answers `vibee test SPEC --impl 'python3 this.py'`: the runner protocol, version 1.

    from vibee_runner import Err, Fault, Ok, serve
    serve({"keep_alive.of_text": of_text}, name="mine", version="1.0")

A function gets its arguments by name, as the JSON of the protocol: Int is an int, Float a float (also nan and inf),
enum "case" or {"case": {...}}, Option None or {"some": value}. It returns the same. A function whose specification
returns Result returns Ok(value) or Err(value); a fault is raised as Fault("overflow").
"""

import json
import math
import sys

BIG = 2**53


class Ok:
    """The value of a Result that went well."""

    def __init__(self, value):
        self.value = value


class Err:
    """The error of a Result that went wrong."""

    def __init__(self, value):
        self.value = value


class Fault(Exception):
    """A fault by its name: overflow, div_zero, range, index, ..."""


def encode(value):
    """Writes what JSON cannot say: large Ints, NaN, infinities, -0.0."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < BIG else str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return "-0" if value == 0 and math.copysign(1, value) < 0 else value
    if isinstance(value, dict):
        return {key: encode(of) for key, of in value.items()}
    return [encode(of) for of in value]


def to_float(value):
    """Reads a Float: a number, or "NaN", "Infinity", "-Infinity", "-0"."""
    return float({"Infinity": "inf", "-Infinity": "-inf", "-0": "-0.0"}.get(value, value))


def _answer(functions, request):
    function = functions.get(request["fn"])
    if function is None:
        return {"unsupported": True}
    try:
        value = function(**request["args"])
    except Fault as fault:
        return {"fault": str(fault)}
    if isinstance(value, Err):
        return {"err": encode(value.value)}
    return {"ok": encode(value.value if isinstance(value, Ok) else value)}


def serve(functions, name, version, pending=()):
    """Answers requests on standard input until `bye`. `pending` has pairs of a function and why it is not right yet."""
    out = sys.stdout
    sys.stdout = sys.stderr  # what functions print is talk
    modules = sorted({of.split(".")[0] for of in functions})
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "bye":
            return
        if request["do"] == "hello":
            pairs = [{"fn": function, "why": why} for function, why in pending]
            answer = {"impl": name, "version": version, "modules": modules, "pending": pairs}
        elif request["do"] == "call":
            answer = _answer(functions, request)
        else:
            answer = {"unsupported": True}
        out.write(json.dumps({"id": request["id"], **answer}, allow_nan=False) + "\n")
        out.flush()
