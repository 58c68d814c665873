//! [`Base`]: log-probabilities of a base model, in memory or in a file.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    ops::ControlFlow,
    path::Path,
};

use model::{Forward, TokenId};

use super::{Options, file, row};
use crate::{
    Error,
    mean::Mean,
    softmax,
    windows::{self, Seen},
};

/// Origin of base log-probabilities; goes into the file and is not interpreted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Origin {
    /// Name or path of the model.
    pub model: String,
    /// SHA-256 of the text.
    pub text_sha256: [u8; 32],
    /// SHA-256 of the tokens' spellings: two vocabularies of one size may differ.
    pub vocabulary_sha256: [u8; 32],
}

/// Everything of a base but its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) origin: Origin,
    pub(super) n_vocab: usize,
    pub(super) options: Options,
    /// Tokens of whole windows, as they stand in the text.
    pub(super) tokens: Vec<TokenId>,
}

/// Log-probabilities of a base model at every scored position of a text.
#[derive(Debug)]
pub struct Base {
    /// Path of the file, or another name for messages.
    name: String,
    header: Header,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Memory(Vec<u8>),
    /// A file, and the byte at which its rows begin.
    File(File, u64),
}

type Progress<'a> = &'a mut dyn FnMut(usize, f64) -> ControlFlow<()>;

impl Base {
    /// Runs `model` and keeps its log-probabilities in memory: `2 V + 12` bytes for each of about `window_len / 2`
    /// positions a window. `progress` is told windows done and perplexity so far.
    pub fn collect(
        model: &mut (dyn Forward + Send),
        tokens: &[TokenId],
        options: &Options,
        origin: Origin,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let header = Header::new(model, tokens, options, origin)?;
        let mut rows = Vec::new();
        run(model, &header, progress, &mut |row| {
            rows.extend_from_slice(row);
            Ok(())
        })?;
        Ok(Self { name: "the base in memory".to_owned(), header, rows: Rows::Memory(rows) })
    }

    /// Runs `model` and writes its log-probabilities into the file `out`, which appears whole or not at all; returns
    /// perplexity. `progress` is told windows done and perplexity so far.
    pub fn save(
        model: &mut (dyn Forward + Send),
        tokens: &[TokenId],
        options: &Options,
        origin: Origin,
        out: &Path,
        progress: Progress<'_>,
    ) -> Result<f64, Error> {
        let header = Header::new(model, tokens, options, origin)?;
        let io = |source| Error::Io { file: out.display().to_string(), source };
        let mut new = gguf::NewFile::create(out).map_err(io)?;
        let mut writer = BufWriter::new(new.file().map_err(io)?);
        writer.write_all(&file::encode(&header)?).map_err(io)?;
        let perplexity = run(model, &header, progress, &mut |row| writer.write_all(row).map_err(io))?;
        writer.flush().map_err(io)?;
        drop(writer);
        new.commit().map_err(io)?;
        Ok(perplexity)
    }

