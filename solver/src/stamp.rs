//! The times of an image that is to be from some time (A8.13).

use std::fs::File;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lapstrake_cache::Record;
use lapstrake_rootfs::restamp::Restamp;
use lapstrake_rootfs::writer::LayerWriter;
use lapstrake_rootfs::{LayerId, View};

use crate::build::Times;
use crate::op::Workshop;
use crate::{Error, key};

const NANOSECONDS: i128 = 1_000_000_000;

/// What an image says of time.
pub(crate) struct Clock {
    /// SOURCE_DATE_EPOCH, in seconds since 1970.
    pub(crate) epoch: Option<i64>,
    /// What the output asks for.
    pub(crate) times: Times,
}

impl Clock {
    /// What the user should know.
    pub(crate) fn complaint(&self) -> Option<String> {
        let is_void = self.times.rewrite && self.restamp().is_none();
        is_void.then(|| "rewrite-timestamp=true has no time: give SOURCE_DATE_EPOCH".to_owned())
    }

    /// What new layers go through.
    pub(crate) fn restamp(&self) -> Option<Restamp> {
        let Times { epoch: limit, rewrite: clamp } = self.times;
        let epoch = if clamp { limit.or(self.epoch) } else { self.epoch };
        epoch.map(|epoch| Restamp { epoch, clamp })
    }

    /// The time of a step that was executed `created` nanoseconds after 1970 began.
    pub(crate) fn time(&self, created: i64) -> String {
        let limit = self.times.epoch.map_or(i128::MAX, nanoseconds);
        text(self.epoch.map_or(i128::from(created), nanoseconds).min(limit))
    }

    /// The time of everything new, whenever that was executed.
    pub(crate) fn fixed(&self) -> Option<String> {
        let limit = self.times.epoch.unwrap_or(i64::MAX);
        self.epoch.map(|epoch| text(nanoseconds(epoch.min(limit))))
    }
}

fn nanoseconds(seconds: i64) -> i128 {
    i128::from(seconds) * NANOSECONDS
}

/// RFC 3339 with nanoseconds, as Docker writes times.
fn text(nanoseconds: i128) -> String {
    jiff::Timestamp::from_nanosecond(nanoseconds).map(|time| time.to_string()).unwrap_or_default()
}

/// The layer with other times. It is another one, and is kept for the next time.
pub(crate) fn stamped(
    id: &LayerId,
    restamp: Restamp,
    workshop: &Workshop<'_>,
) -> Result<LayerId, Error> {
    let store = workshop.store;
    let failed = |source| Error::Export { what: "layer with other times", source };
    let layer = workshop.layers.layer(id)?;
    let layer = layer.ok_or_else(|| failed(format!("the layer {id} is missing").into()))?;
    if !restamp.changes(&layer.manifest) {
        return Ok(*id);
    }
    let key = key::restamp(id, restamp);
    let cancelled = || workshop.cancel.is_cancelled();
    let _lock = store.lock_action(&key, &cancelled).map_err(Error::Store)?;
    if let Some(record) = store.record(&key).map_err(Error::Store)? {
        return Ok(record.layer);
    }
    let directory = File::open(&layer.path).map_err(|error| failed(error.into()))?;
    let staging = store.stage_layer().map_err(Error::Store)?;
    let fs = staging.open_fs().map_err(Error::Store)?;
    let manifest = LayerWriter::new(fs, View::default())
        .and_then(|writer| restamp.write(&layer.manifest, &Arc::new(directory.into()), writer))
        .map_err(|error| failed(error.into()))?;
    let new = LayerId::Built(manifest.timed_hash());
    let layer = store.commit_layer(staging, new, manifest).map_err(Error::Store)?;
    workshop.layers.remember(layer);
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let created = i64::try_from(created.as_nanos()).unwrap_or(i64::MAX);
    store.put_record(&key, &Record { layer: new, created }).map_err(Error::Store)?;
    Ok(new)
}
