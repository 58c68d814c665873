#!/usr/bin/env bash
# The converter of llama.cpp writes the word "rwkv-world" as the chat template of RWKV files. The server knows the
# format by that word, but by default takes it for a template: whatever the messages are, the prompt is the word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import json
import urllib.request

import gguf
import numpy
import xllamacpp

# A llama of one layer with random weights, whose tokens are bytes.
VOCAB = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581"]
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
writer.add_token_types([2, 3, 3] + [6] * 256 + [1])
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_chat_template("rwkv-world")
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


def prompt(use_jinja):
    parameters = xllamacpp.CommonParams()
    parameters.model.path = "model.gguf"
    parameters.n_ctx = 512
    parameters.cpuparams.n_threads = 1
    parameters.verbosity = -1
    if use_jinja is not None:
        parameters.use_jinja = use_jinja
    server = xllamacpp.Server(parameters)
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    body = json.dumps({"messages": messages}).encode()
    request = urllib.request.Request(server.listening_address + "/apply-template", body)
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as response:
        return json.load(response)["prompt"]


print("xllamacpp", xllamacpp.__version__)
by_default, without_jinja = prompt(None), prompt(False)
print("by default:   ", repr(by_default))
print("without Jinja:", repr(without_jinja))
assert without_jinja == "User: What is the capital of France?\n\nAssistant:", without_jinja
assert by_default == "rwkv-world", "it has changed"
PYTHON
