#!/usr/bin/env bash
# A path of alternatives gives each pair of ends once, though SPARQL 1.1 defines it as the union of its parts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pyoxigraph==0.5.13
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import pyoxigraph
from pyoxigraph import NamedNode, Quad, Store

store = Store()
subject, value = NamedNode("http://example.com/s"), NamedNode("http://example.com/o")
for predicate in "p", "q":
    store.add(Quad(subject, NamedNode("http://example.com/" + predicate), value))


def rows(pattern):
    return len(list(store.query("PREFIX : <http://example.com/> SELECT ?o { " + pattern + " }")))


path, union = rows(":s :p|:q ?o"), rows("{ :s :p ?o } UNION { :s :q ?o }")
print("pyoxigraph", pyoxigraph.__version__)
print("rows of :p|:q ", path)
print("rows of UNION ", union)
assert (path, union) == (1, 2), "it has changed"
PYTHON
