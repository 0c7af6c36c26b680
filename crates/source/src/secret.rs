//! Secrets that a build was given, by their id.

use std::collections::BTreeMap;
use std::fmt;

use crate::Error;

/// What `--secret` gives. `Debug` shows the ids alone.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    /// Adds a secret; an earlier one of that id is replaced.
    pub fn insert(&mut self, id: String, value: Vec<u8>) {
        self.0.insert(id, value);
    }

    /// All ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The secret's bytes.
    pub fn get(&self, id: &str) -> Option<&[u8]> {
        self.0.get(id).map(Vec::as_slice)
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
        formatter.debug_set().entries(self.0.keys()).finish()
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
