//! `--cache-to` and `--cache-from`: caches that are shared.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum as _;
use lapstrake_oci::{Digest, Reference};

use super::bucket::BucketFields;
use super::export::{boolean, fields, level};
use super::image::LayerCompression;

mod refusal;

use refusal::{Way, refused};

/// What names a cache in a folder that holds several.
const TAG: &str = "latest";

/// Layers that may be written to a bucket at the same time.
const PARALLELISM: std::ops::RangeInclusive<usize> = 1..=64;

/// Where a cache is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CachePlace {
    /// `type=local`; of a cache that is read the digest counts more than the tag.
    Folder { path: PathBuf, tag: String, digest: Option<Digest> },
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
    pub(crate) form: CacheForm,
    /// Layers that are written at the same time.
    pub(crate) parallelism: Option<usize>,
    /// Whether blobs that nothing in the folder leads to are removed.
    pub(crate) reset: bool,
    /// Whether a cache that cannot be written is no failure.
    pub(crate) ignore_error: bool,
}

/// How the layers of a cache are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheForm {
    pub(crate) compression: Option<LayerCompression>,
    pub(crate) level: Option<u32>,
    /// Whether layers that came from other caches, compressed otherwise, are compressed anew.
    pub(crate) force: bool,
}

/// The fields as they were written.
#[derive(Default)]
struct Written {
    kind: Option<String>,
    folder: Option<String>,
    name: Option<String>,
    tag: Option<String>,
    digest: Option<Digest>,
    bucket: BucketFields,
    all: bool,
    form: CacheForm,
    parallelism: Option<usize>,
    reset: bool,
    ignore_error: bool,
}

/// As the cache is named in messages; without what may be a secret.
impl fmt::Display for CachePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path, .. } => write!(formatter, "{}", path.display()),
            Self::Registry { name } => formatter.write_str(name),
            Self::Inline => formatter.write_str("type=inline"),
            Self::Bucket(fields) => match &fields.bucket {
                Some(bucket) => write!(formatter, "s3://{bucket}"),
                None => formatter.write_str("type=s3"),
            },
        }
    }
}

impl FromStr for CacheFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = Written::read(text, Way::From)?;
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
        let written = Written::read(text, Way::To)?;
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
        written.check(&place)?;
        let Written { all, form, parallelism, reset, ignore_error, .. } = written;
        Ok(Self { place, all, form, parallelism, reset, ignore_error })
    }
}

