//! Annotations of images: `--annotation`, and the fields of `-o` for them.

use std::str::FromStr;

use lapstrake_oci::{Annotated, Annotation, Platform};

/// `--annotation`: one text, which may be wanted on several things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnotationFlag(pub(crate) Vec<Annotation>);

impl FromStr for AnnotationFlag {
    type Err = String;

    /// `[TYPE[PLATFORM],…:]KEY=VALUE`; what has no type is for manifests.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((written, value)) = text.split_once('=') else {
            return Err(format!("{text} has no value: write {text}=VALUE"));
        };
        let (places, key) = written.split_once(':').unwrap_or(("manifest", written));
        let annotations = places.split(',').map(|place| annotation(place, key, value));
        annotations.collect::<Result<_, _>>().map(Self)
    }
}

/// The field `annotation[-TYPE][[PLATFORM]].KEY` of an output; `None` when the name is another one.
pub(super) fn field(name: &str, value: &str) -> Option<Result<Annotation, String>> {
    let rest = name.strip_prefix("annotation")?;
    let (place, key) = rest.split_once('.')?;
    let place = match place.strip_prefix('-') {
        Some(place) => place.to_owned(),
        None if place.is_empty() || place.starts_with('[') => format!("manifest{place}"),
        None => return None,
    };
    Some(annotation(&place, key, value))
}

/// `place` is a type, with a platform in brackets where it is for one.
fn annotation(place: &str, key: &str, value: &str) -> Result<Annotation, String> {
    let (kind, platform) = match place.split_once('[') {
        None => (place, None),
        Some((kind, rest)) => {
            let name = rest.strip_suffix(']').ok_or_else(|| format!("{place} lacks its ]"))?;
            let platform = name.parse::<Platform>();
            let platform = platform.map_err(|error| format!("the platform {name}: {error}"))?;
            (kind, Some(platform))
        }
    };
    let on = match kind {
        "manifest" => Annotated::Manifest,
        "manifest-descriptor" => Annotated::ManifestDescriptor,
        "index" => Annotated::Index,
        "index-descriptor" => Annotated::IndexDescriptor,
        _ => {
            return Err(format!(
                "there is no type {kind}: it is one of manifest, manifest-descriptor, index and \
                 index-descriptor"
            ));
        }
    };
    if platform.is_some() && matches!(on, Annotated::Index | Annotated::IndexDescriptor) {
        return Err(format!("an index is for all platforms: write {kind}:{key}={value}"));
    }
    if key.is_empty() {
        return Err("the name of the annotation is missing: write KEY=VALUE".into());
    }
    Ok(Annotation { on, platform, key: key.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(on: Annotated, platform: Option<&str>, key: &str) -> Annotation {
        let platform = platform.map(|platform| platform.parse().expect("a platform"));
        Annotation { on, platform, key: key.to_owned(), value: "v=1".to_owned() }
    }

    #[test]
    fn flags() {
        let of = |text: &str| text.parse::<AnnotationFlag>().map(|flag| flag.0);
        assert_eq!(of("a.B=v=1"), Ok(vec![made(Annotated::Manifest, None, "a.B")]));
        assert_eq!(
            of("index,manifest[linux/arm/v7]:a=v=1"),
            Ok(vec![
                made(Annotated::Index, None, "a"),
                made(Annotated::Manifest, Some("linux/arm/v7"), "a"),
            ])
        );
        assert_eq!(
            of("manifest-descriptor:a:b=v=1"),
            Ok(vec![made(Annotated::ManifestDescriptor, None, "a:b")])
        );
        for text in ["a", "=b", "layer:a=b", "index[linux/amd64]:a=b", "manifest[linux/amd64:a=b"] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fields() {
        let of = |name| field(name, "v=1");
        assert_eq!(of("annotation.a.B"), Some(Ok(made(Annotated::Manifest, None, "a.B"))));
        assert_eq!(
            of("annotation-manifest-descriptor[linux/amd64].a"),
            Some(Ok(made(Annotated::ManifestDescriptor, Some("linux/amd64"), "a")))
        );
        assert_eq!(
            of("annotation[linux/amd64].a"),
            Some(Ok(made(Annotated::Manifest, Some("linux/amd64"), "a")))
        );
        assert!(matches!(of("annotation-layer.a"), Some(Err(_))));
        assert_eq!(of("annotations.a"), None);
        assert_eq!(of("annotation"), None);
    }
}
