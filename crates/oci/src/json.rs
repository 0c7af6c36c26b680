//! Reading JSON from outside within bounds, and writing ours in one form.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::document::MAX_DOCUMENT_SIZE;
use crate::error::{DocumentKind, Error};

/// Fields that are not known here, kept so that writing the document again does not lose them.
pub type Extra = BTreeMap<String, Value>;

/// The most values (numbers, strings, lists, …) of a document: keeps 4 MiB of `[[],[],…` from
/// becoming a hundred times that in memory.
const MAX_VALUES: usize = 200_000;

/// Refuses what is too large to be read at all.
pub(crate) fn check_size(document: DocumentKind, bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > MAX_DOCUMENT_SIZE {
        return Err(Error::TooLarge { document, size: bytes.len(), limit: MAX_DOCUMENT_SIZE });
    }
    check_count(document, "values", count_values(bytes), MAX_VALUES)
}

/// Refuses more than `limit` of something.
pub(crate) fn check_count(
    document: DocumentKind,
    items: &'static str,
    count: usize,
    limit: usize,
) -> Result<(), Error> {
    if count > limit {
        return Err(Error::TooMany { document, items, count, limit });
    }
    Ok(())
}

/// Reads a document whose size was checked. The JSON reader bounds the depth at 128.
pub(crate) fn read<T: DeserializeOwned>(document: DocumentKind, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Malformed { document, source })
}

/// Writes a document: compact, in the order of the fields.
pub(crate) fn write<T: Serialize>(document: DocumentKind, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::Encode { document, source })
}

/// `null` where Go writes it for an empty list or map.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Go's `omitempty` for booleans, numbers and texts.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How many values there are, at most: one more than there are separators outside of strings.
fn count_values(bytes: &[u8]) -> usize {
    let mut count: usize = 1;
    let mut in_string = false;
    let mut escaped = false;
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => count = count.saturating_add(1),
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_outside_of_strings() {
        assert_eq!(count_values(br#"{"a":[1,2,"x,\",[{"]}"#), 5);
    }

    #[test]
    fn refuses_many_small_values() {
        let bytes = format!("[{}0]", "0,".repeat(300_000));
        let error = check_size(DocumentKind::Manifest, bytes.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::TooMany { items: "values", .. }), "{error}");
    }
}
