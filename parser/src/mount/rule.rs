//! The options of a mount, and which type has which.

use super::{Mount, MountError, MountType, Sharing};
use crate::csv::Field;
use crate::expand::ExpandError;
use crate::suggest::suggest;
use std::ops::Range;

/// The names of the option `source`.
const SOURCE: [&str; 2] = ["source", "src"];

/// Every option.
const OPTIONS: [&str; 19] = [
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

/// Reads one option after the other.
#[derive(Default)]
pub(super) struct Reader {
    mount: Mount,
    /// Whether the mount is read-only, if it is said.
    access: Option<bool>,
    /// Whether the type is not understood: then nothing is said of what only some types have.
    is_type_faulty: bool,
}

impl Reader {
    pub(super) fn read(
        &mut self,
        field: &Field,
        expand: &mut impl FnMut(&str) -> Result<String, ExpandError>,
    ) -> Result<(), MountError> {
        let (key, value) = match field.text.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (field.text.to_ascii_lowercase(), None),
        };
        let value = value.map(|value| super::expanded(field, value, expand)).transpose();
        let result = value.and_then(|value| match value {
            Some(value) => self.set(&key, value, field),
            None => self.set_switch(&key, field),
        });
        self.is_type_faulty |= key == "type" && result.is_err();
        result
    }

    pub(super) fn finish(self) -> Mount {
        let writable = matches!(self.mount.kind, MountType::Cache | MountType::Tmpfs);
        Mount { read_only: self.access.unwrap_or(!writable), ..self.mount }
    }

    fn set(&mut self, key: &str, value: String, field: &Field) -> Result<(), MountError> {
        let (range, name) = (&field.value_range(), &field.key_range());
        let mount = &mut self.mount;
        match key {
            "type" => mount.kind = kind(&value, range)?,
            "from" => mount.from = filled(value),
            "source" | "src" => mount.source = filled(value),
            "target" | "dst" | "destination" => mount.target = filled(value),
            "readonly" | "ro" => self.access = Some(boolean(key, &value, range)?),
            "readwrite" | "rw" => self.access = Some(!boolean(key, &value, range)?),
            "required" => {
                self.has_required(name)?;
                self.mount.required = boolean(key, &value, range)?;
            }
            "size" if mount.kind == MountType::Tmpfs || self.is_type_faulty => {
                mount.size = size(&value, range)?;
            }
            "size" => return Err(unfitting(mount, key, name)),
            "id" => mount.id = filled(value),
            "sharing" => mount.sharing = Some(sharing(&value, range)?),
            "mode" => mount.mode = Some(number(key, &value, 8, range)?),
            "uid" => mount.uid = Some(number(key, &value, 10, range)?),
            "gid" => mount.gid = Some(number(key, &value, 10, range)?),
            "env" => mount.env = Some(value),
            _ => return Err(unknown(key, name)),
        }
        Ok(())
    }

    /// Sets an option that stands without a value.
    fn set_switch(&mut self, key: &str, field: &Field) -> Result<(), MountError> {
        match key {
            "readonly" | "ro" => self.access = Some(true),
            "readwrite" | "rw" => self.access = Some(false),
            "required" => {
                self.has_required(&field.range)?;
                self.mount.required = true;
            }
            _ => return Err(not_a_pair(field)),
        }
        Ok(())
    }

    fn has_required(&self, range: &Range<usize>) -> Result<(), MountError> {
        match self.mount.kind {
            MountType::Secret | MountType::Ssh => Ok(()),
            _ if self.is_type_faulty => Ok(()),
            _ => Err(unfitting(&self.mount, "required", range)),
        }
    }
}

/// Checks the options against the type and each other.
pub(super) fn fits(mount: &Mount, fields: &[Field]) -> Result<(), MountError> {
    let owned = matches!(mount.kind, MountType::Secret | MountType::Ssh | MountType::Cache);
    let ownership = [
        ("mode", mount.mode.is_some()),
        ("uid", mount.uid.is_some()),
        ("gid", mount.gid.is_some()),
    ];
    if let Some((key, _)) = ownership.iter().find(|(_, given)| *given && !owned) {
        return Err(unfitting(mount, key, &place(fields, &[key])));
    }
    if mount.kind == MountType::Secret {
        fits_secret(mount, fields)?;
    }
    if mount.sharing.is_some() && mount.kind != MountType::Cache {
        return Err(unfitting(mount, "sharing", &place(fields, &["sharing"])));
    }
    let without_source = matches!(mount.kind, MountType::Tmpfs | MountType::Ssh);
    if mount.source.is_some() && without_source {
        let at = place(fields, &SOURCE);
        return Err(MountError::new(&at, format!("{} has no `source`", named(mount.kind))));
    }
    Ok(())
}

