#!/usr/bin/env bash
# A predicate whose end is no XML name is written in RDF/XML as an element without a local name, which is no XML.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pyoxigraph==0.5.13
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import xml.dom.minidom
from xml.parsers.expat import ExpatError

import pyoxigraph
from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, parse, serialize

predicate = NamedNode("http://example.com/1/")
fact = Triple(NamedNode("http://example.com/s"), predicate, Literal("x"))
written = serialize([fact], format=RdfFormat.RDF_XML)
print("pyoxigraph", pyoxigraph.__version__)
print(written.decode())
assert b"<oxprefix: " in written, "it has changed"
try:
    xml.dom.minidom.parseString(written)
    raise SystemExit("it has changed: this is XML")
except ExpatError as error:
    print("expat:", error)
read = [quad.predicate for quad in parse(written, format=RdfFormat.RDF_XML)]
print("its own parser reads", read)
assert read == [predicate], "it has changed"
PYTHON
