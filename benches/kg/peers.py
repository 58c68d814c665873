"""kg beside pyoxigraph: python peers.py MIX GRAPH.nt FOLDER LOADS ROUNDS, MIX being the built example `mix` of crates/kg.

Everything is processor time in seconds, ours and theirs in turns; the last line of standard output is JSON. Loads run in
processes of their own and end with what is asked of a file: that it is synced. Queries are read, answered and written
as TSV; both write the same rows, or the run ends. With no ROUNDS, only loads are measured."""
import json, os, pathlib, shutil, subprocess, sys, time
import pyoxigraph as ox

MIX, GRAPH, FOLDER, LOADS, ROUNDS = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
MEMORY = 256 << 20
BATCH_SECONDS = 0.02  # Short queries run again and again for so long; the time is that of one.
POINTS = 20_000
PREFIX = "PREFIX : <http://a/>\n"
LOAD = """import sys, pyoxigraph as ox
store = ox.Store(*sys.argv[2:])
store.bulk_load(path=sys.argv[1], format=ox.RdfFormat.N_TRIPLES)
if sys.argv[2:]: store.flush()"""

def mix():
    text = pathlib.Path(__file__).with_name("mix.rq").read_text()
    queries = [q.split("\n", 1) for q in text.split("\n## ")[1:]]
    return {name: query for name, query in queries}

def ran(command):
    """Processor time, wall time and the most resident bytes of a process."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, use = os.wait4(child.pid, 0)
    assert status == 0, command
    return {"processor": use.ru_utime + use.ru_stime, "wall": time.perf_counter() - started, "peak": use.ru_maxrss << 10}

def size(path):
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    return sum(f.stat().st_size for f in files)

def loads():
    rows = {"file": {}, "memory": {}}
    for n in range(LOADS):
        print(f"load {n + 1} of {LOADS}", file=sys.stderr)
        for place in rows:
            for old in (FOLDER / "ours.kg", FOLDER / "oxigraph"):
                if place == "file":
                    shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
            at = {"file": ([FOLDER / "ours.kg"], [FOLDER / "oxigraph"]), "memory": ([], [])}[place]
            mine = ran([MIX, "load", str(MEMORY), GRAPH, *map(str, at[0])])
            theirs = ran([sys.executable, "-c", LOAD, GRAPH, *map(str, at[1])])
            for who, use in (("kg", mine), ("oxigraph", theirs)):
                rows[place].setdefault(who, []).append(use)
    return rows

class Ours:
    def __init__(self, *place):
        self.child = subprocess.Popen([MIX, "serve", *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ready\n"

    def ask(self, *words):
        self.child.stdin.write(" ".join(map(str, words)) + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().split()

    def rows(self, name):
        path = FOLDER / "answer.tsv"
        self.ask("write", path, name)
        return lines(path.read_bytes())

    def time(self, name, repeats):
        return self.processor("repeat", repeats, name) / repeats

    def processor(self, *words):
        """What the process has of the processor for an answer, by its clock on Linux."""
        clock = ~self.child.pid << 3 | 2
        started = time.clock_gettime(clock)
        self.ask(*words)
        return time.clock_gettime(clock) - started

class Theirs:
    def __init__(self, store):
        self.store = store

    def rows(self, name):
        return lines(self.store.query(PREFIX + QUERIES[name]).serialize(format=ox.QueryResultsFormat.TSV))

    def time(self, name, repeats):
        query = PREFIX + QUERIES[name]
        started = time.thread_time()
        for _ in range(repeats):
            self.store.query(query).serialize(format=ox.QueryResultsFormat.TSV)
        return (time.thread_time() - started) / repeats

def lines(tsv):
    """The header, and the rows in an order that says nothing."""
    head, *rows = tsv.decode().splitlines()
    return head, sorted(rows)

def same(name, engines):
    query = QUERIES[name]
    all_rows = {who: engine.rows(name) for who, engine in engines.items()}
    (head, rows) = all_rows["kg in memory"]
    if "LIMIT" in query and "ORDER" not in query:
        # Any rows will do, if there are as many and all of them are right.
        whole = engines["oxigraph in memory"].store.query(PREFIX + query.split("LIMIT")[0])
        allowed = set(lines(whole.serialize(format=ox.QueryResultsFormat.TSV))[1])
        for who, (other_head, other) in all_rows.items():
            assert (other_head, len(other)) == (head, len(rows)) and allowed.issuperset(other), (name, who)
    else:
        for who, other in all_rows.items():
            assert other == (head, rows), (name, who, other[1][:3], rows[:3])
    return len(rows)

def queries():
    stores = {"memory": ox.Store(), "file": ox.Store(str(FOLDER / "oxigraph"))}
    stores["memory"].bulk_load(path=GRAPH, format=ox.RdfFormat.N_TRIPLES)
    engines = {
        "kg in memory": Ours("memory", GRAPH), "oxigraph in memory": Theirs(stores["memory"]),
        "kg in a file": Ours("file", str(FOLDER / "ours.kg")), "oxigraph in a file": Theirs(stores["file"]),
    }
    found = {}
    for name in QUERIES:
        n_rows = same(name, engines)
        times = {who: [] for who in engines}
        repeats = {who: max(1, int(BATCH_SECONDS / max(e.time(name, 1), 1e-7))) for who, e in engines.items()}
        for _ in range(ROUNDS):
            for who, engine in engines.items():
                times[who].append(engine.time(name, repeats[who]))
        found[name] = {"rows": n_rows, "seconds": times}
        best = {who: sorted(t)[len(t) // 2] * 1e3 for who, t in times.items()}
        print(f"{name:14} {n_rows:7}", *(f"{who} {ms:.3f} ms;" for who, ms in best.items()),
              f"{best['oxigraph in memory'] / best['kg in memory']:.1f}x",
              f"{best['oxigraph in a file'] / best['kg in a file']:.1f}x", file=sys.stderr)
    points = engines["kg in a file"]
    found_points = [points.processor("points", POINTS) / POINTS for _ in range(ROUNDS)]
    return {"queries": found, "points": {"kg": found_points}}

def sizes():
    found = {"text": size(pathlib.Path(GRAPH)), "kg": size(FOLDER / "ours.kg"), "oxigraph": size(FOLDER / "oxigraph")}
    store = ox.Store(str(FOLDER / "oxigraph"))
    store.optimize()
    store.flush()
    del store
    return found | {"oxigraph optimized": size(FOLDER / "oxigraph")}

QUERIES = mix()
result = {"triples": sum(1 for _ in open(GRAPH, "rb")), "memory": MEMORY, "loads": loads(), "sizes": sizes()}
if ROUNDS:
    result |= queries()
print(json.dumps(result))
