"""Small tokenizers of many settings, texts in many scripts, and the ids that the `tokenizers` package gives.

    pip install tokenizers==0.23.3
    python make.py

Writes what `settings.tar.xz` holds (`../README.md` says how it is packed): `texts.json`, and per setting `NAME.json`: the files of a
Hugging Face folder, the ids of each text, and what decoding them gives where that is not the text. Deterministic: the same files every time.
"""

import json
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

# The first article of the Universal Declaration of Human Rights, or its beginning.
ARTICLES = {
    "Latin": "All human beings are born free and equal in dignity and rights.",
    "Latin, accents": "Tous les êtres humains naissent libres et égaux en dignité; ça va, naïve Straße?",
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İstanbul, ILIK.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια. ΟΔΟΣ",
    "Cyrillic": "Все люди рождаются свободными и равными в своём достоинстве; йод, Київ.",
    "Armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար։",
    "Georgian": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი. ᲗᲑᲘᲚᲘᲡᲘ",
    "Hebrew": "כל בני האדם נולדו בני חורין; שָׁלוֹם עֲלֵיכֶם",
    "Arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق؟ ١٢٣",
    "Devanagari": "सभी मनुष्यों को गौरव और अधिकारों के मामले में क़ानून क्‍ष १२",
    "Bengali": "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা নিয়ে ড়ঢ় জন্মগ্রহণ করে",
    "Tamil": "மனிதப் பிறவியினர் சகலரும் கொள்கை சுதந்திரமாகவே",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน น้ำ ๑๒",
    "Burmese": "လူတိုင်းသည် တူညီ လွတ်လပ်သော",
    "Han": "人人生而自由，在尊严和权利上一律平等。他们赋有理性。豈 更",
    "Japanese": "すべての人間は、生まれながらにして自由であり、ガギグゲゴ ﾊﾟﾋﾟ Ｆｕｌｌ",
    "Hangul": "모든 인간은 태어날 때부터 자유로우며 평등하다. 한글",
    "Ethiopic": "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብር",
    "Symbols": "x² + y₁ ≤ ½ℵ ∑ ﬁne Ⅷ ㎏ Å Ω ① $5 €7 a_b-c `q` ~^|<>",
    "Emoji": "👩‍👩‍👧 🏳️‍🌈 👍🏽 🦀🦀 ☕️ 1️⃣ 🇪🇺",
    "Code": "def f(x):\n\treturn {'a': x[0]!=1}  # it's 'S and we'LL\r\n\r\n    pass",
}

# What stands beside text in conversations; `«1»` and so on become a setting's own added tokens.
FRAMES = [
    "«1»{}«2»",
    "«1» {} «2» ",
    "  «3»  {}\n«3»{}",
    "{}«4»{} «4» «4»x «4»",
    "«2»«1»«3»«5»{}«5» «6»",
]

EDGES = [
    "", " ", "  ", "\n", "\t", " \n ", "\u00a0", "\u3000x", "a", " a", "  a", "a ", "a  ", "a  b", " a  b   c    d ", "\n\na\n\nb\n",
    "a\u0000b", "\u0001\u007f\u0085\u200b\ufeff", "\ufffd", "e\u0301", "\u0301e", "a\u0323\u0307", "d\u0307\u0323", "한", "각",
    "▁", "▁a", "a▁b", " ▁ a", "▁▁  ▁", "<0x0A>", "<0x41>a", "«1»", "«1» ", " «1»", "«2»a", "«2» a", "«1»«1»", "a«3»b", "a «3» b", "«4»", "«4»s",
    "s«4»", "é«4»", "_«4»", ".«4».", "«5» «5»", "«6»", "«6»«6»", "«1\u00a0»", "12345678901", "3.14159, 2,71", "don't DON'T we'Ve", "x" * 50,
    "ab" * 40, "   " * 10, "\r\n\r\n \r", "A B C D", "ÀÈÌ", "ＡＢＣ１２３", "ﬀ ﬁ ſ K Å", "İıIi", "ΣΑΣ ς", "ǅ ǆ", "a\u200db\u200cc", "⑴⒈㍿",
    "𝒳𝓎 𝟘𝟙", "\U0010ffff", "\ud7ff\ue000", "«1»\n\n«2»\n", "\t«3»\t", "«3»\u00a0x", "\u2003«3»x",
]

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTES = [f"<0x{b:02X}>" for b in range(256)]


def texts():
    out = list(EDGES)
    articles = list(ARTICLES.values())
    for i, article in enumerate(articles):
        other = articles[(i + 7) % len(articles)][:12]
        out += [article, " " + article[:20], unicodedata.normalize("NFD", article), unicodedata.normalize("NFKC", article)[:40]]
        out += [FRAMES[i % len(FRAMES)].format(article[:16], other), FRAMES[(i + 2) % len(FRAMES)].format(other, article[5:18])]
        out.append(article[:9].upper() + "  " + other + " \n" + article[-6:])
    return out


