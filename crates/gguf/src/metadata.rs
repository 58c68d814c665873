//! [`Metadata`]: keys and values in file order, with typed access whose errors name the key.

use std::collections::HashMap;

use crate::{Array, Error, Value};

/// Metadata in file order, unique keys.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
    index: HashMap<String, usize>,
}

impl Metadata {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.index.get(key).map(|&i| &self.entries[i].1)
    }

    /// Keys and values in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Adds or replaces.
    pub fn set(&mut self, key: impl Into<String>, value: Value) {
        let key = key.into();
        if let Some(&i) = self.index.get(&key) {
            self.entries[i].1 = value;
        } else {
            self.index.insert(key.clone(), self.entries.len());
            self.entries.push((key, value));
        }
    }

    /// Removes; says whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(at) = self.index.get(key).copied() else { return false };
        self.entries.remove(at);
        self.index = self.entries.iter().enumerate().map(|(i, (k, _))| (k.clone(), i)).collect();
        true
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let got = || match value.to_i128() {
            Some(n) => format!("{} {n}", value.type_name()),
            None => value.type_name().to_owned(),
        };
        read(value).map(Some).ok_or_else(|| Error::Metadata { key: key.to_owned(), expected, got: got() })
    }

    /// A non-negative integer of any width; `Ok(None)` if absent.
    pub fn u64(&self, key: &str) -> Result<Option<u64>, Error> {
        self.typed(key, "an unsigned integer", |v| v.to_i128().and_then(|n| u64::try_from(n).ok()))
    }

    /// An integer of any width and sign; `Ok(None)` if absent.
    pub fn integer(&self, key: &str) -> Result<Option<i128>, Error> {
        self.typed(key, "an integer", Value::to_i128)
    }

    /// A non-negative integer of at most 32 bits, stored in any width; `Ok(None)` if absent.
    pub fn u32(&self, key: &str) -> Result<Option<u32>, Error> {
        self.typed(key, "an unsigned 32-bit integer", |v| v.to_i128().and_then(|n| u32::try_from(n).ok()))
    }

    /// A float, rounded to `f32` where it is wider; `Ok(None)` if absent.
    pub fn f32(&self, key: &str) -> Result<Option<f32>, Error> {
        self.typed(key, "a float", |v| match v {
            Value::F32(x) => Some(*x),
            Value::F64(x) => Some(*x as f32),
            _ => None,
        })
    }

    /// A boolean; `Ok(None)` if absent.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, Error> {
        self.typed(key, "a boolean", |v| if let Value::Bool(b) = v { Some(*b) } else { None })
    }

    /// A string; `Ok(None)` if absent.
    pub fn str(&self, key: &str) -> Result<Option<&str>, Error> {
        self.typed(key, "a string", |v| if let Value::String(s) = v { Some(s.as_str()) } else { None })
    }

    /// An array of strings; `Ok(None)` if absent.
    pub fn strings(&self, key: &str) -> Result<Option<&[String]>, Error> {
        self.typed(key, "an array of strings", |v| {
            if let Value::Array(Array::String(a)) = v { Some(a.as_slice()) } else { None }
        })
    }

    /// An array of `f32`; `Ok(None)` if absent.
    pub fn f32s(&self, key: &str) -> Result<Option<&[f32]>, Error> {
        self.typed(
            key,
            "an array of f32",
            |v| if let Value::Array(Array::F32(a)) = v { Some(a.as_slice()) } else { None },
        )
    }

    /// Array of integers of any width that fit `i64`.
    pub fn i64s(&self, key: &str) -> Result<Option<Vec<i64>>, Error> {
        self.typed(key, "an array of integers", |v| {
            let Value::Array(array) = v else { return None };
            Some(match array {
                Array::U8(a) => a.iter().map(|&x| x.into()).collect(),
                Array::I8(a) => a.iter().map(|&x| x.into()).collect(),
                Array::U16(a) => a.iter().map(|&x| x.into()).collect(),
                Array::I16(a) => a.iter().map(|&x| x.into()).collect(),
                Array::U32(a) => a.iter().map(|&x| x.into()).collect(),
                Array::I32(a) => a.iter().map(|&x| x.into()).collect(),
                Array::I64(a) => a.clone(),
                Array::U64(a) => a.iter().map(|&x| i64::try_from(x)).collect::<Result<_, _>>().ok()?,
                _ => return None,
            })
        })
    }

    /// Array of booleans.
    pub fn bools(&self, key: &str) -> Result<Option<&[bool]>, Error> {
        self.typed(key, "an array of booleans", |v| {
            if let Value::Array(Array::Bool(a)) = v { Some(a.as_slice()) } else { None }
        })
    }
}