fn fits_secret(mount: &Mount, fields: &[Field]) -> Result<(), MountError> {
    if mount.from.is_some() {
        return Err(unfitting(mount, "from", &place(fields, &["from"])));
    }
    match (&mount.source, &mount.target, &mount.id) {
        (None, None, None) => {
            Err(MountError::new(&place(fields, &["type"]), "the secret is not named")
                .with_hint("give its `id`, as in `type=secret,id=token`"))
        }
        (Some(_), _, Some(_)) => {
            let message = "a secret has a `source` or an `id`, not both";
            Err(MountError::new(&place(fields, &SOURCE), message))
        }
        _ => Ok(()),
    }
}

/// Where the last option with one of these names stands; the whole value without one.
fn place(fields: &[Field], names: &[&str]) -> Range<usize> {
    let is_named = |field: &&Field| {
        let key = field.text.split_once('=').map_or(field.text.as_str(), |(key, _)| key);
        names.iter().any(|name| key.eq_ignore_ascii_case(name))
    };
    let whole = 0..fields.last().map_or(0, |field| field.range.end);
    fields.iter().rev().find(is_named).map_or(whole, |field| field.range.clone())
}

fn kind(value: &str, range: &Range<usize>) -> Result<MountType, MountError> {
    let found = MountType::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(value));
    found.ok_or_else(|| {
        let near = suggest(value, MountType::ALL.map(MountType::name));
        MountError::new(range, format!("there is no mount type `{value}`")).with_suggestion(near)
    })
}

fn sharing(value: &str, range: &Range<usize>) -> Result<Sharing, MountError> {
    let found = Sharing::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(value));
    found.ok_or_else(|| {
        let near = suggest(value, Sharing::ALL.map(Sharing::name));
        MountError::new(range, format!("`sharing` cannot be `{value}`")).with_suggestion(near)
    })
}

pub(super) fn boolean(key: &str, value: &str, range: &Range<usize>) -> Result<bool, MountError> {
    crate::boolean::parse(value)
        .ok_or_else(|| MountError::new(range, format!("`{key}` is true or false, not `{value}`")))
}

fn number(key: &str, value: &str, radix: u32, range: &Range<usize>) -> Result<u32, MountError> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { u32::from_str_radix(value, radix).ok() } else { None };
    number.ok_or_else(|| {
        let base = if radix == 8 { "an octal number" } else { "a number" };
        MountError::new(range, format!("`{key}` is {base}, not `{value}`"))
    })
}

fn size(value: &str, range: &Range<usize>) -> Result<u64, MountError> {
    crate::size::parse(value).ok_or_else(|| {
        MountError::new(range, format!("`size` cannot be `{value}`"))
            .with_hint("write a number of bytes with a unit, as in `64m` or `1g`")
    })
}

pub(super) fn not_a_pair(field: &Field) -> MountError {
    let name = &field.text;
    MountError::new(&field.range, format!("`{name}` is not of the form `key=value`"))
}

fn unknown(key: &str, range: &Range<usize>) -> MountError {
    let near = suggest(key, OPTIONS);
    MountError::new(range, format!("a mount has no option `{key}`")).with_suggestion(near)
}

fn unfitting(mount: &Mount, key: &str, range: &Range<usize>) -> MountError {
    MountError::new(range, format!("{} has no `{key}`", named(mount.kind)))
        .with_hint("give `type=` before the options that go with it")
}

fn named(kind: MountType) -> String {
    let article = if kind == MountType::Ssh { "an" } else { "a" };
    format!("{article} {} mount", kind.name())
}

fn filled(value: String) -> Option<String> {
    if value.is_empty() { None } else { Some(value) }
}
