//! `-o`: where the result of a build goes.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum as _;
use lapstrake_oci::Annotation;
use lapstrake_solver::{Times, lower::SECONDS};

use super::annotation;
use super::image::{ArchiveFormat, LayerCompression};

/// `-o`. Whatever it says, the image is in the store as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) kind: OutputKind,
    /// What the image says of time.
    pub(crate) times: Times,
    /// What is noted on the image there.
    pub(crate) annotations: Vec<Annotation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// Nowhere else: `type=image`, `docker` without a file, `cacheonly`. `names` are further names.
    Store { names: Vec<String> },
    /// `type=registry`, or `image` with `push=true`. `names` are further names.
    Registry { names: Vec<String>, form: OutputForm },
    /// `type=oci` and `docker`: a file, or `-`.
    Archive { format: ArchiveFormat, destination: PathBuf, form: OutputForm },
    /// `type=oci` with `tar=false`: an image layout in a folder.
    Layout { destination: PathBuf, form: OutputForm },
    /// `type=local`: the files of the image in a folder.
    Folder { destination: PathBuf, plan: FilePlan },
    /// `type=tar`: the files of the image in an archive; a file, or `-`.
    Tar { destination: PathBuf, plan: FilePlan },
}

/// How the files of images are laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilePlan {
    /// Whether each platform has a folder; those of several have.
    pub(crate) split: Option<bool>,
    /// What the names of statements about the files begin with.
    pub(crate) prefix: String,
}

/// In what form an image leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputForm {
    pub(crate) compression: Option<LayerCompression>,
    pub(crate) level: Option<u32>,
    /// Whether layers that came compressed otherwise are compressed anew.
    pub(crate) force: bool,
    /// Whether the documents have Docker's media types.
    pub(crate) docker_types: bool,
}

impl Output {
    /// `--push`.
    pub(crate) fn push() -> Self {
        let kind = OutputKind::Registry { names: Vec::new(), form: OutputForm::default() };
        Self { kind, times: Times::default(), annotations: Vec::new() }
    }

    /// The file, or folder of a layout, that it is written to, if any; `-` for standard output.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match &self.kind {
            OutputKind::Archive { destination, .. }
            | OutputKind::Layout { destination, .. }
            | OutputKind::Tar { destination, .. } => Some(destination),
            _ => None,
        }
    }
}

/// The fields of `-o` as they were written.
#[derive(Default)]
struct Written {
    kind: Option<String>,
    destination: Option<String>,
    names: Vec<String>,
    push: bool,
    plan: FilePlan,
    /// `tar=false`.
    is_folder: bool,
    form: OutputForm,
    times: Times,
    annotations: Vec<Annotation>,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields = fields(text)?;
        let written = match fields.as_slice() {
            [] => return Err("it is empty: write type=oci,dest=FILE or another output".into()),
            [path] if !path.contains('=') => Written::bare(path),
            fields => Written::of(fields)?,
        };
        let (times, annotations) = (written.times, written.annotations.clone());
        Ok(Self { kind: written.kind()?, times, annotations })
    }
}

impl Written {
    /// A path alone: a folder, or `-` for an archive of files on standard output.
    fn bare(path: &str) -> Self {
        let kind = if path == "-" { "tar" } else { "local" };
        let (kind, destination) = (Some(kind.to_owned()), Some(path.to_owned()));
        Self { kind, destination, ..Self::default() }
    }

