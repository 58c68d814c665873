//! A vocabulary of WordPiece in little room: enough for any text of small letters.

/// The first `n` pieces of a vocabulary (at least 90), as GGUF spells them, each with its type: 3 for control tokens, 1
/// for others. A word begins with `▁`.
pub fn wordpieces(n: usize) -> Vec<(String, i32)> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(|piece| (piece.to_owned(), 3));
    let letters: Vec<String> = ('a'..='z').map(String::from).collect();
    let begins = letters.iter().map(|letter| format!("▁{letter}"));
    let signs = [".", ",", "?", "!"].map(|sign| format!("▁{sign}"));
    let words =
        ["▁the", "▁cat", "▁dog", "▁sea", "▁is", "▁on", "▁in", "▁sits", "▁runs", "▁calm", "▁boat", "▁where", "▁sun"];
    let unused = (0..).map(|i| format!("[unused{i}]"));
    let pieces = begins.chain(letters.iter().cloned()).chain(signs).chain(words.map(str::to_owned)).chain(unused);
    special.into_iter().chain(pieces.map(|piece| (piece, 1))).take(n).collect()
}
