"""A copy of a GGUF without vocabulary that has one, made up, as llama.cpp's server wants: add_vocab.py IN OUT."""

import sys

import gguf

source, target = sys.argv[1:3]
reader = gguf.GGUFReader(source)
architecture = reader.get_field("general.architecture").contents()
writer = gguf.GGUFWriter(target, architecture)
for field in reader.fields.values():
    if field.name.startswith("GGUF.") or field.name in ("general.architecture", "tokenizer.ggml.model"):
        continue
    kind, *inner = field.types
    writer.add_key_value(field.name, field.contents(), kind, inner[-1] if inner else None)
n_vocab = next(t for t in reader.tensors if t.name == "token_embd.weight").shape[1]
bytes_of = [f"<0x{i:02X}>" for i in range(256)]
tokens = ["<unk>", "<s>", "</s>", *bytes_of]
tokens += [f"t{i}" for i in range(n_vocab - len(tokens))]
types = [2, 3, 3, *([6] * 256)] + [1] * (n_vocab - 259)
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens)
writer.add_token_scores([0.0] * n_vocab)
writer.add_token_types(types)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
for tensor in reader.tensors:
    writer.add_tensor_info(
        tensor.name, tensor.data.shape, tensor.data.dtype, tensor.data.nbytes, tensor.tensor_type
    )
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_ti_data_to_file()
for tensor in reader.tensors:
    writer.write_tensor_data(tensor.data)
writer.close()
