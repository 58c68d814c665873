"""The fixed mix of queries beside pyoxigraph: python mix.py MIX GRAPH.nt FOLDER, MIX being the built example `mix`.

Alternates between the graph, oxigraph in memory and oxigraph on disk, query by query; prints medians and ratios."""
import math, pathlib, statistics, subprocess, sys, time
import pyoxigraph as ox

mix, graph, folder = sys.argv[1:4]
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
text = pathlib.Path(__file__).with_name("mix.rq").read_text()
queries = [q.split("\n", 1) for q in text.split("## ")[1:]]
queries = [(name, "PREFIX : <http://a/>\n" + q) for name, q in queries if " " not in name]
stores = {}
for name, store in (("memory", ox.Store()), ("disk", ox.Store(folder))):
    store.bulk_load(path=graph, format=ox.RdfFormat.N_TRIPLES)
    stores[name] = store
ours = subprocess.Popen([mix, "run", graph], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert ours.stdout.readline() == "ready\n"

def own(name):
    ours.stdin.write(name + "\n"); ours.stdin.flush()
    _, rows, us = ours.stdout.readline().split()
    return int(rows), int(us) / 1e6

def others(store, query):
    started = time.perf_counter()
    rows = sum(1 for _ in store.query(query))
    return rows, time.perf_counter() - started

logs = {"memory": 0.0, "disk": 0.0}
print(f"{'query':14} {'rows':>8} {'ours ms':>9} {'memory ms':>10} {'disk ms':>10} {'/memory':>8} {'/disk':>8}")
for name, query in queries:
    times = {"ours": [], "memory": [], "disk": []}
    for _ in range(rounds):
        rows, seconds = own(name); times["ours"].append(seconds)
        for which, store in stores.items():
            n, seconds = others(store, query); times[which].append(seconds)
            assert n == rows, (name, which, n, rows)
    median = {which: statistics.median(t) for which, t in times.items()}
    for which in logs:
        logs[which] += math.log(median[which] / median["ours"])
    print(f"{name:14} {rows:8} {median['ours']*1e3:9.3f} {median['memory']*1e3:10.3f} {median['disk']*1e3:10.3f} "
          f"{median['memory']/median['ours']:8.2f} {median['disk']/median['ours']:8.2f}")
print("geometric mean", {which: round(math.exp(v / len(queries)), 2) for which, v in logs.items()}, "of", len(queries))
