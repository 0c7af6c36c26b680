//! Annotations that somebody wants on the documents of an image.

use std::collections::BTreeMap;

use crate::platform::Platform;

/// What an annotation stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotated {
    /// The manifest of an image.
    Manifest,
    /// What an index says of a manifest.
    ManifestDescriptor,
    /// The index.
    Index,
    /// What the `index.json` of an archive says of an index.
    IndexDescriptor,
}

/// One annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// What it stands on.
    pub on: Annotated,
    /// Of which image; `None` for all of them.
    pub platform: Option<Platform>,
    /// Its name.
    pub key: String,
    /// Its text.
    pub value: String,
}

/// Annotations in the order in which they were given: of two with one name the later one counts,
/// and one for a platform before one for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations(pub Vec<Annotation>);

impl Annotations {
    /// Those for such a document of the image for `platform`; of an index without a platform.
    pub fn on(&self, on: Annotated, platform: Option<&Platform>) -> BTreeMap<String, String> {
        let fits = |annotation: &&Annotation| annotation.on == on;
        let general = self.0.iter().filter(|annotation| annotation.platform.is_none());
        let special = self.0.iter().filter(|annotation| {
            let wanted = annotation.platform.as_ref().map(Platform::normalized);
            wanted.is_some() && wanted == platform.map(Platform::normalized)
        });
        let all = general.chain(special).filter(fits);
        all.map(|annotation| (annotation.key.clone(), annotation.value.clone())).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_special_and_the_later_count() {
        let annotation = |on, platform: Option<&str>, value: &str| Annotation {
            on,
            platform: platform.map(|platform| platform.parse().unwrap()),
            key: "a".to_owned(),
            value: value.to_owned(),
        };
        let all = Annotations(vec![
            annotation(Annotated::Manifest, Some("linux/arm64/v8"), "arm"),
            annotation(Annotated::Manifest, None, "first"),
            annotation(Annotated::Manifest, None, "second"),
            annotation(Annotated::Index, None, "index"),
        ]);
        let value = |on, platform: &str| {
            let platform: Platform = platform.parse().unwrap();
            all.on(on, Some(&platform)).remove("a")
        };
        assert_eq!(value(Annotated::Manifest, "linux/amd64").as_deref(), Some("second"));
        assert_eq!(value(Annotated::Manifest, "linux/arm64").as_deref(), Some("arm"));
        assert_eq!(value(Annotated::ManifestDescriptor, "linux/amd64"), None);
        assert_eq!(all.on(Annotated::Index, None)["a"], "index");
    }
}
