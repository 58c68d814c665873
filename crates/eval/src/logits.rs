//! All logits of a list of tokens, into a file: how others check us.

use std::{
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use model::{Forward, TokenId};

use crate::{Error, session::Session};

/// Writes `[n_tokens, n_vocab]` little-endian f32 to `out`, which appears whole or not at all. `progress` is told the
/// rows written.
pub fn write(
    model: &mut (dyn Forward + Send),
    tokens: &[TokenId],
    out: &Path,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), Error> {
    let mut session = Session::new(model);
    session.check("a list", tokens.len())?;
    if tokens.is_empty() {
        return Err(Error::Parameter { parameter: "tokens", value: 0, expected: "at least 1" });
    }
    session.check_ids(tokens)?;
    let io = |source| Error::Io { file: out.display().to_string(), source };
    let mut new = gguf::NewFile::create(out).map_err(io)?;
    let mut writer = BufWriter::new(new.file().map_err(io)?);
    session.compute(tokens, 0, &mut |position, logits| {
        for x in logits {
            writer.write_all(&x.to_le_bytes()).map_err(io)?;
        }
        if progress(position + 1).is_break() { Err(Error::Cancelled) } else { Ok(()) }
    })?;
    writer.flush().map_err(io)?;
    drop(writer);
    new.commit().map_err(io)
}