def corpus():
    return [article for article in ARTICLES.values() for _ in range(3)] + ["the and ing  ▁▁ \n\n 12 34"] * 3


def trained(tokenizer, n_vocab, **options):
    trainer = trainers.BpeTrainer(vocab_size=n_vocab, show_progress=False, min_frequency=2, **options)
    tokenizer.train_from_iterator(corpus(), trainer)
    return json.loads(tokenizer.to_str())


def byte_level(normalizer, pre_tokenizer, n_vocab=420, **model):
    """A byte-level BPE, trained with GPT-2's cuts so that it has merges whatever the cuts that it is to be used with."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    raw = trained(tokenizer, n_vocab, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    return with_steps(raw, normalizer, pre_tokenizer, model)


def sentence_piece(normalizer, pre_tokenizer, n_vocab=640, is_complete=False, **model):
    """A BPE over characters with byte fallback; `is_complete` lists every pair that makes a token, as transformers does of SentencePiece's scores."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    raw = trained(tokenizer, n_vocab, special_tokens=["<unk>", "<s>", "</s>", *BYTES], limit_alphabet=120)
    raw["added_tokens"] = []
    if is_complete:
        vocab = raw["model"]["vocab"]
        merges = []
        for text in sorted(vocab, key=vocab.get):
            if text not in BYTES:
                halves = [(text[:i], text[i:]) for i in range(1, len(text)) if text[:i] in vocab and text[i:] in vocab]
                merges += [list(pair) for pair in sorted(halves, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))]
        raw["model"]["merges"] = merges
    return with_steps(raw, normalizer, pre_tokenizer, model)


def with_steps(raw, normalizer, pre_tokenizer, model):
    for key, value in (("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer)):
        holder = Tokenizer(models.BPE())
        setattr(holder, key, value) if value is not None else None
        raw[key] = json.loads(holder.to_str())[key]
    raw["model"].update(model)
    return raw


def added(raw, tokens):
    """Appends added tokens; those that the model spells keep its id."""
    vocab, next_id = raw["model"]["vocab"], max(raw["model"]["vocab"].values()) + 1
    for token in tokens:
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **token}
        entry = {"id": vocab.get(token["content"], next_id), **flags}
        next_id += token["content"] not in vocab
        raw["added_tokens"].append(entry)
    return raw


SPECIAL = {"special": True}
PLAIN = [
    {"content": "<s>", **SPECIAL},
    {"content": "</s>", **SPECIAL},
    {"content": "<|user|>", **SPECIAL},
    {"content": "<tool>"},
    {"content": "<Tag É>"},
    {"content": "  \n"},
]
FLAGGED = [
    {"content": "<|im_start|>", "rstrip": True, **SPECIAL},
    {"content": "<|im_end|>", "lstrip": True, **SPECIAL},
    {"content": "<|user|>", "lstrip": True, "rstrip": True, **SPECIAL},
    {"content": "tool", "single_word": True},
    {"content": "<Tag É>", "normalized": True, "lstrip": True},
    {"content": "and", "normalized": True, "single_word": True, "rstrip": True},
]
NORMALIZED = [
    {"content": "<s>", **SPECIAL},
    {"content": "</s>", "normalized": True, **SPECIAL},
    {"content": "<|user|>", "normalized": False, "rstrip": True, **SPECIAL},
    {"content": "tool", "single_word": True, "normalized": True},
    {"content": "ﬁne", "normalized": True},
    {"content": "▁▁"},
]


def settings():
    split, sequence = pre_tokenizers.Split, pre_tokenizers.Sequence
    bare = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    metaspace = pre_tokenizers.Metaspace
    spaced = normalizers.Replace(" ", "▁")
    return {
        # Qwen 2 and 3.
        "nfc-qwen2": added(byte_level(normalizers.NFC(), sequence([split(Regex(QWEN2), "isolated"), bare])), PLAIN),
        # Made from tiktoken's files.
        "gaps-removed": added(
            byte_level(None, sequence([split(Regex(LLAMA3), "removed", invert=True), bare]), ignore_merges=True), FLAGGED
        ),
        "words-kept": added(
            byte_level(normalizers.NFKC(), sequence([split(Regex(r"\w+| ?\p{P}+|\s+(?!\S)"), "removed", invert=True), bare])), PLAIN
        ),
        "blanks-removed": added(
            byte_level(None, sequence([split(Regex(r"\s+"), "removed"), pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel()])), PLAIN
        ),
        "merged-cuts": added(
            byte_level(
                normalizers.NFD(),
                sequence(
                    [
                        split(Regex(r"[\p{L}&&[^\p{Han}]]+"), "merged_with_previous"),
                        split(",", "merged_with_next"),
                        pre_tokenizers.Punctuation("contiguous"),
                        split(Regex(r"(?i:THE|s)|\p{N}{1,2}"), "contiguous", invert=True),
                        bare,
                    ]
                ),
                ignore_merges=True,
            ),
            FLAGGED,
        ),
        "folded": added(
            byte_level(
                normalizers.Sequence(
                    [
                        normalizers.NFD(),
                        normalizers.StripAccents(),
                        normalizers.Lowercase(),
                        normalizers.Strip(),
                        normalizers.Replace(Regex(r"[\t\r\n]+"), " "),
                        normalizers.Replace("ß", "ss"),
                    ]
                ),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ),
            FLAGGED,
        ),
        # Mistral.
        "metaspace-first": added(sentence_piece(None, metaspace(prepend_scheme="first", split=False), is_complete=True), PLAIN),
        "metaspace-always": added(sentence_piece(None, metaspace(prepend_scheme="always", split=True)), FLAGGED),
        "metaspace-never": added(sentence_piece(normalizers.NFKC(), metaspace(prepend_scheme="never", split=False)), NORMALIZED),
        "metaspace-first-stripped": added(
            sentence_piece(
                normalizers.Sequence([normalizers.Strip(), normalizers.NFC(), normalizers.Replace(Regex("x+"), "")]),
                metaspace(prepend_scheme="first", split=True),
            ),
            NORMALIZED,
        ),
        # Llama 2.
        "prepended": added(
            sentence_piece(normalizers.Sequence([normalizers.Prepend("▁"), spaced]), None, is_complete=True), NORMALIZED
        ),
        # Gemma.
        "spaces-replaced": added(sentence_piece(spaced, split(" ", "merged_with_previous"), is_complete=True), NORMALIZED),
        # Qwen 2 without tokenizer.json.
        "vocab-files": added(byte_level(normalizers.NFC(), sequence([split(Regex(QWEN2), "isolated"), bare])), PLAIN),
    }


def files(name, raw):
    if name != "vocab-files":
        return {"tokenizer.json": raw}
    extra = {t["content"]: t["id"] for t in raw["added_tokens"]}
    special = [t["content"] for t in raw["added_tokens"] if t["special"]]
    merges = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in raw["model"]["merges"])
    config = {"tokenizer_class": "Qwen2TokenizerFast", "additional_special_tokens": special}
    return {"vocab.json": raw["model"]["vocab"], "merges.txt": merges, "added_tokens.json": extra, "tokenizer_config.json": config}


