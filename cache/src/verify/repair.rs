//! Dropping what is damaged.

use std::fs;
use std::io;
use std::path::PathBuf;

use lapstrake_rootfs::LayerId;

use super::{Damage, Mending};
use crate::layer::layer_id;
use crate::lease::Gate;
use crate::prune::doomed;
use crate::{Error, Origin, Store};

impl Store {
    /// Drops what no running process uses, even where an image needs it.
    pub(super) fn repair(&self, damages: &mut [Damage]) -> Result<(), Error> {
        let aside = self.temporary()?;
        let gate = Gate::alone(self.root())?;
        let leased = Gate::leased(self.root())?;
        let mut layers: Vec<LayerId> = Vec::new();
        let inside = |damage: &&mut Damage| damage.kind() != "database";
        for damage in damages.iter_mut().filter(inside) {
            damage.mending = match leased.contains(&damage.id) {
                true => Mending::InUse,
                false => Mending::Dropped,
            };
            if damage.mending == Mending::Dropped {
                layers.extend(layer_id(&damage.id));
            }
        }
        let names: Vec<String> = layers.iter().map(ToString::to_string).collect();
        let folders: Vec<&str> = names.iter().map(String::as_str).collect();
        doomed::announce(self.root(), &folders)?;
        let origins = self.origins()?;
        let own: Vec<&Origin> =
            origins.iter().filter(|origin| layers.contains(&origin.record.layer)).collect();
        self.forget(&own, &layers)?;
        let dropped = damages
            .iter()
            .filter(|damage| damage.kind() != "database" && damage.mending == Mending::Dropped);
        for (number, damage) in dropped.enumerate() {
            let path = self.path_of(damage);
            match fs::rename(&path, aside.path().join(number.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", path)(error));
                }
                _ => {}
            }
        }
        doomed::done(self.root())?;
        drop(gate);
        Ok(())
    }

    fn path_of(&self, damage: &Damage) -> PathBuf {
        match damage.id.strip_prefix("sha256:") {
            Some(hex) => self.root().join("blobs/sha256").join(hex),
            None => self.root().join("layers").join(&damage.id),
        }
    }
}
