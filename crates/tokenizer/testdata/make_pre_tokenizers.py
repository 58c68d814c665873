"""Makes pre_tokenizers.json: where the regular expressions of each pre-tokenizer cut awkward texts.

Run with the Python package `tokenizers` (0.23.3 made the stored file; its Oniguruma engine is what the models were trained with):
    pip install tokenizers==0.23.3 && python3 make_pre_tokenizers.py > pre_tokenizers.json
"""

import json
import random

from tokenizers import Regex
from tokenizers.pre_tokenizers import Sequence, Split

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN35 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(contraction, numbers):
    return (
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{contraction}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{contraction}"
        rf"|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


DEEPSEEK3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PUNCTUATION = r"[\p{P}\$\+<=>\^~\|]+"
CJK = r"[\x{800}-\x{9fa5}\x{ac00}-\x{d7ff}]+"

PRE_TOKENIZERS = {
    "default": [PUNCTUATION, GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "llama-bpe": [LLAMA3],
    "minicpm5": [r"\p{N}{1,3}", LLAMA3.replace("{1,3}", "+")],
    "qwen2": [LLAMA3.replace("{1,3}", "")],
    "qwen35": [QWEN35],
    "seed-coder": [LLAMA3.replace("{1,3}", "").replace(r" ?[^\s\p{L}\p{N}]+[\r\n]*", r" ?[^\s\p{L}\p{N}\r\n]+")],
    "bailingmoe": [
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "tekken": [cased("", r"\p{N}")],
    "gpt-4o": [cased(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?", r"\p{N}{1,3}")],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK, r"\p{N}"],
    "deepseek-v3": [r"\p{N}{1,3}", r"[\x{4e00}-\x{9fa5}\x{3040}-\x{30ff}]+", DEEPSEEK3],
    "bloom": [" ?[^(\\s|.,!?…。，、।۔،)]+"],
}

PARTS = (
    "a b c A B Z 0 1 9 . , ! ? / - _ < > | ` ^ ~ $ + = ( ) [ ] { } \" # ; : @ * & % 's 'S 'll 'LL 'Re 've the The ing 1234 "
    "é É ß ǅ ʰ ª 文 字 ひ カ 한 \u0300 ा क ٣ ² Ⅷ ½ € ° — … “ ， 。 🦀 👩\u200d👧 İ ſ Ω Ж ж ا ، ۔ ।"
).split(" ") + [" ", " ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", "\u00a0", "\u3000", "\u2028", "\x85", "\x1f", "\ue000"]


def main():
    rng = random.Random(20)
    texts = ["".join(rng.choices(PARTS, k=rng.randint(2, 40))) for _ in range(60)]
    ends = {}
    for name, expressions in PRE_TOKENIZERS.items():
        cut = Sequence([Split(Regex(e), "isolated") for e in expressions])
        ends[name] = [
            [len(text[:end].encode()) for _, (_, end) in cut.pre_tokenize_str(text)] for text in texts
        ]
    rows = ",\n".join(f'    {json.dumps(name)}: {json.dumps(row, separators=(",", ":"))}' for name, row in ends.items())
    print('{\n  "texts": ' + json.dumps(texts) + ',\n  "word_ends": {\n' + rows + "\n  }\n}")


main()
