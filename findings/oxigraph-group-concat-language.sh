#!/usr/bin/env bash
# GROUP_CONCAT of texts in one language has that language, where SPARQL 1.1 gives a plain text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check pyoxigraph==0.5.13 rdflib==7.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import pyoxigraph
import rdflib

query = 'SELECT (GROUP_CONCAT(?l) AS ?all) { VALUES ?l { "x"@en "y"@en } }'
[row] = pyoxigraph.Store().query(query)
[other] = rdflib.Graph().query(query)
print("pyoxigraph", pyoxigraph.__version__, row["all"].language, "rdflib", rdflib.__version__, other[0].language)
assert (row["all"].language, other[0].language) == ("en", None), "it has changed"
PYTHON
