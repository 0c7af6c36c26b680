//! `--cache-to` and `--cache-from`: caches that are shared.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum as _;
use lapstrake_oci::Reference;

use super::bucket::{BucketFields, is_secret};
use super::export::{boolean, fields, level};
use super::image::LayerCompression;

/// What names a cache in a folder that holds several.
const TAG: &str = "latest";

/// Where a cache is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CachePlace {
    /// `type=local`.
    Folder { path: PathBuf, tag: String },
    /// `type=registry`: a name as it was typed.
    Registry { name: String },
    /// `type=inline`: in the config of the image.
    Inline,
    /// `type=s3`.
    Bucket(Box<BucketFields>),
}

/// `--cache-from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheFrom(pub(crate) CachePlace);

/// `--cache-to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheTo {
    pub(crate) place: CachePlace,
    /// `mode=max`: all steps, not only those whose layers are part of the image.
    pub(crate) all: bool,
    pub(crate) compression: Option<LayerCompression>,
    pub(crate) level: Option<u32>,
    /// Whether a cache that cannot be written is no failure.
    pub(crate) ignore_error: bool,
}

/// The fields as they were written.
#[derive(Default)]
struct Written {
    kind: Option<String>,
    folder: Option<String>,
    name: Option<String>,
    tag: Option<String>,
    bucket: BucketFields,
    all: bool,
    compression: Option<LayerCompression>,
    level: Option<u32>,
    ignore_error: bool,
}

impl FromStr for CacheFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = Written::read(text, "src", |_, key, value| Err(unknown(key, value)))?;
        match written.place("src")? {
            CachePlace::Inline => {
                Err("an image that has a cache is named by type=registry,ref=NAME \
                                       or type=local,src=DIRECTORY"
                    .into())
            }
            place => Ok(Self(place)),
        }
    }
}

impl FromStr for CacheTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = Written::read(text, "dest", Written::set_form)?;
        let place = written.place("dest")?;
        // Other programs write other names into layouts, and those can be read.
        if let CachePlace::Folder { tag, .. } = &place
            && !is_tag(tag)
        {
            return Err(
                "the tag has to be of 1 to 128 letters, digits, `_`, `.` and `-`, and to begin \
                        with a letter, a digit or `_`"
                    .into(),
            );
        }
        let Written { all, compression, level, ignore_error, .. } = written;
        if place == CachePlace::Inline && (all || compression.is_some() || level.is_some()) {
            return Err("type=inline tells of the image's own layers as they are: mode=max and \
                        compressions go with type=local, type=registry and type=s3"
                .into());
        }
        Ok(Self { place, all, compression, level, ignore_error })
    }
}

impl Written {
    /// `folder` is what the folder's field is called; `other` takes fields that only one of the flags
    /// has.
    fn read(
        text: &str,
        folder: &str,
        other: impl Fn(&mut Self, &str, &str) -> Result<(), String>,
    ) -> Result<Self, String> {
        let fields = fields(text)?;
        let mut written = Self::default();
        if let [name] = fields.as_slice()
            && !name.contains('=')
        {
            let (kind, name) = (Some("registry".to_owned()), Some(name.clone()));
            return Ok(Self { kind, name, ..written });
        }
        // The fields of a type that is not there would be called unknown.
        let kind = fields.iter().find_map(|field| field.strip_prefix("type="));
        kind.map_or(Ok(()), supported)?;
        for field in &fields {
            let Some((key, value)) = field.split_once('=') else {
                return Err(format!("{field} has no value: write {field}=…"));
            };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match key.as_str() {
                "type" => written.kind = Some(value.to_owned()),
                "ref" => written.name = Some(value.to_owned()),
                "tag" if !value.is_empty() => written.tag = Some(value.to_owned()),
                key if key == folder => written.folder = Some(value.to_owned()),
                key if written.bucket.set(key, value)? => {}
                key => other(&mut written, key, value)?,
            }
        }
        Ok(written)
    }

