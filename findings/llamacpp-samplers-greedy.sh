#!/usr/bin/env bash
# temperature 0 is not greedy in llama.cpp's server where the list of samplers leaves temperature out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import json
import urllib.error
import urllib.request

import gguf
import numpy
import xllamacpp

# A llama of one layer with random weights: its tokens are bytes, a blank and three letters.
VOCAB = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581", "a", "b", "c"]
N, D = len(VOCAB), 32
rng = numpy.random.default_rng(1)
writer = gguf.GGUFWriter("model.gguf", "llama")
writer.add_context_length(512)
writer.add_embedding_length(D)
writer.add_block_count(1)
writer.add_feed_forward_length(D)
writer.add_head_count(2)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_tokenizer_model("llama")
writer.add_token_list(VOCAB)
writer.add_token_scores([0.0] * N)
writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * 4)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
tensors = {"token_embd": (N, D), "output": (N, D)}
tensors |= {f"blk.0.attn_{name}": (D, D) for name in ("q", "k", "v", "output")}
tensors |= {f"blk.0.ffn_{name}": (D, D) for name in ("gate", "up", "down")}
for name, shape in tensors.items():
    writer.add_tensor(f"{name}.weight", rng.standard_normal(shape).astype(numpy.float32))
for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
    writer.add_tensor(f"{name}.weight", numpy.ones(D, numpy.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

parameters = xllamacpp.CommonParams()
parameters.model.path = "model.gguf"
parameters.n_ctx = 2048
parameters.n_parallel = 4
parameters.cpuparams.n_threads = 1
parameters.verbosity = -1
server = xllamacpp.Server(parameters)


def post(path, **body):
    request = urllib.request.Request(server.listening_address + path, json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


print("xllamacpp", xllamacpp.__version__)
def texts(**more):
    answers = [post("/completion", prompt="abc", n_predict=8, temperature=0, seed=seed, return_tokens=True, **more)[1] for seed in range(6)]
    return {tuple(answer["tokens"]) for answer in answers}


print("temperature 0, six seeds:", len(texts()), "text")
print('with samplers ["top_k"]: ', len(texts(samplers=["top_k"])), "texts")
assert len(texts()) == 1
assert len(texts(samplers=["top_k"])) > 1, "it has changed"
PYTHON