def decoded(tokenizer, raw, ids):
    """The text of `ids`: added tokens as they are spelled, and without the spaces that encoding put in front of what stands between them."""
    steps = json.dumps([raw["normalizer"], raw["pre_tokenizer"]])
    is_each = any(name in steps for name in ('"Prepend"', '"always"', '"add_prefix_space": true'))
    in_text = {t["id"] for t in raw["added_tokens"] if t["normalized"] and '"Prepend"' in steps}
    spelled = {t["id"]: t["content"] for t in raw["added_tokens"]}
    has_prefix = is_each or '"first"' in steps
    out, text, run = "", "", []
    for token in [*ids, None]:
        if token is not None and token not in spelled:
            run.append(token)
            continue
        text += tokenizer.decode(run, skip_special_tokens=False)
        run = []
        # A run of spaces is text, whether merged or found.
        if spelled.get(token) == "▁▁":
            text += "  "
            continue
        out += text.removeprefix(" ") if has_prefix and text else text
        text = ""
        if token is not None:
            out += spelled[token]
            has_prefix = is_each and token not in in_text
    return out


def main():
    all_texts = texts()
    with open("texts.json", "w", encoding="utf-8") as out:
        json.dump(all_texts, out, ensure_ascii=True, indent=0)
    for name, raw in settings().items():
        tokenizer = Tokenizer.from_str(json.dumps(raw))
        for token in raw["added_tokens"]:
            assert tokenizer.token_to_id(token["content"]) == token["id"], token
        contents = [token["content"] for token in raw["added_tokens"]]
        rows = []
        for text in all_texts:
            for i, content in enumerate(contents, 1):
                text = text.replace(f"«{i}»", content)
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            back = decoded(tokenizer, raw, ids)
            rows.append({"ids": " ".join(map(str, ids))} | ({} if back == text else {"decoded": back}))
        n_vocab = max(max(raw["model"]["vocab"].values()), max(t["id"] for t in raw["added_tokens"])) + 1
        with open(f"{name}.json", "w", encoding="utf-8") as out:
            setting = {"n_vocab": n_vocab, "added": contents, "files": files(name, raw), "texts": rows}
            json.dump(setting, out, ensure_ascii=False, separators=(",", ":"))
            out.write("\n")


if __name__ == "__main__":
    main()
