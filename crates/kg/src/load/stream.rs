//! The bytes of a document: unpacked, counted, hashed, without a byte order mark, and with a window for excerpts.

use std::cell::{Cell, RefCell};
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::blanks::Digest;
use super::format::SNIFF_BYTES;
use super::problem::excerpt;
use super::tags::Tags;

/// What a stream refuses, inside of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// A compressed document that unpacks to more than its limit.
    #[error("{n_in} bytes unpack to more than {ratio_max} times as many (gzip_ratio_max)")]
    Ratio { n_in: u64, ratio_max: u64 },
    /// A document in another encoding.
    #[error("the document is UTF-16; it must be UTF-8")]
    Utf16,
    /// The caller wants no more.
    #[error("cancelled")]
    Cancelled,
}

/// Bytes that a compressed document may always unpack to, however small it is.
const UNPACKED_FREE_BYTES: u64 = 1 << 20;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BUFFER_BYTES: usize = 1 << 16;

/// Bytes read so far from what the caller gave, for progress.
#[derive(Debug, Clone, Default)]
pub(super) struct Count(Rc<Cell<u64>>);

impl Count {
    pub(super) fn n_bytes(&self) -> u64 {
        self.0.get()
    }
}

struct Counted<'r> {
    reader: &'r mut dyn Read,
    count: Count,
    cancel: Option<&'r AtomicBool>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(io::Error::other(Refused::Cancelled));
        }
        let n = self.reader.read(buffer)?;
        self.count.0.set(self.count.0.get() + n as u64);
        Ok(n)
    }
}

type Start<'r> = io::Chain<Cursor<Vec<u8>>, Counted<'r>>;

enum Source<'r> {
    Plain(Start<'r>),
    Gzip(Box<MultiGzDecoder<BufReader<Start<'r>>>>),
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(source) => source.read(buffer),
        }
    }
}

/// A document, as its parser reads it.
pub(super) struct Stream<'r> {
    source: Source<'r>,
    /// The first bytes, which were read to tell the format.
    start: Cursor<Vec<u8>>,
    count: Count,
    n_out: u64,
    ratio_max: u64,
    hash: Option<Rc<RefCell<blake3::Hasher>>>,
}

impl<'r> Stream<'r> {
    pub(super) fn open(
        reader: &'r mut dyn Read,
        cancel: Option<&'r AtomicBool>,
        ratio_max: u64,
        is_hashed: bool,
    ) -> io::Result<Self> {
        let count = Count::default();
        let mut counted = Counted { reader, count: count.clone(), cancel };
        let magic = read_up_to(&mut counted, GZIP.len())?;
        let is_gzip = magic == GZIP;
        let start = Cursor::new(magic).chain(counted);
        let source = if is_gzip {
            Source::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, start))))
        } else {
            Source::Plain(start)
        };
        let hash = is_hashed.then(Rc::default);
        let mut stream = Self { source, start: Cursor::default(), count, n_out: 0, ratio_max, hash };
        let mut sniffed = read_up_to(&mut stream, SNIFF_BYTES)?;
        if sniffed.starts_with(&[0xff, 0xfe]) || sniffed.starts_with(&[0xfe, 0xff]) {
            return Err(io::Error::other(Refused::Utf16));
        }
        if sniffed.starts_with("\u{feff}".as_bytes()) {
            sniffed.drain(..3);
        }
        stream.start = Cursor::new(sniffed);
        Ok(stream)
    }

    /// The first bytes of the document.
    pub(super) fn start(&self) -> &[u8] {
        self.start.get_ref()
    }

    pub(super) fn count(&self) -> Count {
        self.count.clone()
    }

    pub(super) fn hash(&self) -> Option<Rc<RefCell<blake3::Hasher>>> {
        self.hash.clone()
    }
}

fn read_up_to(reader: &mut impl Read, n_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(n_bytes);
    reader.by_ref().take(n_bytes as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.start.read(buffer)?;
        if n > 0 || buffer.is_empty() {
            return Ok(n);
        }
        let n = self.source.read(buffer)?;
        self.n_out += n as u64;
        if let Source::Gzip(_) = self.source {
            let n_in = self.count.n_bytes();
            if self.n_out > UNPACKED_FREE_BYTES.max(n_in.saturating_mul(self.ratio_max)) {
                return Err(io::Error::other(Refused::Ratio { n_in, ratio_max: self.ratio_max }));
            }
        }
        if let (Some(hash), Some(bytes)) = (&self.hash, buffer.get(..n)) {
            hash.borrow_mut().update(bytes);
        }
        Ok(n)
    }
}

