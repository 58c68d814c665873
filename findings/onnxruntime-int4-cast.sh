#!/usr/bin/env bash
# Cast to INT4 rounds where Cast to INT8 truncates, and wraps around where the range ends.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
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

values = [0.5, 1.5, 6.5, 7.5, 8.0, -9.0]
int8, int4 = cast(values, TensorProto.INT8), cast(values, TensorProto.INT4)
print("values", values)
print("INT8  ", int8)
print("INT4  ", int4)
assert int8 == [0, 1, 6, 7, 8, -9]
# 7.5 becomes 8 and then -8, the other end of the range.
assert int4 == [1, 2, 7, -8, -8, 7], "it has changed"
PYTHON
