"""Writes vectors.txt: the vectors of some names, made from what crates/vsa/src/space.rs and levels.rs say of them.

python3 make.py > vectors.txt; needs the package blake3 (made with 1.0.11). It shares no code with the library.
"""

import blake3

M64 = (1 << 64) - 1


class Stream:
    def __init__(self, seed, kind, dim, name):
        h = digest(seed, kind, dim, name)
        self.s = [int.from_bytes(h[8 * i : 8 * i + 8], "little") for i in range(4)]

    def word(self):
        """xoshiro256++ 1.0 of Blackman and Vigna."""
        s = self.s
        rotl = lambda x, k: (x << k | x >> (64 - k)) & M64
        result = (rotl((s[0] + s[3]) & M64, 23) + s[0]) & M64
        t = s[1] << 17 & M64
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return result

    def below(self, n):
        return self.word() * n >> 64


def digest(seed, kind, dim, name):
    text = b"trinity vsa 1\0" + seed.to_bytes(8, "little") + dim.to_bytes(4, "little")
    return blake3.blake3(text + bytes([len(kind)]) + kind + name).digest()


def n_words(dim):
    return (dim + 63) // 64


def place(dim, i):
    return (i % n_words(dim), i // n_words(dim)) if dim % 64 == 0 else (i // 64, i % 64)


def cut(dim, words):
    """Without bits behind the end, and up to whole lines."""
    bits = [min(64, dim - 64 * w) for w in range(n_words(dim))]
    words = [w & ((1 << b) - 1) for w, b in zip(words, bits)]
    return words + [0] * (-len(words) % 8)


def random_words(stream, dim):
    return cut(dim, [stream.word() for _ in range(n_words(dim))])


def sparse(seed, dim, name, nonzero):
    stream, left = Stream(seed, b"sparse", dim, name), list(range(dim))
    planes = [cut(dim, [0] * n_words(dim)) for _ in range(2)]
    for _ in range(nonzero):
        i = stream.below(len(left))
        left[i], left[-1] = left[-1], left[i]
        word, bit = place(dim, left.pop())
        planes[0][word] |= (stream.word() & 1) << bit
        planes[1][word] |= 1 << bit
    lines = [planes[p][8 * l : 8 * l + 8] for l in range(len(planes[0]) // 8) for p in range(2)]
    return sum(lines, [])


def levels(seed, dim, kind, name, n):
    stream, left, order = Stream(seed, kind, dim, name), list(range(dim)), []
    base = random_words(stream, dim)
    for _ in range(dim // 2 if kind == b"levels" else dim // 4 * 2):
        i = stream.below(len(left))
        left[i], left[-1] = left[-1], left[i]
        order.append(left.pop())
    nearest = lambda share, of: (2 * share * len(order) + of) // (2 * of)
    for level in range(n):
        if kind == b"levels":
            turned = order[: nearest(level, n - 1)]
        else:
            start = nearest(level, n)
            turned = [order[(start + i) % len(order)] for i in range(len(order) // 2)]
        words = list(base)
        for position in turned:
            word, bit = place(dim, position)
            words[word] ^= 1 << bit
        yield words


def put(name, words):
    print(name, *(f"{w:016x}" for w in words))


for dim, seed in [(64, 0), (100, 1), (512, 2), (704, M64)]:
    for name in ["", "a", "größe"]:
        put(f"item {dim} {seed} '{name}'", random_words(Stream(seed, b"item", dim, name.encode()), dim))
        put(f"sparse {dim} {seed} '{name}' {dim // 5}", sparse(seed, dim, name.encode(), dim // 5))
    both = zip(levels(seed, dim, b"levels", b"x", 3), levels(seed, dim, b"circle", b"x", 3))
    for level, (on_line, on_circle) in enumerate(both):
        put(f"levels {dim} {seed} 'x' {level} of 3", on_line)
        put(f"circle {dim} {seed} 'x' {level} of 3", on_circle)
    put(f"ties {dim} {seed}", random_words(Stream(seed, b"ties", dim, b""), dim))
    print(f"digest {dim} {seed} {digest(seed, b'space', dim, b'')[:16].hex()}")