    fn set_form(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, value) {
            ("mode", "min") => self.all = false,
            ("mode", "max") => self.all = true,
            ("mode", _) => return Err(format!("mode={value} is neither min nor max")),
            ("compression", _) => {
                let found = LayerCompression::from_str(value, false);
                let fault = |_| format!("compression={value} is none of uncompressed, gzip, zstd");
                self.compression = Some(found.map_err(fault)?);
            }
            ("compression-level", _) => self.level = Some(level(value)?),
            ("ignore-error", _) => self.ignore_error = boolean(key, value)?,
            // How things always are here.
            ("image-manifest" | "oci-mediatypes", "true" | "1") => {}
            _ => return Err(unknown(key, value)),
        }
        Ok(())
    }

    fn place(&self, folder: &str) -> Result<CachePlace, String> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let is_of_bucket = self.bucket != BucketFields::default();
        match self.kind.as_deref() {
            Some("s3")
                if given(&self.folder).or(given(&self.name)).or(self.tag.clone()).is_some() =>
            {
                return Err(format!(
                    "type=s3 takes bucket=… and name=…, but no {folder}, ref or tag"
                ));
            }
            Some("s3") => return Ok(CachePlace::Bucket(Box::new(self.bucket.clone()))),
            Some(kind) if is_of_bucket => {
                return Err(format!(
                    "bucket, region, name, prefixes and keys go with type=s3, not {kind}"
                ));
            }
            _ => {}
        }
        match (self.kind.as_deref(), given(&self.folder), given(&self.name)) {
            (Some("local"), Some(path), None) => {
                let tag = self.tag.clone().unwrap_or_else(|| TAG.to_owned());
                Ok(CachePlace::Folder { path: path.into(), tag })
            }
            (Some("local"), ..) => Err(format!("write type=local,{folder}=DIRECTORY")),
            (Some("inline"), None, None) => Ok(CachePlace::Inline),
            (Some("inline"), ..) => {
                Err("type=inline goes with the image: it takes no place".into())
            }
            (Some("registry"), None, Some(name)) => Ok(CachePlace::Registry { name }),
            (Some("registry"), ..) => Err("write type=registry,ref=HOST/NAME:TAG".into()),
            (Some(kind), ..) => supported(kind).and(Err(unknown("type", kind))),
            (None, ..) => Err(format!(
                "the type is missing: write type=local,{folder}=DIRECTORY, \
                 type=registry,ref=HOST/NAME:TAG, or type=s3,bucket=NAME"
            )),
        }
    }
}

/// Refuses a type of cache that there is not.
fn supported(kind: &str) -> Result<(), String> {
    const TYPES: &str = "a cache is of type=local, type=registry, type=s3 or type=inline";
    match kind.trim() {
        "local" | "registry" | "inline" | "s3" => Ok(()),
        kind @ ("gha" | "azblob") => Err(format!("type={kind} is not supported yet: {TYPES}")),
        "" => Err(format!("type is empty: {TYPES}")),
        kind => Err(format!("there is no type {kind}: {TYPES}")),
    }
}

fn is_tag(text: &str) -> bool {
    // Of which repository makes no difference.
    Reference::parse("localhost/cache").and_then(|cache| cache.with_tag(text)).is_ok()
}

