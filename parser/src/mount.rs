//! `RUN --mount=…` (A10).
//!
//! A value is read twice. [`check`] finds, while the file is parsed, what is wrong whatever the
//! variables are. [`Mount::parse`] reads it once the variables are known.

mod rule;

use crate::csv::{self, Field};
use crate::diagnostic::Code;
use crate::expand::ExpandError;
use crate::suggest::suggest;
use std::ops::Range;

/// What a mount shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MountType {
    /// A directory or file of the context, a stage or an image.
    #[default]
    Bind,
    /// A directory that outlives the build.
    Cache,
    /// An empty directory in memory.
    Tmpfs,
    /// A secret, as a file or a variable.
    Secret,
    /// The socket of an ssh agent.
    Ssh,
}

impl MountType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Bind, Self::Cache, Self::Tmpfs, Self::Secret, Self::Ssh];

    /// The value of `type=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }
}

/// Who may use a cache at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Everybody.
    Shared,
    /// One step; another gets a cache of its own.
    Private,
    /// One step; another waits.
    Locked,
}

impl Sharing {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Shared, Self::Private, Self::Locked];

    /// The value of `sharing=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Private => "private",
            Self::Locked => "locked",
        }
    }
}

/// A mount as written. An option that is unset or empty is `None`; defaults are for the solver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// `type`.
    pub kind: MountType,
    /// `from`: a stage, an image or a named context.
    pub from: Option<String>,
    /// `source`, `src`.
    pub source: Option<String>,
    /// `target`, `dst`, `destination`. May be relative to the working directory.
    pub target: Option<String>,
    /// `ro`, `readonly`, or not `rw`, `readwrite`. The default depends on the type.
    pub read_only: bool,
    /// `size` of a tmpfs in bytes; 0 means no limit.
    pub size: u64,
    /// `id` of a cache, secret or ssh agent.
    pub id: Option<String>,
    /// `sharing` of a cache.
    pub sharing: Option<Sharing>,
    /// `required`: a secret or agent that is missing is an error.
    pub required: bool,
    /// `env`: the variable to put a secret in. Empty means the id.
    pub env: Option<String>,
    /// `mode`.
    pub mode: Option<u32>,
    /// `uid`.
    pub uid: Option<u32>,
    /// `gid`.
    pub gid: Option<u32>,
}

/// What is wrong with the value of a mount or device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountError {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The bytes of the value at fault.
    pub range: Range<usize>,
    /// What the author can do.
    pub hint: Option<String>,
    /// The rule that a variable in the value breaks, if it is that.
    pub variable_fault: Option<Code>,
}

impl std::fmt::Display for MountError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for MountError {}

impl MountError {
    pub(crate) fn new(range: &Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), range: range.clone(), hint: None, variable_fault: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_suggestion(self, suggestion: Option<&str>) -> Self {
        match suggestion {
            Some(near) => self.with_hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The value of the last option with one of these names, as it is written, and where it stands.
///
/// For what is needed before variables are known, such as `from`, and to point at an option. There
/// is none in a value that [`check`] refuses.
pub fn option(value: &str, names: &[&str]) -> Option<(String, Range<usize>)> {
    let fields = csv::fields(value).ok()?;
    fields.iter().rev().find_map(|field| {
        let (key, text) = field.text.split_once('=')?;
        let named = names.iter().any(|name| key.eq_ignore_ascii_case(name));
        named.then(|| (text.to_owned(), field.value_range()))
    })
}

/// Where the values of the options stand, in order: what is expanded, each by itself. None if the
/// text is not readable as options.
pub fn values(text: &str) -> Vec<Range<usize>> {
    let fields = csv::fields(text).unwrap_or_default();
    let pairs = fields.iter().filter(|field| field.text.contains('='));
    pairs.map(csv::Field::value_range).collect()
}

/// Checks the value of `--mount` as far as variables do not matter.
///
/// # Errors
/// It is no list of values, or `from` has a variable.
pub fn check(value: &str) -> Result<(), MountError> {
    for field in fields(value)? {
        let Some((key, from)) = field.text.split_once('=') else { continue };
        let variable = from.find('$').is_some_and(|at| at + 1 < from.len());
        if key.eq_ignore_ascii_case("from") && variable {
            return Err(MountError::new(
                &field.value_range(),
                "`from` of a mount takes no variables",
            )
            .with_hint("write `FROM $image AS name` above, and `from=name` here"));
        }
    }
    Ok(())
}

impl Mount {
    /// Reads the value of `--mount`. `expand` puts the variables into one option's value.
    ///
    /// Options count from left to right: `type` must stand before options that only some types
    /// have. The last of several equal ones wins.
    ///
    /// # Errors
    /// All options that are not understood, or do not fit the type; an error of `expand` has its
    /// range moved to where the option stands.
    pub fn parse(
        value: &str,
        mut expand: impl FnMut(&str) -> Result<String, ExpandError>,
    ) -> Result<Self, Vec<MountError>> {
        let fields = fields(value).map_err(|error| vec![error])?;
        let mut reader = rule::Reader::default();
        let read = |field| reader.read(field, &mut expand).err();
        let errors: Vec<_> = fields.iter().filter_map(read).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let mount = reader.finish();
        rule::fits(&mount, &fields).map_err(|error| vec![error])?;
        Ok(mount)
    }
}

fn fields(value: &str) -> Result<Vec<Field>, MountError> {
    csv::fields(value).map_err(|range| {
        MountError::new(&range, "the value is not a list of `key=value`")
            .with_hint("quote a whole option, as in `\"target=/a,b\"`")
    })
}

fn expanded(
    field: &Field,
    value: &str,
    expand: &mut impl FnMut(&str) -> Result<String, ExpandError>,
) -> Result<String, MountError> {
    expand(value).map_err(|error| {
        let place = field.value_range();
        let range = match place.len() == value.len() {
            true => place.start + error.range.start..place.start + error.range.end,
            false => place,
        };
        MountError {
            message: error.message,
            range,
            hint: error.hint.map(str::to_owned),
            variable_fault: Some(error.code),
        }
    })
}

/// A CDI device of `RUN --device=name[,required]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// The device.
    pub name: String,
    /// True if the build fails without it.
    pub required: bool,
}

impl Device {
    /// Reads the value of `--device`.
    ///
    /// # Errors
    /// The value is not understood, or names two devices.
    pub fn parse(value: &str) -> Result<Self, MountError> {
        let mut device = Self::default();
        for field in fields(value)? {
            device.set(&field)?;
        }
        Ok(device)
    }

    fn set(&mut self, field: &Field) -> Result<(), MountError> {
        let parts =
            field.text.split_once('=').map(|(key, value)| (key.to_ascii_lowercase(), value));
        match parts.as_ref().map(|(key, value)| (key.as_str(), *value)) {
            None if field.text.eq_ignore_ascii_case("required") => self.required = true,
            Some(("name", _)) if !self.name.is_empty() => {
                return Err(MountError::new(&field.range, "the device is named twice"));
            }
            Some(("name", value)) => self.name = value.to_owned(),
            Some(("required", value)) => {
                self.required = rule::boolean("required", value, &field.range)?;
            }
            _ if self.name.is_empty() => self.name.clone_from(&field.text),
            None => return Err(rule::not_a_pair(field)),
            Some((key, _)) => {
                let message = format!("a device has no option `{key}`");
                let near = suggest(key, ["name", "required"]);
                return Err(MountError::new(&field.range, message).with_suggestion(near));
            }
        }
        Ok(())
    }
}
