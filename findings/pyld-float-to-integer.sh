#!/usr/bin/env bash
# A float without fraction becomes an xsd:integer, up to 10^21 and with −0 among them: its type is lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check PyLD==3.3.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

from pyld import jsonld


def object_of(value):
    document = {"@id": "http://example.org/s", "http://example.org/p": value}
    line = jsonld.to_rdf(document, {"format": "application/n-quads"}).strip()
    text, _, datatype = line.split(" ")[2].partition("^^")
    return text.strip('"'), datatype.rstrip(">").rpartition("#")[2]


objects = {value: object_of(value) for value in (5.5, 5.0, 1e20, 1e21)}
minus_zero = object_of(-0.0)
print("PyLD", version("PyLD"))
print("as RDF:", objects, "−0.0:", minus_zero)
assert objects[5.5] == ("5.5E0", "double") and objects[1e21] == ("1.0E21", "double"), "it has changed"
assert objects[5.0] == ("5", "integer") and objects[1e20] == ("1" + "0" * 20, "integer"), "it has changed"
assert minus_zero == ("0", "integer"), "it has changed"
PYTHON
