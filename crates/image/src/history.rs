//! `history`: how an image came to be.

use lapstrake_oci::{Digest, Platform};
use lapstrake_rootfs::change::{self, Change};
use lapstrake_rootfs::{LayerId, View};

use crate::{Error, Images, ResolvedImage};

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

/// One step that made a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerStep {
    /// By which command; empty where the history does not say.
    pub created_by: String,
    /// Bytes of the files of its layer.
    pub size: u64,
    /// Of these, the bytes of files that later layers removed or replaced.
    pub wasted: u64,
    /// What the layer changes of what is below it, in path order.
    pub changes: Vec<Change>,
}

impl Images<'_> {
    /// What the files of the image `after` change of those of `before`, in path order, from the
    /// layers' manifests alone.
    ///
    /// # Errors
    /// As [`Images::chosen`], and when a layer is not here.
    pub fn diff(
        &self,
        before: &str,
        after: &str,
        platform: Option<&Platform>,
    ) -> Result<Vec<Change>, Error> {
        let before = self.view(&self.chosen(before, platform)?)?;
        let after = self.view(&self.chosen(after, platform)?)?;
        Ok(change::between(&before, &after))
    }

    fn view(&self, image: &ResolvedImage) -> Result<View, Error> {
        let layers = image.layers().map(|(_, diff_id)| self.manifest_of(&diff_id));
        Ok(View::new(layers.collect::<Result<_, Error>>()?))
    }

    /// The steps that made the layers of the image that `name` stands for, the newest first, from
    /// the layers' manifests alone.
    ///
    /// # Errors
    /// As [`Images::chosen`], and when a layer is not here.
    pub fn layer_steps(
        &self,
        name: &str,
        platform: Option<&Platform>,
    ) -> Result<Vec<LayerStep>, Error> {
        let image = self.chosen(name, platform)?;
        let view = self.view(&image)?;
        let mut made = image.config.history.iter().filter(|step| !step.empty_layer);
        let mut lower = View::default();
        let mut steps = Vec::new();
        for (layer, wasted) in view.layers().iter().zip(change::wasted(&view)) {
            steps.push(LayerStep {
                created_by: made.next().map(|step| step.created_by.clone()).unwrap_or_default(),
                size: layer.size(),
                wasted,
                changes: change::of_layer(&lower, layer),
            });
            lower = lower.with(layer.clone());
        }
        steps.reverse();
        Ok(steps)
    }

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
