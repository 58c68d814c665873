//! The seal of a `.tri` file: BLAKE3 hashes of each tensor's data and of the header, in the header itself.
//!
//! `trinity.blake3.tensors` holds a hash for each tensor, in directory order. `trinity.blake3.header` holds the hash of
//! all bytes before the tensor data, its own 64 digits taken as zeros; as the header names every tensor, its type, its
//! place and its hash, it seals the whole file. The header is checked whenever such a file is opened, so no type or key
//! can be exchanged unnoticed; data is checked by [`Container::verify`].

use std::io::{self, Read, Seek, SeekFrom};

use crate::{Array, Container, Error, Metadata, TensorInfo, Value};

/// Version of the format that is written, and the only one that is read.
pub const TRI_VERSION: u32 = 1;

/// Key of the version.
pub(crate) const VERSION: &str = "trinity.tri.version";
/// Key of the hashes of tensors.
const TENSORS: &str = "trinity.blake3.tensors";
/// Key of the hash of the header.
const HEADER: &str = "trinity.blake3.header";

/// Bytes hashed at a time.
const READ_BYTES: usize = 1 << 20;

/// What stands for a hash that is not known yet.
const ZEROS: [u8; 64] = [b'0'; 64];

/// Makes room for the hashes of `n_tensors` tensors.
pub fn prepare(metadata: &mut Metadata, n_tensors: usize) {
    let zeros = || "0".repeat(ZEROS.len());
    metadata.set(VERSION, Value::U32(TRI_VERSION));
    metadata.set(TENSORS, Value::Array(Array::String(vec![zeros(); n_tensors])));
    metadata.set(HEADER, Value::String(zeros()));
}

/// Removes what [`prepare`] made, and says whether it was there.
pub fn remove(metadata: &mut Metadata) -> bool {
    [VERSION, TENSORS, HEADER].map(|key| metadata.remove(key)).contains(&true)
}

/// Is it a key that [`prepare`] makes, so that only a seal may set it?
pub fn is_seal_key(key: &str) -> bool {
    [VERSION, TENSORS, HEADER].contains(&key)
}

/// Does the metadata hold hashes?
pub fn is_sealed(metadata: &Metadata) -> bool {
    metadata.get(TENSORS).is_some()
}

/// Do two sets of metadata differ in nothing but hashes?
pub fn is_same_but_for_hashes(a: &Metadata, b: &Metadata) -> bool {
    let (mut a, mut b) = (a.clone(), b.clone());
    remove(&mut a) == remove(&mut b) && a == b
}

/// The header of a file that was written with zeros in place of hashes, with the hashes of its data, which is read from
/// `file`: through the map it would stay in memory.
pub fn sealed_header(container: &Container, file: &mut (impl Read + Seek)) -> Result<Vec<u8>, Error> {
    let refuse = |what: &str| Error::Invalid { file: container.name().to_owned(), what: what.to_owned() };
    let mut header = container.header_bytes().to_vec();
    let mut places = places_of(&header, &ZEROS).into_iter();
    for tensor in container.tensors() {
        let at = places.next().ok_or_else(|| refuse("no room for the hash of each tensor"))?;
        let hash = hash_of(file, tensor);
        put(&mut header, at, hash.map_err(|source| Error::Io { file: container.name().to_owned(), source })?);
    }
    let at = places.next().ok_or_else(|| refuse("no room for the hash of the header"))?;
    let hash = blake3::hash(&header);
    put(&mut header, at, hash);
    Ok(header)
}

fn hash_of(file: &mut (impl Read + Seek), tensor: &TensorInfo) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut n_left = tensor.n_bytes;
    file.seek(SeekFrom::Start(tensor.offset))?;
    while n_left > 0 {
        let n = usize::try_from(n_left).unwrap_or(READ_BYTES).min(READ_BYTES);
        file.read_exact(&mut buffer[..n])?;
        hasher.update(&buffer[..n]);
        n_left -= n as u64;
    }
    Ok(hasher.finalize())
}

fn put(header: &mut [u8], at: usize, hash: blake3::Hash) {
    if let Some(place) = header.get_mut(at..at + ZEROS.len()) {
        place.copy_from_slice(hash.to_hex().as_bytes());
    }
}

