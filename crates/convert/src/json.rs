//! JSON as strictly as the containers: a key that stands twice is refused, every error names file and place.

use std::{collections::HashSet, fmt, marker::PhantomData, path::Path};

use gguf::MappedFile;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor},
};

use crate::Error;

/// Largest size of a JSON file that stands beside weights, in bytes.
const FILE_BYTES_MAX: usize = 256 << 20;

/// An object in file order. Plain maps keep the last of two equal keys; this one refuses them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries<T>(pub(crate) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Entries<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let (mut entries, mut seen) = (Vec::new(), HashSet::new());
                while let Some(key) = map.next_key::<String>()? {
                    if !seen.insert(key.clone()) {
                        return Err(M::Error::custom(format!("key {key:?} stands twice")));
                    }
                    entries.push((key, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Object(PhantomData))
    }
}

/// Parses the `bytes` of `file` as a `T`.
pub(crate) fn parse<T: DeserializeOwned>(file: &Path, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|e| invalid(file, e.to_string()))
}

/// Reads the file as a `T`; `None` where there is none.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, Error> {
    read_bytes(file)?.map(|bytes| parse(file, &bytes)).transpose()
}

/// Reads the bytes of a file; `None` where there is none.
pub(crate) fn read_bytes(file: &Path) -> Result<Option<MappedFile>, Error> {
    if !file.try_exists().map_err(|source| Error::Io { file: file.display().to_string(), source })? {
        return Ok(None);
    }
    let bytes = MappedFile::open(file)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(invalid(file, format!("{} bytes, expected at most {FILE_BYTES_MAX}", bytes.len())));
    }
    Ok(Some(bytes))
}

/// Makes an [`Error::Invalid`] about `file`.
pub(crate) fn invalid(file: &Path, what: impl Into<String>) -> Error {
    Error::Invalid { file: file.display().to_string(), what: what.into() }
}
