# Reads and checks the files that PATHS names, as a Python program would: PyYAML's C loader, then a JSON schema.
# `python3 legacy.py FOLDER < PATHS` prints how many files, behaviors, types and constants, then the seconds.
import sys, time
from importlib.metadata import version
import jsonschema, yaml

TEXT = {"type": ["string", "number", "boolean", "null"]}
SCHEMA = {
    "type": "object",
    "required": ["name", "version"],
    "properties": {
        **{key: {"type": "string"} for key in ("name", "version", "language", "module", "description", "author")},
        "constants": {"type": "object"},
        "types": {
            "type": "object",
            "additionalProperties": {
                "type": ["object", "null", "string", "array"],
                "properties": {"description": TEXT, "fields": {"type": ["object", "array", "null"]}},
            },
        },
        "behaviors": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "description": TEXT}},
        },
        "tests": {"type": "array"},
        "test_cases": {"type": "array"},
        "imports": {"type": "array"},
    },
}


def run(texts, validator):
    counts = [0, 0, 0, 0]
    for text in texts:
        spec = yaml.load(text, Loader=yaml.CLoader)
        errors = list(validator.iter_errors(spec))
        if errors:
            raise SystemExit(errors[0])
        of = [len(spec.get(key) or ()) for key in ("behaviors", "types", "constants")]
        counts = [a + b for a, b in zip(counts, [1, *of])]
    return counts


if sys.argv[1:] == ["--version"]:
    print(f"Python {sys.version.split()[0]}, PyYAML {version('pyyaml')}, jsonschema {version('jsonschema')}")
    raise SystemExit
paths = [f"{sys.argv[1]}/{line.strip()}" for line in sys.stdin]
texts = [open(path, "rb").read() for path in paths]
validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
begin = time.process_time()
counts = run(texts, validator)
print(*counts, time.process_time() - begin)
