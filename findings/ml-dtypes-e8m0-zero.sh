#!/usr/bin/env bash
# The scale format of MX blocks has no zero: 0, and what is above its largest power, become NaN.
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
values = numpy.array([0.0, 1e-45, 3.0, 1.9 * 2.0**127, -1.0], numpy.float32)
scales = values.astype(ml_dtypes.float8_e8m0fnu).astype(numpy.float32)
print(dict(zip(values.tolist(), scales.tolist())))
# The smallest scale, 2^-127, is given for what is tiny, but not for zero.
assert numpy.isnan(scales[[0, 3, 4]]).all(), "it has changed"
assert scales[1] == 2.0**-127 and scales[2] == 4.0
# So the scale of a block of zeros, its largest magnitude over 6, turns the whole block into NaN.
block = numpy.zeros(32, numpy.float32)
scale = (numpy.abs(block).max(keepdims=True) / 6).astype(ml_dtypes.float8_e8m0fnu)
print("a block of zeros comes back as", (block * scale.astype(numpy.float32))[:3].tolist())
assert numpy.isnan(block * scale.astype(numpy.float32)).all()
PYTHON
