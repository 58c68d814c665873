#!/usr/bin/env bash
# A NaN becomes minus zero in a format that has no NaN, an infinity the largest value.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ml_dtypes==0.6.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import ml_dtypes
import numpy

print("ml_dtypes", ml_dtypes.__version__, "numpy", numpy.__version__)
values = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 100.0], numpy.float32)
for format in (ml_dtypes.float4_e2m1fn, ml_dtypes.float6_e2m3fn, ml_dtypes.float6_e3m2fn):
    back = values.astype(format).astype(numpy.float32)
    print(format.__name__, back.tolist())
    assert back[0] == 0.0 and numpy.signbit(back[0]), "it has changed"
    largest = float(ml_dtypes.finfo(format).max)
    assert back[1:].tolist() == [largest, -largest, largest], "it has changed"
PYTHON