/// Where strings of 64 bytes that are `text` stand, their length before them.
fn places_of(header: &[u8], text: &[u8; 64]) -> Vec<usize> {
    let mut needle = 64u64.to_le_bytes().to_vec();
    needle.extend_from_slice(text);
    let found = |(at, window): (usize, &[u8])| (window == needle).then_some(at + 8);
    header.windows(needle.len()).enumerate().filter_map(found).collect()
}

/// Refuses an unknown version, tensors of `.tri` types without a seal, and a header that is not what its hash says.
pub(crate) fn check_header(metadata: &Metadata, tensors: &[TensorInfo], header: &[u8]) -> Result<(), String> {
    match metadata.u32(VERSION).map_err(|e| e.to_string())? {
        None => {
            return match tensors.iter().find(|t| t.layout.is_tri()) {
                Some(tensor) => Err(format!(
                    "tensor {}: type {} of a .tri file, but {VERSION} is missing",
                    tensor.name.escape_debug(),
                    tensor.type_name()
                )),
                None => Ok(()),
            };
        }
        Some(TRI_VERSION) => {}
        Some(other) => return Err(format!("{VERSION} {other}, expected {TRI_VERSION}: made by a newer trinity")),
    }
    let hash = metadata.str(HEADER).map_err(|e| e.to_string())?.ok_or_else(|| format!("{HEADER} is missing"))?;
    let n_hashes = metadata.strings(TENSORS).map_err(|e| e.to_string())?.map_or(0, <[String]>::len);
    if n_hashes != tensors.len() {
        return Err(format!("{TENSORS} has {n_hashes} hashes, but there are {} tensors", tensors.len()));
    }
    let text: &[u8; 64] =
        hash.as_bytes().try_into().map_err(|_| format!("{HEADER} has {} digits, expected 64", hash.len()))?;
    // A file that is being written is not sealed yet.
    if *text == ZEROS {
        return Ok(());
    }
    let &[at] = places_of(header, text).as_slice() else {
        return Err(format!("{HEADER} stands more than once"));
    };
    let mut zeroed = header.to_vec();
    if let Some(place) = zeroed.get_mut(at..at + ZEROS.len()) {
        place.copy_from_slice(&ZEROS);
    }
    let got = blake3::hash(&zeroed).to_hex();
    if got.as_str() != hash {
        return Err(format!("{HEADER} is {hash}, but the header has {got}: it was changed after it was sealed"));
    }
    Ok(())
}

impl Container {
    /// Reads all data and compares it with the file's hashes; `progress` is told the bytes read so far. `Ok(false)` if
    /// the file has none.
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<bool, Error> {
        self.check_hashes(&mut |tensor| Ok(blake3::hash(&self.bytes(tensor))), progress)
    }

    /// Reads all data and compares it with the file's hashes, as [`verify`](Self::verify), but from `file`, which holds
    /// all of it, and not from the map: what was read takes no memory.
    pub fn verify_in(&self, file: &mut (impl Read + Seek)) -> Result<bool, Error> {
        let io_error = |source| Error::Io { file: self.name().to_owned(), source };
        self.check_hashes(&mut |tensor| hash_of(file, tensor).map_err(io_error), &mut |_| {})
    }

    fn check_hashes(
        &self,
        hash_of: &mut dyn FnMut(&TensorInfo) -> Result<blake3::Hash, Error>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<bool, Error> {
        let refuse = |what: String| Error::Invalid { file: self.name().to_owned(), what };
        let metadata = self.metadata();
        let Some(hashes) = metadata.strings(TENSORS)? else { return Ok(false) };
        if metadata.str(HEADER)?.is_some_and(|hash| hash.as_bytes() == ZEROS) {
            return Err(refuse("was never sealed: its hashes are zeros".to_owned()));
        }
        let mut n_read = 0;
        for (tensor, hash) in self.tensors().iter().zip(hashes) {
            let got = hash_of(tensor)?.to_hex();
            if got.as_str() != hash {
                let name = tensor.name.escape_debug();
                return Err(refuse(format!("tensor {name}: data has BLAKE3 {got}, but the header says {hash}")));
            }
            n_read += tensor.n_bytes;
            progress(n_read);
        }
        Ok(true)
    }
}
