"""Speed of llama.cpp through the xllamacpp package: llama_cpp.py FILE THREADS PROMPTS GENERATION DEPTH KV -> JSON {"pp128": .., "tg64": ..}."""

import json
import random
import statistics
import sys

import xllamacpp

path, threads, prompts, generation, depth, kv = sys.argv[1:7]
threads, generation, depth = int(threads), int(generation), int(depth)
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
server = xllamacpp.Server(params)


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
