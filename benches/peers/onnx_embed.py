"""Speed of a BERT in ONNX Runtime, matrices in dynamic int8 as sentence-transformers exports them: onnx_embed.py FILE THREADS PROMPTS TEXTS -> JSON {"embed128": ..}.

FILE is the GGUF that the others read; its weights are the graph's. Needs gguf, onnx and onnxruntime."""

import json
import os
import random
import statistics
import sys
import tempfile
import time

import gguf
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

path, threads, prompts, texts = sys.argv[1:5]
threads, texts = int(threads), int(texts)
prompts = [int(n) for n in prompts.split(",") if n]
# What sentence-transformers encodes together where nobody asks for another number.
TOGETHER = 32

reader = gguf.GGUFReader(path)


def count(key):
    return int(reader.get_field(f"bert.{key}").contents())


n_layers, n_heads, width = count("block_count"), count("attention.head_count"), count("embedding_length")
epsilon = float(reader.get_field("bert.attention.layer_norm_epsilon").contents())
nodes, weights = [], []


def node(kind, inputs, **attributes):
    name = f"n{len(nodes)}"
    nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
    return name


def constant(values):
    name = f"w{len(weights)}"
    weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
    return name


tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}


def linear(x, name):
    y = node("MatMul", [x, constant(tensors[f"{name}.weight"].T)])
    return node("Add", [y, constant(tensors[f"{name}.bias"])])


def norm(x, name):
    factors = [constant(tensors[f"{name}.{part}"]) for part in ("weight", "bias")]
    return node("LayerNormalization", [x, *factors], axis=-1, epsilon=epsilon)


def heads(x, order):
    shape = constant(np.array([0, 0, n_heads, width // n_heads], dtype=np.int64))
    return node("Transpose", [node("Reshape", [x, shape])], perm=order)


words = node("Gather", [constant(tensors["token_embd.weight"]), "ids"])
places = node("Gather", [constant(tensors["position_embd.weight"]), "positions"])
x = node("Add", [words, node("Add", [places, constant(tensors["token_types.weight"][0])])])
x = norm(x, "token_embd_norm")
for layer in range(n_layers):
    part = f"blk.{layer}."
    query = heads(linear(x, part + "attn_q"), [0, 2, 1, 3])
    key = heads(linear(x, part + "attn_k"), [0, 2, 3, 1])
    value = heads(linear(x, part + "attn_v"), [0, 2, 1, 3])
    root = constant(np.array((width // n_heads) ** 0.5, dtype=np.float32))
    scores = node("Softmax", [node("Div", [node("MatMul", [query, key]), root])], axis=-1)
    seen = node("Transpose", [node("MatMul", [scores, value])], perm=[0, 2, 1, 3])
    seen = node("Reshape", [seen, constant(np.array([0, 0, width], dtype=np.int64))])
    x = norm(node("Add", [linear(seen, part + "attn_output"), x]), part + "attn_output_norm")
    inner = node("Gelu", [linear(x, part + "ffn_up")], approximate="tanh")
    x = norm(node("Add", [linear(inner, part + "ffn_down"), x]), part + "layer_output_norm")
mean = node("ReduceMean", [x, constant(np.array([1], dtype=np.int64))], keepdims=0)
graph = helper.make_graph(
    nodes,
    "bert",
    [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "tokens"]),
        helper.make_tensor_value_info("positions", TensorProto.INT64, ["tokens"]),
    ],
    [helper.make_tensor_value_info(mean, TensorProto.FLOAT, ["texts", width])],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
with tempfile.TemporaryDirectory() as folder:
    plain, small = os.path.join(folder, "plain.onnx"), os.path.join(folder, "int8.onnx")
    onnx.save(model, plain)
    quantize_dynamic(plain, small, weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(small, options, providers=["CPUExecutionProvider"])


def embed(n_tokens):
    n_vocab = len(tensors["token_embd.weight"])
    ids = np.array([[random.randrange(n_vocab) for _ in range(n_tokens)] for _ in range(texts)])
    positions = np.arange(n_tokens)
    start = time.perf_counter()
    for first in range(0, texts, TOGETHER):
        session.run(None, {"ids": ids[first : first + TOGETHER], "positions": positions})
    return texts * n_tokens / (time.perf_counter() - start)


for n in prompts:
    embed(n)
print(json.dumps({f"embed{n}": statistics.median(embed(n) for _ in range(2)) for n in prompts}))
