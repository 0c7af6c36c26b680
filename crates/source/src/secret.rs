//! Secrets that a build was given, by their id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Error;

/// What `--secret` gives. `Debug` shows the ids alone.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, Vec<u8>>,
    counted: BTreeSet<String>,
}

impl Secrets {
    /// Adds a secret; an earlier one of that id is replaced. It does not count.
    pub fn insert(&mut self, id: String, value: Vec<u8>) {
        self.counted.remove(&id);
        self.values.insert(id, value);
    }

    /// From now on the secret of this id counts for what reads it: with another value a command is
    /// another command.
    pub fn count(&mut self, id: String) {
        self.counted.insert(id);
    }

    /// The value, if it counts.
    pub fn counted(&self, id: &str) -> Option<&[u8]> {
        self.counted.get(id).and_then(|id| self.get(id))
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The secret's bytes.
    pub fn get(&self, id: &str) -> Option<&[u8]> {
        self.values.get(id).map(Vec::as_slice)
    }

    /// A secret that becomes a header field: text on one line. A line end behind it, which files
    /// have, does not count.
    pub(crate) fn field(&self, id: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.get(id) else { return Ok(None) };
        let text = std::str::from_utf8(bytes).map(|text| text.trim_end_matches(['\r', '\n']));
        match text {
            Ok(text) if !text.chars().any(char::is_control) => Ok(Some(text.to_owned())),
            _ => Err(Error::Secret { id: id.to_owned() }),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_one_line_and_nothing_is_shown() {
        let mut secrets = Secrets::default();
        for (id, value) in [("good", &b"t0ken\r\n"[..]), ("lines", b"a\nb"), ("bytes", b"\xff")] {
            secrets.insert(id.to_owned(), value.to_vec());
        }
        assert_eq!(secrets.field("good").unwrap().as_deref(), Some("t0ken"));
        assert!(secrets.field("none").unwrap().is_none());
        for id in ["lines", "bytes"] {
            assert!(secrets.field(id).unwrap_err().to_string().contains(id));
        }
        assert_eq!(format!("{secrets:?}"), r#"{"bytes", "good", "lines"}"#);
    }
}
