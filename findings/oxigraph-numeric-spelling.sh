#!/usr/bin/env bash
# Numbers are stored by value and as one of few types: xsd:byte comes back as xsd:integer, and two facts become one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pyoxigraph==0.5.13
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import pyoxigraph
from pyoxigraph import Literal, NamedNode, Quad, Store

XSD = "http://www.w3.org/2001/XMLSchema#"
subject, predicate = NamedNode("http://example.com/s"), NamedNode("http://example.com/p")
store = Store()
given = [("01", "integer"), ("1", "byte"), ("1.0", "decimal"), ("1e0", "double")]
for value, type in given:
    store.add(Quad(subject, predicate, Literal(value, datatype=NamedNode(XSD + type))))
kept = sorted((quad.object.value, quad.object.datatype.value.removeprefix(XSD)) for quad in store)
print("pyoxigraph", pyoxigraph.__version__)
print("given", given)
print("kept ", kept)
assert kept == [("1", "decimal"), ("1", "double"), ("1", "integer")], "it has changed"
PYTHON
