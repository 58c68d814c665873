"""Speed of llama.cpp through the xllamacpp package: llama_cpp.py FILE THREADS PROMPTS GENERATION DEPTH KV TEXTS -> JSON {"pp128": .., "tg64": ..}.

With TEXTS above 0 the model is an encoder, which embeds so many texts of PROMPTS tokens at once: {"embed128": ..}."""

import json
import random
import statistics
import sys
import time

import xllamacpp

path, threads, prompts, generation, depth, kv, texts = sys.argv[1:8]
threads, generation, depth, texts = int(threads), int(generation), int(depth), int(texts)
prompts = [int(n) for n in prompts.split(",") if n]

params = xllamacpp.CommonParams()
params.model.path = path
params.cpuparams.n_threads = threads
params.cpuparams_batch.n_threads = threads
params.n_ctx = max([depth + generation, *prompts]) + 64
params.n_parallel = 1
params.warmup = True
params.verbosity = 0
if kv == "q8_0":
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
if texts:
    params.embedding = True
    # As many texts in a batch as its usual 2048 tokens hold.
    params.n_parallel = max(1, 2048 // max(prompts))
    params.n_ctx = params.n_parallel * max(prompts)
    params.n_batch = params.n_ubatch = 2048
server = xllamacpp.Server(params)


def embed(n_tokens):
    inputs = [[random.randrange(1000, 30000) for _ in range(n_tokens)] for _ in range(texts)]
    start = time.perf_counter()
    reply = server.handle_embeddings({"input": inputs, "model": "any"})
    seconds = time.perf_counter() - start
    reply = json.loads(reply) if isinstance(reply, str) else reply
    assert len(reply["data"]) == texts, reply
    return texts * n_tokens / seconds


if texts:
    for n in prompts:
        embed(n)
    print(json.dumps({f"embed{n}": statistics.median(embed(n) for _ in range(2)) for n in prompts}))
    sys.exit()


def complete(n_prompt, n_generation):
    request = {
        "prompt": [random.randrange(100, 30000) for _ in range(n_prompt)],
        "temperature": 0,
        "cache_prompt": False,
        "ignore_eos": True,
        "n_predict": n_generation,
    }
    reply = server.handle_completions(request)
    reply = json.loads(reply) if isinstance(reply, str) else reply
    return reply["timings"]


complete(8, 4)
speeds = {}
for n in prompts:
    speeds[f"pp{n}"] = statistics.median(complete(n, 1)["prompt_per_second"] for _ in range(2))
if generation:
    n = 1 if depth else 2
    speeds[f"tg{generation}"] = statistics.median(
        complete(depth or 4, generation)["predicted_per_second"] for _ in range(n)
    )
print(json.dumps(speeds))
