"""Reads a .tri file as docs/tri-format.md describes it, with nothing but the standard library, and compares it with a GGUF file of the same weights in F32.

    python3 tri_reader.py MODEL.tri FLOATS.gguf

Checks the hashes, decodes every tensor of a type of .tri, and prints what it compared; ends with 1 and the reason at the first difference.
"""

import struct
import sys

TRI, F32 = 0x54520000, 0
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Gguf:
    """Metadata, and tensors by name: (cols, rows, type, offset in the file)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.at = 0
        magic, version, n_tensors, n_keys = self.take("<4sIQQ")
        if (magic, version) != (b"GGUF", 3):
            sys.exit(f"{path}: not GGUF version 3")
        self.metadata = {self.string(): self.value(self.take("<I")[0]) for _ in range(n_keys)}
        self.tensors = {}
        for _ in range(n_tensors):
            name, n_dims = self.string(), self.take("<I")[0]
            dims = self.take(f"<{n_dims}Q")
            rows = 1
            for dim in dims[1:]:
                rows *= dim
            self.tensors[name] = (dims[0], rows, *self.take("<IQ"))
        alignment = self.metadata.get("general.alignment", 32)
        self.start = round_up(self.at, alignment)
        for name, (cols, rows, kind, offset) in self.tensors.items():
            self.tensors[name] = (cols, rows, kind, self.start + offset)

    def take(self, fields):
        values = struct.unpack_from(fields, self.data, self.at)
        self.at += struct.calcsize(fields)
        return values

    def string(self):
        n = self.take("<Q")[0]
        self.at += n
        return self.data[self.at - n : self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            of, n = self.take("<IQ")
            return [self.value(of) for _ in range(n)]
        return self.take("<" + SCALARS[kind])[0]


def round_up(n, to):
    return -(-n // to) * to


# The types: (is base 3, group or None, is a scale for each row, format of the scale).
def type_of(kind):
    packing, span, scale = kind >> 8 & 255, kind >> 4 & 15, kind & 15
    if kind >> 16 != TRI >> 16 or packing not in (1, 2) or span not in (0, 1, 5, 6, 7, 8) or scale > 1:
        sys.exit(f"unknown type {kind:#x}")
    return packing == 1, 1 << span if span > 1 else None, span == 1, "<" + "ef"[scale]


def unpack(line, n_weights, is_base3):
    """Codes of a line."""
    n, codes = len(line), []
    for place in range(n_weights):
        p, byte = place // n, line[place % n]
        digit = ((byte * 3**p) % 256 * 3) // 256 if is_base3 else byte >> 2 * p & 3
        if digit > 2:
            sys.exit(f"digit 3 in byte {byte:#x}")
        codes.append(digit - 1)
    return codes


def lines(cols, is_base3):
    """(weights, bytes) of each line of a row without scales."""
    out = []
    if is_base3:
        out += [(1280, 256)] * (cols // 1280)
        cols %= 1280
    out += [(256, 52 if is_base3 else 64)] * (cols // 256)
    rest = cols % 256
    if rest:
        out.append((rest, 4 * -(-rest // (20 if is_base3 else 16))))
    return out


def decode(data, at, cols, rows, kind):
    """All weights, and the bytes of the tensor."""
    is_base3, group, is_by_row, scale_format = type_of(kind)
    scale_bytes, values, start = struct.calcsize(scale_format), [], at
    if group:
        line_bytes = -(-group // 5) if is_base3 else group // 4
        for _ in range(rows * cols // group):
            codes = unpack(data[at : at + line_bytes], group, is_base3)
            (scale,) = struct.unpack_from(scale_format, data, at + line_bytes)
            at += line_bytes + scale_bytes
            values += [scale * code for code in codes]
        return values, at - start
    row_lines = lines(cols, is_base3)
    scales_at = start + round_up(rows * sum(n_bytes for _, n_bytes in row_lines), 32)
    for row in range(rows):
        (scale,) = struct.unpack_from(scale_format, data, scales_at + (row * scale_bytes if is_by_row else 0))
        for n_weights, n_bytes in row_lines:
            values += [scale * code for code in unpack(data[at : at + n_bytes], n_weights, is_base3)]
            at += n_bytes
    return values, scales_at + (rows if is_by_row else 1) * scale_bytes - start


# BLAKE3 as its paper defines it, one thread, slow.
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT, MASK = 1, 2, 4, 8, 0xFFFFFFFF


def compress(chain, block, counter, n_bytes, flags):
    m = struct.unpack("<16I", block.ljust(64, b"\0"))
    v = [*chain, *IV[:4], counter & MASK, counter >> 32, n_bytes, flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(MIXED):
            for x, rotate_d, rotate_b in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                v[a] = v[a] + v[b] + x & MASK
                w = v[d] ^ v[a]
                v[d] = (w >> rotate_d | w << 32 - rotate_d) & MASK
                v[c] = v[c] + v[d] & MASK
                w = v[b] ^ v[c]
                v[b] = (w >> rotate_b | w << 32 - rotate_b) & MASK
        m = tuple(m[i] for i in PERMUTATION)
    return [v[i] ^ v[i + 8] for i in range(8)]


def blake3(data, first=0, root=ROOT):
    """Chaining value of some chunks of 1024 bytes, of which the first has that number; the hash if they are all."""
    n_chunks = max(1, -(-len(data) // 1024))
    if n_chunks > 1:
        left = 1 << (n_chunks - 1).bit_length() - 1
        halves = blake3(data[: left * 1024], first, 0) + blake3(data[left * 1024 :], first + left, 0)
        return compress(IV, struct.pack("<16I", *halves), 0, 64, PARENT | root)
    chain = IV
    blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
    for i, block in enumerate(blocks):
        flags = CHUNK_START * (i == 0) | (CHUNK_END | root) * (i == len(blocks) - 1)
        chain = compress(chain, block, first, len(block), flags)
    return chain


def digits(data):
    return struct.pack("<8I", *blake3(data)).hex()


def main(tri_path, floats_path):
    tri, floats = Gguf(tri_path), Gguf(floats_path)
    if tri.metadata.get("trinity.tri.version") != 1:
        sys.exit(f"{tri_path}: trinity.tri.version is not 1")
    header, said = tri.data[: tri.start], tri.metadata["trinity.blake3.header"]
    if header.count(said.encode()) != 1 or digits(header.replace(said.encode(), b"0" * 64)) != said:
        sys.exit("the header is not what its hash says")
    if tri.tensors.keys() != floats.tensors.keys():
        sys.exit("other tensors")
    n_ternary = n_weights = 0
    for (name, (cols, rows, kind, at)), said in zip(tri.tensors.items(), tri.metadata["trinity.blake3.tensors"]):
        if kind == F32:
            n_bytes = 4 * cols * rows
            values = list(struct.unpack_from(f"<{cols * rows}f", tri.data, at))
        else:
            values, n_bytes = decode(tri.data, at, cols, rows, kind)
            n_ternary += 1
        if digits(tri.data[at : at + n_bytes]) != said:
            sys.exit(f"{name}: data is not what its hash says")
        expected_cols, expected_rows, expected_kind, expected_at = floats.tensors[name]
        if (cols, rows, F32) != (expected_cols, expected_rows, expected_kind):
            sys.exit(f"{name}: {cols} x {rows}, expected F32 of {expected_cols} x {expected_rows}")
        expected = struct.unpack_from(f"<{cols * rows}f", floats.data, expected_at)
        for i, (value, wanted) in enumerate(zip(values, expected)):
            if value != wanted:
                sys.exit(f"{name}: weight {i} is {value}, expected {wanted}")
        n_weights += len(values)
    print(f"{len(tri.tensors)} tensors, {n_ternary} ternary, {n_weights} weights equal, hashes match")


if __name__ == "__main__":
    main(*sys.argv[1:])
