//! How much memory values take, by the table of [`Value::own_bytes`].
//!
//! What is made is added up. When that reaches the limit, much of it may be gone: then what is alive is counted, each
//! object once. So a fault `memory` comes exactly when objects that are alive exceed the limit.

use std::{collections::HashSet, rc::Rc};

use crate::value::Value;

/// A count of bytes.
pub(super) struct Memory {
    limit: u64,
    used: u64,
}

impl Memory {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    /// Adds; tells whether it stays within the limit.
    pub(super) fn add(&mut self, bytes: u64) -> bool {
        self.used = self.used.saturating_add(bytes);
        !self.is_over()
    }

    pub(super) fn is_over(&self) -> bool {
        self.used > self.limit
    }

    /// Counts what is alive; gives the number of values looked at.
    pub(super) fn count(&mut self, mut alive: Vec<Value>) -> u64 {
        let mut seen = HashSet::new();
        let mut looked_at = 0;
        self.used = 0;
        while let Some(value) = alive.pop() {
            looked_at += 1;
            let address: *const () = match &value {
                Value::String(text) => Rc::as_ptr(text).cast(),
                Value::Bytes(bytes) => Rc::as_ptr(bytes).cast(),
                Value::List(items) => Rc::as_ptr(items).cast(),
                Value::Set(members) => Rc::as_ptr(members).cast(),
                Value::Map(entries) => Rc::as_ptr(entries).cast(),
                Value::Option(Some(inner)) | Value::Result(Ok(inner) | Err(inner)) => Rc::as_ptr(inner).cast(),
                Value::Tuple(parts) | Value::Record(_, parts) => Rc::as_ptr(parts).cast(),
                Value::Enum(_, _, parts) if !parts.is_empty() => parts.as_ptr().cast(),
                _ => continue,
            };
            if !seen.insert(address) {
                continue;
            }
            self.used = self.used.saturating_add(value.own_bytes());
            match &value {
                Value::List(items) => alive.extend(items.iter().cloned()),
                Value::Set(members) => alive.extend(members.iter().cloned()),
                Value::Map(entries) => alive.extend(entries.iter().flat_map(|(key, of)| [key, of]).cloned()),
                Value::Option(Some(inner)) | Value::Result(Ok(inner) | Err(inner)) => alive.push((**inner).clone()),
                Value::Tuple(parts) | Value::Record(_, parts) => alive.extend(parts.iter().cloned()),
                Value::Enum(_, _, parts) => alive.extend(parts.iter().cloned()),
                _ => {}
            }
        }
        looked_at
    }
}