    /// Opens a file that [`save`](Self::save) wrote, and checks its header and size.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let io = |source| Error::Io { file: name.clone(), source };
        let file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        let (header, data_offset) = file::decode(&name, &mut BufReader::new(&file), file_bytes)?;
        Ok(Self { name, header, rows: Rows::File(file, data_offset) })
    }

    /// Returns the origin of the log-probabilities.
    pub fn origin(&self) -> &Origin {
        &self.header.origin
    }

    /// Returns how the text is cut.
    pub fn options(&self) -> &Options {
        &self.header.options
    }

    /// Returns the tokens of all windows.
    pub fn tokens(&self) -> &[TokenId] {
        &self.header.tokens
    }

    /// Refuses a vocabulary of another size.
    pub fn check_vocabulary(&self, n_vocab: usize) -> Result<(), Error> {
        self.same("vocabulary", &self.header.n_vocab, &n_vocab)
    }

    /// Refuses another vocabulary, window or text than the base's; the text is compared only if it is known.
    pub fn check_origin(
        &self,
        vocabulary_sha256: &[u8; 32],
        window_len: usize,
        first: Option<TokenId>,
    ) -> Result<(), Error> {
        let hex = |hash: &[u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let first_name = |first: Option<TokenId>| first.map_or("none".to_owned(), |id| id.0.to_string());
        self.same("window length", &self.header.options.window_len, &window_len)?;
        self.same("first token of a window", &first_name(self.header.options.first), &first_name(first))?;
        self.same("SHA-256 of the vocabulary", &hex(&self.header.origin.vocabulary_sha256), &hex(vocabulary_sha256))
    }

    /// Refuses a text that does not begin with the base's tokens.
    pub(super) fn check_tokens(&self, tokens: &[TokenId]) -> Result<(), Error> {
        let own = self.tokens();
        if tokens.len() < own.len() {
            return Err(self.mismatch("tokens of the text", &own.len(), &tokens.len()));
        }
        match own.iter().zip(tokens).enumerate().find(|(_, (own, other))| own != other) {
            Some((i, (own, other))) => {
                Err(self.mismatch("the text", &format!("token {i} is {}", own.0), &format!("it is {}", other.0)))
            }
            None => Ok(()),
        }
    }

    fn same<T: PartialEq + ToString>(&self, what: &'static str, own: &T, other: &T) -> Result<(), Error> {
        if own == other { Ok(()) } else { Err(self.mismatch(what, own, other)) }
    }

    fn mismatch(&self, what: &'static str, own: &impl ToString, other: &impl ToString) -> Error {
        Error::Mismatch { what, of: self.name.clone(), expected: own.to_string(), got: other.to_string() }
    }

    /// Returns a reader at the first row.
    pub(super) fn rows(&self) -> Result<RowReader<'_>, Error> {
        let source: Box<dyn Read + '_> = match &self.rows {
            Rows::Memory(bytes) => Box::new(bytes.as_slice()),
            Rows::File(file, offset) => {
                let mut reader = BufReader::with_capacity(1 << 20, file);
                reader.seek(SeekFrom::Start(*offset)).map_err(|source| self.io(source))?;
                Box::new(reader)
            }
        };
        Ok(RowReader { base: self, source, buffer: vec![0; row::n_bytes(self.header.n_vocab) as usize] })
    }

    fn io(&self, source: std::io::Error) -> Error {
        Error::Io { file: self.name.clone(), source }
    }
}

impl Header {
    fn new(model: &dyn Forward, tokens: &[TokenId], options: &Options, origin: Origin) -> Result<Self, Error> {
        let n_windows = options.n_windows(tokens.len())?;
        let tokens = tokens.iter().take(n_windows * options.window_len).copied().collect();
        Ok(Self {
            origin,
            n_vocab: model.n_vocab(),
            options: Options { n_chunks: Some(n_windows), ..*options },
            tokens,
        })
    }

    /// Number of bytes of all rows; `None` on overflow.
    pub(super) fn rows_bytes(&self) -> Option<u64> {
        let n_windows = self.options.n_chunks? as u64;
        let rows = n_windows.checked_mul(self.options.scored().len() as u64)?;
        rows.checked_mul(row::n_bytes(self.n_vocab))
    }
}

/// Runs the model and hands each encoded row on; returns perplexity.
fn run(
    model: &mut (dyn Forward + Send),
    header: &Header,
    progress: Progress<'_>,
    on_row: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<f64, Error> {
    let mut bytes = Vec::with_capacity(row::n_bytes(header.n_vocab) as usize);
    let mut surprise = Mean::default();
    windows::score(model, &header.tokens, &header.options, &mut |seen| match seen {
        Seen::Row(logits, next) => {
            surprise.add(-softmax::log_probability(logits, next));
            bytes.clear();
            row::encode(logits, next, &mut bytes);
            on_row(&bytes)
        }
        Seen::Windows(n_done) => match progress(n_done, surprise.mean().exp()) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        },
    })?;
    Ok(surprise.mean().exp())
}

/// A reader of one row after the other.
pub(super) struct RowReader<'a> {
    base: &'a Base,
    source: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
}

impl RowReader<'_> {
    pub(super) fn next(&mut self) -> Result<row::Row<'_>, Error> {
        let Self { base, source, buffer } = self;
        source.read_exact(buffer).map_err(|source| base.io(source))?;
        row::Row::new(buffer).ok_or_else(|| Error::Invalid {
            file: base.name.clone(),
            what: "a row whose top token, log-probability or step is out of range".to_owned(),
        })
    }
}
