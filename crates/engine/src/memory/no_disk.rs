//! The cache folder of a target without files: there is none, so none of these types has a value.

use crate::core::{ChainKey, PageKey};

/// The settings of a cache folder on disk, which nothing can name here.
#[derive(Clone, Copy, Debug)]
pub enum DiskCache {}

/// A reason why a cache folder cannot be used, which cannot happen here.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum DiskError {}

/// An open cache folder, of which there is none here.
pub(crate) enum Disk {}

impl Disk {
    pub(crate) fn open(cache: &DiskCache) -> Result<Self, DiskError> {
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

    pub(crate) fn load(&mut self, _key: PageKey<'_>, _n_bytes: usize) -> Option<Box<[u8]>> {
        match *self {}
    }

    pub(crate) fn finish(&mut self) {
        match *self {}
    }
}