    fn of(fields: &[String]) -> Result<Self, String> {
        let mut written = Self::default();
        for field in fields {
            let Some((key, value)) = field.split_once('=') else {
                return Err(format!("{field} has no value: write {field}=…"));
            };
            match annotation::field(key.trim(), value) {
                Some(annotation) => written.annotations.push(annotation?),
                None => written.set(&key.trim().to_ascii_lowercase(), value)?,
            }
        }
        Ok(written)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "type" => self.kind = Some(value.to_owned()),
            "dest" => self.destination = Some(value.to_owned()).filter(|path| !path.is_empty()),
            "name" => self.names = names(value),
            "push" => self.push = boolean(key, value)?,
            "platform-split" => self.plan.split = Some(boolean(key, value)?),
            "attestation-prefix" if value.contains('/') => {
                return Err(format!("{key}={value} is no beginning of a name: leave out the `/`"));
            }
            "attestation-prefix" => self.plan.prefix = value.to_owned(),
            "compression" => self.form.compression = Some(compression(value)?),
            "compression-level" => self.form.level = Some(level(value)?),
            "force-compression" => self.form.force = boolean(key, value)?,
            "oci-mediatypes" => self.form.docker_types = !boolean(key, value)?,
            "tar" => self.is_folder = !boolean(key, value)?,
            "rewrite-timestamp" => self.times.rewrite = boolean(key, value)?,
            "source-date-epoch" => self.times.epoch = seconds(key, value)?,
            // How things always are here.
            "store" if matches!(value, "" | "true" | "1") => {}
            "mode" if value == "copy" => {}
            _ => return Err(format!("{key}={value} is not supported yet")),
        }
        Ok(())
    }

    fn kind(self) -> Result<OutputKind, String> {
        let Some(kind) = self.kind.clone() else {
            return Err("the type is missing: write type=oci,dest=FILE, for example".into());
        };
        self.check(&kind)?;
        match kind.as_str() {
            "image" | "cacheonly" => self.without_file(&kind),
            "registry" => Self { push: true, ..self }.without_file(&kind),
            "docker" if self.destination.is_none() => self.without_file(&kind),
            "docker" | "oci" | "local" | "tar" => self.with_file(&kind),
            other => Err(format!(
                "there is no type {other}: it is one of local, tar, oci, docker, image, registry \
                 and cacheonly"
            )),
        }
    }

    fn without_file(self, kind: &str) -> Result<OutputKind, String> {
        if self.destination.is_some() {
            return Err(format!("type={kind} takes no dest"));
        }
        match self.push {
            true => Ok(OutputKind::Registry { names: self.names, form: self.form }),
            false if self.form != OutputForm::default() => Err(
                "an image gets its form when it leaves: the store keeps layers as files, and OCI's \
                 media types"
                    .into(),
            ),
            false => Ok(OutputKind::Store { names: self.names }),
        }
    }

    fn with_file(self, kind: &str) -> Result<OutputKind, String> {
        if self.push {
            return Err(format!("type={kind} is not pushed: add an output type=registry"));
        }
        let destination = match self.destination.map(PathBuf::from) {
            Some(destination) => destination,
            None if kind == "local" => return Err("the folder is missing: add dest=FOLDER".into()),
            None => {
                return Err(
                    "the file is missing: add dest=FILE, or dest=- for standard output".into()
                );
            }
        };
        let (plan, form) = (self.plan, self.form);
        if matches!(kind, "local" | "tar") && form != OutputForm::default() {
            return Err(format!("type={kind} has no layers that could be compressed"));
        }
        Ok(match kind {
            "local" if destination.as_os_str() == "-" => {
                return Err("dest=- is for archives: write type=tar,dest=-".into());
            }
            "local" => OutputKind::Folder { destination, plan },
            "tar" => OutputKind::Tar { destination, plan },
            "docker" => OutputKind::Archive { format: ArchiveFormat::Docker, destination, form },
            _ if self.is_folder && destination.as_os_str() == "-" => {
                return Err("tar=false writes a folder: name one with dest=FOLDER".into());
            }
            _ if self.is_folder => OutputKind::Layout { destination, form },
            _ => OutputKind::Archive { format: ArchiveFormat::Oci, destination, form },
        })
    }

    /// What cannot be wanted together.
    fn check(&self, kind: &str) -> Result<(), String> {
        if self.is_folder && kind != "oci" {
            return Err(format!("tar=false makes an OCI layout: write type=oci, not {kind}"));
        }
        if !self.annotations.is_empty() && matches!(kind, "local" | "tar" | "cacheonly") {
            return Err(format!("type={kind} writes no image that could have annotations"));
        }
        if self.form.docker_types && self.form.compression == Some(LayerCompression::Zstd) {
            return Err("Docker's media types know no zstd: compression=zstd goes with \
                        oci-mediatypes=true"
                .into());
        }
        Ok(())
    }
}

/// The fields of a line of comma-separated values (RFC 4180), which may be in quotes.
pub(super) fn fields(text: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(character),
        }
    }
    if is_quoted {
        return Err("a quote is not closed".into());
    }
    fields.push(field);
    fields.retain(|field| !field.is_empty());
    Ok(fields)
}

fn names(value: &str) -> Vec<String> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn compression(value: &str) -> Result<LayerCompression, String> {
    let found = LayerCompression::from_str(value, false);
    found.map_err(|_| format!("compression={value} is none of uncompressed, gzip and zstd"))
}

pub(super) fn level(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| {
        format!("compression-level={value} is not from 0 to 9 for gzip, 1 to 22 for zstd")
    })
}

pub(super) fn boolean(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{key}={value} is neither true nor false")),
    }
}

