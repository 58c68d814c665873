//! The cache folder of a target without files: there is none, so none of these types has a value.

use crate::core::{ChainKey, PageKey};

/// A cache folder on disk: nothing can name one here.
#[derive(Clone, Copy, Debug)]
pub enum DiskCache {}

/// Why a cache folder cannot be used: nothing can fail here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum DiskError {}

/// An open cache folder.
pub(crate) enum Disk {}

impl Disk {
    pub(crate) fn open(cache: &DiskCache, _page_bytes: usize) -> Result<Self, DiskError> {
        match *cache {}
    }

    pub(crate) fn is_saved(&self, _chain: ChainKey) -> bool {
        match *self {}
    }

    pub(crate) fn has(&self, _chain: ChainKey) -> bool {
        match *self {}
    }

    pub(crate) fn has_room(&self) -> bool {
        match *self {}
    }

    pub(crate) fn save(&mut self, _key: PageKey<'_>, _bytes: &[u8], _is_patient: bool) {
        match *self {}
    }

    pub(crate) fn load(&mut self, _key: PageKey<'_>) -> Option<Box<[u8]>> {
        match *self {}
    }

    pub(crate) fn finish(&mut self) {
        match *self {}
    }
}
