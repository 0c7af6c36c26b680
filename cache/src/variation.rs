//! Steps that came to something else when they were executed once more.

use lapstrake_rootfs::{ContentHash, ContentHasher, LayerId};

use crate::layer::layer_id;
use crate::{ActionKey, Error, Store};

impl Store {
    /// Notes that `key` came to `earlier` as well, another layer than what its record has now. Replaces
    /// what was noted before. Atomic.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn put_variation(&self, key: &ActionKey, earlier: &LayerId) -> Result<(), Error> {
        self.put_note(&place(key), earlier.to_string().as_bytes())
    }

    /// Another layer that `key` came to, if one was noted. It may be gone.
    pub fn variation(&self, key: &ActionKey) -> Option<LayerId> {
        layer_id(std::str::from_utf8(&self.note(&place(key))?).ok()?)
    }
}

/// The key of the note.
fn place(key: &ActionKey) -> ContentHash {
    let mut hasher = ContentHasher::new("lapstrake variation 1");
    hasher.field(key.0.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_layer_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let hash = |text: &str| {
            let mut hasher = ContentHasher::new("test");
            hasher.field(text.as_bytes());
            hasher.finish()
        };
        let (key, other) = (ActionKey(hash("a")), ActionKey(hash("b")));
        assert_eq!(store.variation(&key), None);
        for layer in ["one", "two"] {
            let layer = LayerId::Built(hash(layer));
            store.put_variation(&key, &layer).unwrap();
            assert_eq!(store.variation(&key), Some(layer));
        }
        assert_eq!(store.variation(&other), None);
    }
}