impl Written {
    fn read(text: &str, way: Way) -> Result<Self, String> {
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
            if !written.set(way, &key, value)? {
                return Err(refused(way, kind.unwrap_or_default().trim(), &key, value));
            }
        }
        Ok(written)
    }

    /// Takes the field if it is one of this flag; whether it is.
    fn set(&mut self, way: Way, key: &str, value: &str) -> Result<bool, String> {
        let given = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match (way, key) {
            (_, "type") => self.kind = Some(value.to_owned()),
            (_, "ref") => self.name = Some(value.to_owned()),
            (_, "tag") => self.tag = given(),
            (Way::From, "src") | (Way::To, "dest") => self.folder = Some(value.to_owned()),
            (Way::From, "digest") if value.is_empty() => {}
            (Way::From, "digest") => {
                let fault = |_| format!("digest={value} is no digest such as sha256:…");
                self.digest = Some(value.parse().map_err(fault)?);
            }
            (_, key) if self.bucket.set(key, value)? => {}
            (Way::To, _) => return self.set_form(key, value),
            (Way::From, _) => return Ok(false),
        }
        Ok(true)
    }

    fn set_form(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match (key, value) {
            ("mode", "min") => self.all = false,
            ("mode", "max") => self.all = true,
            ("mode", _) => return Err(format!("mode={value} is neither min nor max")),
            ("compression", _) => {
                let found = LayerCompression::from_str(value, false);
                let fault = |_| format!("compression={value} is none of uncompressed, gzip, zstd");
                self.form.compression = Some(found.map_err(fault)?);
            }
            ("compression-level", _) => self.form.level = Some(level(value)?),
            ("force-compression", _) => self.form.force = boolean(key, value)?,
            ("ignore-error", _) => self.ignore_error = boolean(key, value)?,
            ("reset", _) => self.reset = boolean(key, value)?,
            ("upload_parallelism", _) => {
                let count = value.parse().ok().filter(|count| PARALLELISM.contains(count));
                let fault = || format!("upload_parallelism={value} is not from 1 to 64");
                self.parallelism = Some(count.ok_or_else(fault)?);
            }
            // How things always are here.
            ("image-manifest" | "oci-mediatypes", _) => return boolean(key, value),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What does not go with the place.
    fn check(&self, place: &CachePlace) -> Result<(), String> {
        let fault = match place {
            CachePlace::Inline if self.all || self.form != CacheForm::default() => {
                "type=inline tells of the image's own layers as they are: mode=max and compressions \
                 go with type=local, type=registry and type=s3"
            }
            _ if self.reset && !matches!(place, CachePlace::Folder { .. }) => {
                "reset removes old blobs from a folder: it goes with type=local; in a registry its own \
                 clean-up does that, in a bucket a rule about the age of objects"
            }
            CachePlace::Registry { name } if name.contains('@') => {
                "a cache is written under a tag: write ref=HOST/NAME:TAG"
            }
            _ if self.parallelism.is_some() && !matches!(place, CachePlace::Bucket(_)) => {
                "upload_parallelism goes with type=s3"
            }
            _ => return Ok(()),
        };
        Err(fault.into())
    }

    fn place(&self, folder: &str) -> Result<CachePlace, String> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let is_of_bucket = self.bucket != BucketFields::default();
        match self.kind.as_deref() {
            Some("s3")
                if given(&self.folder).or(given(&self.name)).or(self.tag.clone()).is_some()
                    || self.digest.is_some() =>
            {
                return Err(format!(
                    "type=s3 takes bucket=… and name=…, but no {folder}, ref, tag or digest"
                ));
            }
            Some("s3") => return Ok(CachePlace::Bucket(Box::new(self.bucket.clone()))),
            Some(kind) if is_of_bucket => {
                return Err(format!(
                    "bucket, region, name, prefixes and keys go with type=s3, not {kind}"
                ));
            }
            Some(kind @ ("registry" | "inline")) if self.tag.is_some() || self.digest.is_some() => {
                let instead = "in a registry the tag, or the digest, is a part of ref";
                return Err(format!("tag and digest go with type=local, not {kind}: {instead}"));
            }
            _ => {}
        }
        match (self.kind.as_deref(), given(&self.folder), given(&self.name)) {
            (Some("local"), Some(path), None) => {
                let tag = self.tag.clone().unwrap_or_else(|| TAG.to_owned());
                Ok(CachePlace::Folder { path: path.into(), tag, digest: self.digest })
            }
            (Some("local"), ..) => Err(format!("write type=local,{folder}=DIRECTORY")),
            (Some("inline"), None, None) => Ok(CachePlace::Inline),
            (Some("inline"), ..) => {
                Err("type=inline goes with the image: it takes no place".into())
            }
            (Some("registry"), None, Some(name)) => Ok(CachePlace::Registry { name }),
            (Some("registry"), ..) => Err("write type=registry,ref=HOST/NAME:TAG".into()),
            (Some(kind), ..) => supported(kind).and(Err(format!("type={kind} is not supported"))),
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
        "gha" => Err(format!(
            "type=gha is not supported yet: write type=local with a folder that actions/cache keeps, as \
             docs/ci.md shows; {TYPES}"
        )),
        "azblob" => Err(format!(
            "type=azblob is not supported yet: write type=registry, which Azure has as well; {TYPES}"
        )),
        "" => Err(format!("type is empty: {TYPES}")),
        kind => Err(format!("there is no type {kind}: {TYPES}")),
    }
}

fn is_tag(text: &str) -> bool {
    // Of which repository makes no difference.
    Reference::parse("localhost/cache").and_then(|cache| cache.with_tag(text)).is_ok()
}

#[cfg(test)]
mod tests;