/// Seconds since 1970; nothing is no time.
fn seconds(key: &str, value: &str) -> Result<Option<i64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    match value.parse() {
        Ok(seconds) if SECONDS.contains(&seconds) => Ok(Some(seconds)),
        Ok(_) => Err(format!("{key}={value} is not in the years 0 to 9999")),
        Err(_) => Err(format!("{key}={value} is no number of seconds since 1970")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Result<OutputKind, String> {
        text.parse::<Output>().map(|output| output.kind)
    }

    fn store(names: &[&str]) -> OutputKind {
        OutputKind::Store { names: names.iter().map(|&name| name.to_owned()).collect() }
    }

    fn registry(names: &[&str], form: OutputForm) -> OutputKind {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        OutputKind::Registry { names, form }
    }

    #[test]
    fn times_of_an_output() {
        let times = |text: &str| text.parse::<Output>().map(|output| output.times);
        let expected = |epoch, rewrite| Ok(Times { epoch, rewrite });
        assert_eq!(times("type=image"), expected(None, false));
        assert_eq!(times("type=image,rewrite-timestamp="), expected(None, true));
        assert_eq!(times("type=oci,dest=a,rewrite-timestamp=0"), expected(None, false));
        assert_eq!(
            times("type=docker,source-date-epoch=-5,rewrite-timestamp=true"),
            expected(Some(-5), true)
        );
        assert_eq!(times("type=image,source-date-epoch="), expected(None, false));
        for field in ["rewrite-timestamp=yes", "source-date-epoch=1e9"] {
            assert!(times(&format!("type=image,{field}")).is_err(), "{field}");
        }
        assert!(times(&format!("type=image,source-date-epoch={}", i64::MAX)).is_err());
    }

    #[test]
    fn archives_and_the_store() {
        let archive = |format, path: &str| {
            let form = OutputForm::default();
            Ok(OutputKind::Archive { format, destination: PathBuf::from(path), form })
        };
        assert_eq!(kind("type=oci,dest=a.tar"), archive(ArchiveFormat::Oci, "a.tar"));
        assert_eq!(kind("dest=-,type=docker"), archive(ArchiveFormat::Docker, "-"));
        assert_eq!(kind("type=image"), Ok(store(&[])));
        assert_eq!(kind("type=docker"), Ok(store(&[])));
        assert_eq!(kind("type=cacheonly"), Ok(store(&[])));
        assert_eq!(kind("type=image,\"name=a,b:1\""), Ok(store(&["a", "b:1"])));
        let texts = [
            "",
            "type=oci",
            "type=oci,dest=",
            "dest=x",
            "push=1",
            "type=none",
            "type=image,dest=a",
        ];
        for text in texts {
            assert!(kind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files() {
        let (destination, plan) = (PathBuf::from("out"), FilePlan::default());
        let folder = OutputKind::Folder { destination: destination.clone(), plan: plan.clone() };
        assert_eq!(kind("out"), Ok(folder.clone()));
        assert_eq!(kind("type=local,dest=out"), Ok(folder));
        assert_eq!(kind("-"), Ok(OutputKind::Tar { destination: "-".into(), plan }));
        assert_eq!(
            kind("type=tar,dest=out,platform-split=false,attestation-prefix=a-"),
            Ok(OutputKind::Tar {
                destination,
                plan: FilePlan { split: Some(false), prefix: "a-".to_owned() }
            })
        );
        for text in ["type=local", "type=local,dest=-", "type=local,dest=a,mode=delete", "a,b"] {
            assert!(kind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn registries() {
        assert_eq!(kind("type=registry"), Ok(registry(&[], OutputForm::default())));
        let compression = Some(LayerCompression::Zstd);
        let form = OutputForm { compression, level: Some(7), ..OutputForm::default() };
        assert_eq!(
            kind("type=image,push=true,name=a,compression=zstd,compression-level=7"),
            Ok(registry(&["a"], form))
        );
        for text in
            ["type=registry,dest=a", "type=oci,dest=a,push=true", "type=image,compression=gzip"]
        {
            assert!(kind(text).is_err(), "{text}");
        }
        assert!(kind("type=registry,compression=lzma").is_err());
    }

    #[test]
    fn forms() {
        let form = OutputForm { force: true, docker_types: true, ..OutputForm::default() };
        let destination = PathBuf::from("a");
        assert_eq!(
            kind("type=oci,tar=false,dest=a,force-compression=1,oci-mediatypes=false"),
            Ok(OutputKind::Layout { destination, form })
        );
        for text in [
            "type=oci,dest=a,compression=zstd,oci-mediatypes=false",
            "type=oci,tar=false,dest=-",
            "type=docker,tar=false,dest=a",
            "type=local,dest=a,compression=gzip",
            "type=image,oci-mediatypes=false",
            "type=oci,dest=a,compression=estargz",
        ] {
            assert!(kind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quoted_fields() {
        let of = |text| fields(text).expect("fields");
        assert_eq!(of("a,\"b,c\",d"), ["a", "b,c", "d"]);
        assert_eq!(of("\"a\"\"b\",,"), ["a\"b"]);
        assert!(fields("\"a").is_err());
    }
}
