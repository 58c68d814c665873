#!/usr/bin/env bash
# Cast makes 448 of an infinity in FLOAT8E4M3FN; ml_dtypes makes NaN of it and of all from 465 on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper


def cast(values, type):
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=type), helper.make_node("Cast", ["y"], ["z"], to=TensorProto.FLOAT)]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(values)])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [len(values)])
    graph = helper.make_graph(nodes, "casts", [x], [z])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": numpy.array(values, numpy.float32)})[0].tolist()


print("onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__)

import ml_dtypes

values = [448.0, 464.0, 465.0, 1000.0, float("inf")]
ours = cast(values, TensorProto.FLOAT8E4M3FN)
theirs = numpy.array(values, numpy.float32).astype(ml_dtypes.float8_e4m3fn).astype(numpy.float32)
print("values          ", values)
print("onnxruntime", onnxruntime.__version__, "", ours)
print("ml_dtypes", ml_dtypes.__version__, "   ", theirs.tolist())
assert ours == [448.0] * 5, "it has changed"
assert theirs[:2].tolist() == [448.0] * 2 and numpy.isnan(theirs[2:]).all(), "it has changed"
PYTHON