/// The digest of a document's bytes, unpacked: what [`super::Blanks::Stable`] asks for.
///
/// # Errors
/// What the reader says, and gzip data that is broken.
pub fn digest(reader: &mut dyn Read, gzip_ratio_max: u32) -> io::Result<Digest> {
    let mut stream = Stream::open(reader, None, u64::from(gzip_ratio_max), true)?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(digest_of(stream.hash()))
}

pub(super) fn digest_of(hash: Option<Rc<RefCell<blake3::Hasher>>>) -> Digest {
    Digest(hash.map_or([0; 32], |hash| *hash.borrow().finalize().as_bytes()))
}

/// What is known of a text beside its parser: its language tags, and its last bytes.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) tags: Tags,
    window: Vec<u8>,
    /// How many bytes stand before the window.
    n_before: u64,
}

/// Bytes that are kept for excerpts.
const WINDOW_BYTES: usize = 1 << 18;

impl Beside {
    fn follow(&mut self, bytes: &[u8]) {
        self.tags.follow(bytes);
        if self.window.len() + bytes.len() > 2 * WINDOW_BYTES {
            let n_gone = self.window.len().saturating_sub(WINDOW_BYTES);
            self.window.drain(..n_gone);
            self.n_before += n_gone as u64;
        }
        self.window.extend_from_slice(bytes);
    }

    /// The text between two offsets, or the rest of the line where there is none between; empty if it is gone.
    pub(super) fn excerpt(&self, from: u64, to: u64) -> String {
        let at = |offset: u64| usize::try_from(offset.checked_sub(self.n_before)?).ok();
        let text = at(from).and_then(|from| match at(to) {
            Some(to) if to > from => self.window.get(from..to.min(self.window.len())),
            _ => self.window.get(from..)?.split(|&byte| byte == b'\n').next(),
        });
        let shorter = text.map(|text| text.get(..1024).unwrap_or(text)).unwrap_or_default();
        excerpt(String::from_utf8_lossy(shorter).trim_end())
    }
}

/// A reader that tells [`Beside`] what goes through it.
pub(super) struct Followed<R> {
    pub(super) reader: R,
    pub(super) beside: Rc<RefCell<Beside>>,
}

impl<R: Read> Read for Followed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.beside.borrow_mut().follow(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("a vector takes everything");
        encoder.finish().expect("a vector takes everything")
    }

    fn read(mut bytes: &[u8], ratio_max: u64) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Stream::open(&mut bytes, None, ratio_max, false)?.read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn packed_and_plain_documents_read_the_same_and_have_the_same_digest() -> io::Result<()> {
        for n in [0, 1, 2, 5, 4096, 100_000] {
            let text: Vec<u8> = (0..n).map(|i| b'a' + (i % 23) as u8).collect();
            let mut packed = gzip(&text);
            assert_eq!(read(&text, 100)?, text);
            assert_eq!(read(&packed, 1000)?, text);
            assert_eq!(digest(&mut packed.as_slice(), 1000)?, digest(&mut text.as_slice(), 1000)?);
            assert_eq!(digest(&mut text.as_slice(), 1000)?.0, *blake3::hash(&text).as_bytes());
            packed.extend(gzip(b"!"));
            assert_eq!(read(&packed, 1000)?.last(), Some(&b'!'), "members follow each other");
        }
        assert_eq!(read("\u{feff}a".as_bytes(), 100)?, b"a");
        Ok(())
    }

    #[test]
    fn a_bomb_a_torn_archive_and_utf_16_are_refused() {
        let bomb = gzip(&vec![b' '; 20 << 20]);
        let error = read(&bomb, 200).expect_err("a bomb").to_string();
        assert!(error.contains("more than 200 times"), "{error}");
        let whole = gzip(b"<http://a/b> <http://a/c> <http://a/d> .\n");
        for n in 3..whole.len() - 1 {
            assert!(read(&whole[..n], 200).is_err(), "torn at {n}");
        }
        assert!(read(b"\xff\xfe<\0", 200).expect_err("UTF-16").to_string().contains("UTF-16"));
    }
}
