//! `history`: how an image came to be.

use lapstrake_oci::{Digest, Platform};
use lapstrake_rootfs::LayerId;

use crate::{Error, Images};

/// One step of how an image came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// The image id in the first row; the others are what Docker calls `<missing>`.
    pub id: Option<Digest>,
    /// When, RFC 3339, as the config spells it.
    pub created: Option<String>,
    /// By which command.
    pub created_by: String,
    /// Bytes of the files of its layer; 0 when it made none.
    pub size: u64,
    /// A note.
    pub comment: String,
}

impl Images<'_> {
    /// The steps of the image that `name` stands for (as in [`Images::chosen`]), the newest first.
    ///
    /// # Errors
    /// As [`Images::chosen`].
    pub fn history(
        &self,
        name: &str,
        platform: Option<&Platform>,
    ) -> Result<Vec<HistoryRow>, Error> {
        let image = self.chosen(name, platform)?;
        let mut layers = image.layers();
        let mut rows = Vec::new();
        for step in &image.config.history {
            let layer = if step.empty_layer { None } else { layers.next() };
            let size = match layer {
                Some((descriptor, diff_id)) => {
                    let here = self.store.layer_size(&LayerId::Image(diff_id))?;
                    here.unwrap_or(descriptor.size)
                }
                None => 0,
            };
            rows.push(HistoryRow {
                id: None,
                created: step.created.clone(),
                created_by: step.created_by.clone(),
                size,
                comment: step.comment.clone(),
            });
        }
        rows.reverse();
        if let Some(newest) = rows.first_mut() {
            newest.id = Some(image.id());
        }
        Ok(rows)
    }
}
