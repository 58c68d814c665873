"""Hypervectors by numpy, torchhd, faiss and usearch: one round of times, as JSON.

peers.py DIM ITEMS; where torchhd or its PyTorch cannot be imported, "missing" says so. One thread everywhere.
"""

import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import faiss
import numpy as np
import usearch.index

BATCH, MEMBERS, QUERIES, HITS = 1_000, 32, 8, 10


def timed(n, work, repetitions=3):
    """Nanoseconds for one of the n things that work does: the median of a few repetitions."""
    work()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - start) / n)
    return sorted(times)[len(times) // 2]


def main():
    dim, items = int(sys.argv[1]), int(sys.argv[2])
    rng = np.random.default_rng(1)
    found, missing = {}, {}

    signs = rng.integers(0, 2, (MEMBERS, dim), dtype=np.int8) * 2 - 1
    out = np.empty(dim, dtype=np.int8)
    pairs = [(i % MEMBERS, (i + 1) % MEMBERS) for i in range(BATCH)]

    def bind():
        for a, b in pairs:
            np.multiply(signs[a], signs[b], out=out)

    # int8 products add up exactly in int32 only: the widening is part of an exact dot product.
    wide = signs.astype(np.int32)

    def dot():
        for a, b in pairs:
            np.dot(wide[a], wide[b])

    floats = signs.astype(np.float32)

    def dot_float():
        for a, b in pairs:
            np.dot(floats[a], floats[b])

    def rotate():
        for i, _ in pairs:
            np.roll(signs[i], i)

    def bundle():
        for _ in range(BATCH // MEMBERS):
            signs.sum(axis=0, dtype=np.int32)

    found["bind, bipolar"] = {"numpy int8": timed(BATCH, bind)}
    found["dot, bipolar"] = {"numpy int32": timed(BATCH, dot), "numpy float32": timed(BATCH, dot_float)}
    found["rotate, bipolar"] = {"numpy int8": timed(BATCH, rotate)}
    found["bundle of 32, bipolar"] = {"numpy int8": timed(BATCH // MEMBERS, bundle)}

    try:
        import torch
        import torchhd
    # PyTorch without libraries that it was built with raises what it likes.
    except Exception as why:
        missing["torchhd"] = f"{type(why).__name__}: {why}".splitlines()[0]
    else:
        torch.set_num_threads(1)
        vectors = torchhd.random(MEMBERS, dim, "MAP")
        members = list(vectors)

        def torch_bind():
            for a, b in pairs:
                torchhd.bind(members[a], members[b])

        def torch_bundle():
            for _ in range(BATCH // MEMBERS):
                torchhd.multiset(vectors)

        found["bind, bipolar"]["torchhd MAP"] = timed(BATCH, torch_bind)
        found["bundle of 32, bipolar"]["torchhd MAP"] = timed(BATCH // MEMBERS, torch_bundle)

    packed = rng.integers(0, 256, (items, dim // 8), dtype=np.uint8)
    queries = rng.integers(0, 256, (QUERIES, dim // 8), dtype=np.uint8)
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexBinaryFlat(dim)
    flat.add(packed)
    one, eight = "top 10, one query like none", "top 10, each of eight such queries"
    found[one] = {"faiss flat": timed(1, lambda: flat.search(queries[:1], HITS))}
    found[eight] = {"faiss flat": timed(QUERIES, lambda: flat.search(queries, HITS))}
    hamming = usearch.index.MetricKind.Hamming

    def search(some):
        usearch.index.search(packed, some, HITS, metric=hamming, exact=True, threads=1)

    found[one]["usearch exact"] = timed(1, lambda: search(queries[:1]))
    found[eight]["usearch exact"] = timed(QUERIES, lambda: search(queries))
    print(json.dumps({"rows": found, "missing": missing}))


main()
