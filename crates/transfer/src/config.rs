//! The document that says what a cache knows.

use std::fmt::Display;
use std::str::FromStr;

use lapstrake_cache::{ActionKey, Record};
use lapstrake_oci::{Descriptor, Digest};
use lapstrake_rootfs::{ContentHash, LayerId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// The media type of the document, and so of the whole cache.
pub const CONFIG_TYPE: &str = "application/vnd.lapstrake.cache.config.v1+json";

/// The media type of a layer's manifest.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.lapstrake.layer.manifest.v1+zstd";

/// What this program reads and writes.
pub(crate) const VERSION: u32 = 1;

/// The document.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CacheConfig {
    version: u32,
    pub(crate) layers: Vec<CachedLayer>,
    pub(crate) records: Vec<CachedRecord>,
    /// What the keys were made of, as far as it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) accounts: Option<Descriptor>,
}

/// A layer, and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CachedLayer {
    /// What it is known by in the store.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub(crate) content: ContentHash,
    /// Digest of its canonical tar.
    pub(crate) diff_id: Digest,
    /// How the blob was made of the tar, as [`lapstrake_image::Packing`] writes it.
    pub(crate) packing: String,
    /// The tar, perhaps compressed.
    pub(crate) blob: Descriptor,
    /// The store's manifest of it, compressed.
    pub(crate) manifest: Descriptor,
}

/// What a key came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CachedRecord {
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub(crate) key: ContentHash,
    /// Index into the layers.
    pub(crate) layer: usize,
    /// When it was executed: nanoseconds since 1970.
    pub(crate) created: i64,
}

impl CacheConfig {
    pub(crate) fn new(
        layers: Vec<CachedLayer>,
        records: Vec<CachedRecord>,
        accounts: Option<Descriptor>,
    ) -> Self {
        Self { version: VERSION, layers, records, accounts }
    }

    /// Reads the document and checks that its parts fit each other.
    ///
    /// # Errors
    /// When it is none, one of another version, or a record's layer is not there.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let config: Self =
            serde_json::from_slice(bytes).map_err(|source| Error::Config { source })?;
        if config.version != VERSION {
            return Err(Error::Version { found: config.version });
        }
        match config.records.iter().all(|record| record.layer < config.layers.len()) {
            true => Ok(config),
            false => Err(Error::NoSuchLayer),
        }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|source| Error::Config { source })
    }

    /// Every record as the store has them.
    pub(crate) fn records(&self) -> impl Iterator<Item = (ActionKey, Record)> {
        self.records.iter().filter_map(|record| {
            let layer = LayerId::Built(self.layers.get(record.layer)?.content);
            Some((ActionKey(record.key), Record { layer, created: record.created }))
        })
    }
}

pub(crate) fn as_text<T: Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) fn from_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use lapstrake_oci::MediaType;

    use super::*;

    fn config() -> CacheConfig {
        let blob = Descriptor::of(MediaType::OciLayer(lapstrake_oci::Compression::Zstd), b"blob");
        let manifest = Descriptor::of(MediaType::Other(MANIFEST_TYPE.to_owned()), b"manifest");
        let content = ContentHash::of(b"layer");
        let (diff_id, packing) = (Digest::of(b"tar"), "zstd-3".to_owned());
        let layer = CachedLayer { content, diff_id, packing, blob, manifest };
        let record = CachedRecord { key: ContentHash::of(b"key"), layer: 0, created: 7 };
        let accounts = MediaType::Other(crate::account::ACCOUNTS_TYPE.to_owned());
        let accounts = Descriptor::of(accounts, b"accounts");
        CacheConfig::new(vec![layer], vec![record], Some(accounts))
    }

    #[test]
    fn what_is_written_is_read() {
        let config = config();
        let read = CacheConfig::parse(&config.to_bytes().unwrap()).unwrap();
        assert_eq!((read.layers, &read.records), (config.layers, &config.records));
        assert_eq!(read.accounts, config.accounts);
        let text = String::from_utf8(self::config().to_bytes().unwrap()).unwrap();
        // blake3 of "key", as b3sum prints it.
        let key = format!("\"key\":\"{}\"", ContentHash::of(b"key"));
        assert!(text.contains(&key) && text.contains("\"diffId\":\"sha256:"), "{text}");
    }

    /// Caches that were written before there were accounts.
    #[test]
    fn a_config_without_accounts_is_read() {
        let text = r#"{"version":1,"layers":[],"records":[]}"#;
        assert_eq!(CacheConfig::parse(text.as_bytes()).unwrap().accounts, None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut other = config();
        other.version = 2;
        let parsed = CacheConfig::parse(&other.to_bytes().unwrap());
        assert!(matches!(parsed, Err(Error::Version { found: 2 })));
        let mut dangling = config();
        dangling.records[0].layer = 1;
        let parsed = CacheConfig::parse(&dangling.to_bytes().unwrap());
        assert!(matches!(parsed, Err(Error::NoSuchLayer)));
        for text in ["", "{}", "[]", r#"{"version":1,"layers":[],"records":[{"key":"00"}]}"#] {
            assert!(CacheConfig::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
