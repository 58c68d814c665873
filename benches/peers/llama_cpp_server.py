"""llama.cpp's server through the xllamacpp package: llama_cpp_server.py FILE PORT THREADS SLOTS CONTEXT (tokens of each slot). Runs until killed.

llama_cpp_server.py --info says which build it is.
"""

import signal
import sys

import xllamacpp

if sys.argv[1] == "--info":
    print(f"xllamacpp {xllamacpp.__version__} {xllamacpp.get_system_info().strip()}")
    sys.exit()
path, port, threads, slots, context = sys.argv[1], *map(int, sys.argv[2:6])

params = xllamacpp.CommonParams()
params.model.path = path
params.cpuparams.n_threads = threads
params.cpuparams_batch.n_threads = threads
params.n_parallel = slots
params.n_ctx = slots * context
params.hostnames = ["127.0.0.1"]
params.port = port
params.verbosity = 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.pause()
