"""A model that says what a test wrote, for clients whose prompts are too long and whose turns are too many for a real one on two cores.

It has SmolLM2's vocabulary and chat template, a context of 64 k tokens and one layer of llama whose weights are set, not trained. Each piece of each
reply is a token of its own, behind the vocabulary (text never becomes one). A row of the output head waits for the piece before; the first piece of
a reply waits for the prompt. An attention head for each marker looks for that word's token in the whole context, and its reply wins over the default
and over those of the markers before it: so a marker in the result of a tool makes the second turn differ from the first.
"""


import json

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter

from served import smollm2

HEAD = 8
HEADS = 8
WIDTH = HEAD * HEADS
CONTEXT = 65536

# Coordinates of the residual stream.
ONE, MARKER, FLAG, PROMPT, PIECE = 0, 1, 1 + HEADS, 1 + 2 * HEADS, 2 + 2 * HEADS
PIECES_MAX = WIDTH - PIECE


def byte_letters():
    """Letters that stand for bytes in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def pieces(text):
    """Two to four pieces, so that streams have something to stream."""
    size = max(1, -(-len(text) // 4))
    return [text[at : at + size] for at in range(0, len(text), size)]


def write(path, base, default, rules=()):
    """A model at `path` that answers `default`, or the reply of the last of `rules` (marker, reply) whose marker its context holds.

    `base` is the GGUF file whose tokenizer and template it has. A marker is a word, or any of several, that is one token behind a space.
    """
    assert len(rules) <= HEADS
    letters = byte_letters()
    reader = GGUFReader(base)
    fields = {name: field.contents() for name, field in reader.fields.items() if name.startswith("tokenizer.")}
    vocabulary = fields["tokenizer.ggml.tokens"]
    types = fields["tokenizer.ggml.token_type"]
    n_base = len(vocabulary)
    end = fields["tokenizer.ggml.eos_token_id"]
    replies = [pieces(text) for text in [default, *(reply for _, reply in rules)]]
    n_pieces = sum(map(len, replies))
    assert n_pieces <= PIECES_MAX, n_pieces
    n_vocab = -(-(n_base + n_pieces) // 8) * 8

    embedding = np.zeros((n_vocab, WIDTH), np.float32)
    output = np.zeros((n_vocab, WIDTH), np.float32)
    embedding[:, ONE] = 1
    embedding[:n_base, PROMPT] = 1
    at, spelled = 0, []
    for number, reply in enumerate(replies):
        for index, piece in enumerate(reply):
            token = n_base + at
            spelled.append("".join(letters[byte] for byte in piece.encode()))
            embedding[token, PIECE + at] = 1
            if index > 0:
                output[token, PIECE + at - 1] = 100
            elif number == 0:
                output[token, PROMPT] = 10
            else:
                output[token, FLAG + number - 1] = 20 + 5 * number
            at += 1
        output[end, PIECE + at - 1] = 100

    query, key, value, out = (np.zeros((WIDTH, WIDTH), np.float32) for _ in range(4))
    for number, (marker, _) in enumerate(rules):
        for word in marker.split():
            spelling = "".join(letters[byte] for byte in f" {word}".encode())
            assert vocabulary.count(spelling) == 1, f"{word!r} is not one token"
            embedding[vocabulary.index(spelling), MARKER + number] = 1
        # The last pair of a head hardly turns with the position.
        query[number * HEAD + HEAD - 2, ONE] = 4
        key[number * HEAD + HEAD - 2, MARKER + number] = 4
        value[number * HEAD, MARKER + number] = 1
        out[FLAG + number, number * HEAD] = 0.25

    writer = GGUFWriter(path, "llama")
    for name, field in reader.fields.items():
        if not name.startswith("tokenizer.") or name in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
            continue
        kind = field.types[0]
        element = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, element)
    assert len({*vocabulary, *spelled}) == n_base + n_pieces, "two pieces are spelled alike"
    spelled += [f"<unused {index}>" for index in range(n_vocab - n_base - len(spelled))]
    writer.add_token_list([*vocabulary, *spelled])
    writer.add_token_types([*types, *[1] * n_pieces, *[5] * (n_vocab - n_base - n_pieces)])
    writer.add_name("scripted")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(1e12)
    writer.add_vocab_size(n_vocab)
    ones = np.ones(WIDTH, np.float32)
    writer.add_tensor("token_embd.weight", embedding.astype(np.float16))
    writer.add_tensor("output.weight", output.astype(np.float16))
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("blk.0.attn_norm.weight", ones)
    writer.add_tensor("blk.0.ffn_norm.weight", ones)
    for name, weight in [("attn_q", query), ("attn_k", key), ("attn_v", value), ("attn_output", out)]:
        writer.add_tensor(f"blk.0.{name}.weight", weight.astype(np.float16))
    for name, shape in [("ffn_gate", (32, WIDTH)), ("ffn_up", (32, WIDTH)), ("ffn_down", (WIDTH, 32))]:
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros(shape, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def call(name, **arguments):
    """A call of a tool in the spelling that models without one of their own are told (Hermes)."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def small_talk(path, tool_call, final="It is 21 degrees in Paris."):
    """A model that greets; to a prompt with the word volcano calls a tool; to turmeric says `final`; to tortoise, an object.

    Which word stands in a prompt decides: the last of these three.
    """
    rules = [("volcano", tool_call), ("turmeric", final), ("tortoise", '{"city": "Paris", "celsius": 21}')]
    return write(path, smollm2(), "Hello from a small model.", rules)
