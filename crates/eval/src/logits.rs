//! All logits of a list of tokens, into a file: how others check us.

use std::{
    fs::File,
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::Path,
};

use model::{Forward, TokenId};

use crate::{Error, session::Session};

/// Writes `[n_tokens, n_vocab]` little-endian f32 to `out`, which appears whole or not at all. `progress` is told the rows written.
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
    let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    let mut writer: BufWriter<&mut File> = BufWriter::new(file.as_file_mut());
    session.compute(tokens, 0, &mut |position, logits| {
        for x in logits {
            writer.write_all(&x.to_le_bytes()).map_err(io)?;
        }
        if progress(position + 1).is_break() { Err(Error::Cancelled) } else { Ok(()) }
    })?;
    writer.flush().map_err(io)?;
    drop(writer);
    file.as_file().sync_all().map_err(io)?;
    file.persist(out).map_err(|e| io(e.error))?;
    Ok(())
}