fn unknown(key: &str, value: &str) -> String {
    let value = if is_secret(key) { "…" } else { value };
    format!("{key}={value} is not supported")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &str, tag: &str) -> CachePlace {
        CachePlace::Folder { path: path.into(), tag: tag.to_owned() }
    }

    fn registry(name: &str) -> CachePlace {
        CachePlace::Registry { name: name.to_owned() }
    }

    #[test]
    fn places() {
        let from = |text: &str| text.parse::<CacheFrom>().map(|from| from.0);
        assert_eq!(from("type=local,src=a/b"), Ok(folder("a/b", "latest")));
        assert_eq!(from("src=a,tag=x,type=local"), Ok(folder("a", "x")));
        assert_eq!(from("type=registry,ref=h:5000/n:t"), Ok(registry("h:5000/n:t")));
        assert_eq!(from("h:5000/n:t"), Ok(registry("h:5000/n:t")));
        for text in [
            "",
            "type=local",
            "type=local,dest=a",
            "type=local,src=",
            "type=local,src=a,ref=b",
            "type=registry,src=a",
            "type=registry",
            "src=a",
            "type=local,src=a,mode=max",
            "a,b",
            "type=inline",
            "type=local,src=a,bucket=b",
            "type=s3,bucket=b,src=a",
            "type=s3,bucket=b,tag=t",
            "type=s3,bucket=b,touch_refresh=soon",
            "type=s3,bucket=b,use_path_style=perhaps",
            "type=s3,bucket=b,mode=max",
        ] {
            assert!(from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_where() {
        let to = |text: &str| text.parse::<CacheTo>();
        let usual = CacheTo {
            place: folder("a", "latest"),
            all: false,
            compression: None,
            level: None,
            ignore_error: false,
        };
        assert_eq!(to("type=local,dest=a,mode=min"), Ok(usual.clone()));
        let compression = Some(LayerCompression::Zstd);
        let other = CacheTo { all: true, compression, level: Some(9), ignore_error: true, ..usual };
        assert_eq!(
            to("type=local,dest=a,mode=max,compression=zstd,compression-level=9,ignore-error=true"),
            Ok(other)
        );
        let inline = to("type=inline").map(|to| to.place);
        assert_eq!(inline, Ok(CachePlace::Inline));
        for text in [
            "type=inline,mode=max",
            "type=inline,ref=a",
            "type=inline,compression=gzip",
            "type=local,dest=a,mode=all",
            "type=local,dest=a,compression=xz",
            "type=none",
        ] {
            assert!(to(text).is_err(), "{text}");
        }
    }

    /// distribution-spec, "Pulling manifests": `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    #[test]
    fn what_is_written_has_a_tag() {
        let to = |tag: &str| format!("type=local,dest=a,tag={tag}").parse::<CacheTo>();
        let longest = "a".repeat(128);
        for tag in ["t", "_", "1.2-rc_3", "Main", &longest] {
            assert_eq!(to(tag).map(|to| to.place), Ok(folder("a", tag)));
        }
        let long = "a".repeat(3000);
        for tag in ["x y", "../../x", ".a", "-a", "a/b", "a:b", "ä", "a\tb", &long] {
            let error = to(tag).unwrap_err();
            assert!(error.contains("1 to 128 letters") && error.len() < 200, "{error}");
        }
        // What skopeo and others write.
        let from = "type=local,src=a,tag=docker.io/library/app:1".parse::<CacheFrom>();
        assert_eq!(from, Ok(CacheFrom(folder("a", "docker.io/library/app:1"))));
    }

    #[test]
    fn errors_say_what_to_write() {
        let to = |text: &str| text.parse::<CacheTo>().unwrap_err();
        for text in ["type=", "type=,dest=a", "type= "] {
            let error = to(text);
            assert!(error.starts_with("type is empty: a cache is of type=local"), "{error}");
        }
        for level in ["-1", "x", "99999999999"] {
            let error = to(&format!("type=local,dest=a,compression-level={level}"));
            assert!(error.contains("0 to 9 for gzip, 1 to 22 for zstd"), "{error}");
        }
    }

    #[test]
    fn buckets() {
        let text = "type=s3,bucket=b,region=r,endpoint_url=http://h:9,name=a;c,prefix=p/,\
                    blobs_prefix=x/,manifests_prefix=y/,access_key_id=id,secret_access_key=s,\
                    session_token=t,use_path_style=true,touch_refresh=1h30m";
        let some = |text: &str| Some(text.to_owned());
        let fields = BucketFields {
            bucket: some("b"),
            region: some("r"),
            endpoint: some("http://h:9"),
            name: some("a;c"),
            prefix: some("p/"),
            blobs_prefix: some("x/"),
            manifests_prefix: some("y/"),
            key_id: some("id"),
            key: some("s"),
            token: some("t"),
            path_style: true,
            touch: Some(std::time::Duration::from_secs(5400)),
        };
        let place = CachePlace::Bucket(Box::new(fields));
        assert_eq!(text.parse(), Ok(CacheFrom(place.clone())));
        let to = format!("{text},mode=max,compression=gzip,ignore-error=true").parse::<CacheTo>();
        let to = to.unwrap();
        assert_eq!((to.place, to.all, to.ignore_error), (place, true, true));
        let error = "type=s3,secret_acces_key=abc".parse::<CacheTo>().unwrap_err();
        assert!(!error.contains("abc"), "{error}");
    }

    #[test]
    fn what_comes_later_is_refused_with_what_there_is() {
        for kind in ["gha", "azblob"] {
            for text in [format!("type={kind}"), format!("bucket=x,type={kind}")] {
                let refused = text.parse::<CacheTo>().unwrap_err();
                assert!(refused.contains(kind) && refused.contains("type=local"), "{refused}");
                assert_eq!(text.parse::<CacheFrom>().unwrap_err(), refused);
            }
        }
    }
}
