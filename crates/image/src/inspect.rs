//! `inspect`: everything about one image, in the form of `docker image inspect`.

use lapstrake_oci::{Config, Platform, Reference};
use serde_json::{Map, Value, json};

use crate::{Error, Images};

impl Images<'_> {
    /// What `docker image inspect` shows of the image that `name` stands for (as in
    /// [`Images::chosen`]): one object.
    ///
    /// # Errors
    /// As [`Images::chosen`].
    pub fn inspect(&self, name: &str, platform: Option<&Platform>) -> Result<Value, Error> {
        let image = self.chosen(name, platform)?;
        let names = self.names(&image.digest)?;
        let platform = image.config.platform();
        let familiar = |names: &[Reference]| -> Vec<String> {
            names.iter().map(Reference::familiar).collect()
        };
        let comment = image.config.history.last().map(|step| step.comment.clone());
        let mut shown = json!({
            "Id": image.id(),
            "RepoTags": familiar(&names.tags),
            "RepoDigests": familiar(&names.digests),
            "Parent": "",
            "Comment": comment.unwrap_or_default(),
            "Created": image.config.created,
            "Author": image.config.author,
            "Config": config(&image.config.config)?,
            "Architecture": platform.architecture,
            "Os": platform.os,
            "Size": self.size(&image)?,
            "RootFS": {"Type": "layers", "Layers": image.config.rootfs.diff_ids},
            "Metadata": {"LastTagTime": last_tag_time(names.updated)},
            "Descriptor": {
                "mediaType": image.manifest.media_type,
                "digest": image.digest,
            },
        });
        if let Value::Object(shown) = &mut shown {
            for (key, value) in [("Variant", platform.variant), ("OsVersion", platform.os_version)]
            {
                if !value.is_empty() {
                    shown.insert(key.to_owned(), Value::String(value));
                }
            }
        }
        Ok(shown)
    }
}

/// Docker shows these also when they are empty.
fn config(config: &Config) -> Result<Value, Error> {
    let mut shown = Map::new();
    for text in ["Hostname", "Domainname", "User", "WorkingDir"] {
        shown.insert(text.to_owned(), Value::String(String::new()));
    }
    for list in ["Env", "Cmd", "Volumes", "Entrypoint", "OnBuild", "Labels"] {
        shown.insert(list.to_owned(), Value::Null);
    }
    let what = "the image's config";
    let stated = serde_json::to_value(config).map_err(|source| Error::Encode { what, source })?;
    if let Value::Object(stated) = stated {
        shown.extend(stated);
    }
    Ok(Value::Object(shown))
}

/// Go's zero time for an image without a name.
fn last_tag_time(updated: i64) -> String {
    match jiff::Timestamp::from_second(updated) {
        Ok(time) if updated > 0 => time.to_string(),
        _ => "0001-01-01T00:00:00Z".to_owned(),
    }
}
