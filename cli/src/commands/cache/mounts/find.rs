//! Which cache mount is meant.

use lapstrake_cache::CacheMount;
use lapstrake_parser::suggest;

use crate::failure::Failure;

/// Digits of a key that people read.
const DIGITS: usize = 12;

/// Fewer digits are a name: `cab` or `dead` may be one.
const FEWEST: usize = 4;

/// As much of an id as people read.
pub(super) fn short_id(mount: &CacheMount) -> String {
    let key: String = mount.id.chars().take(DIGITS).collect();
    match mount.number {
        0 => key,
        number => format!("{key}.{number}"),
    }
}

/// The mounts of one key that `asked` means, by their name or the beginning of their id; several
/// only where there are further ones for private uses.
pub(super) fn find<'a>(
    mounts: &'a [CacheMount],
    asked: &str,
) -> Result<Vec<&'a CacheMount>, Failure> {
    let found = look(mounts, asked, FEWEST)?;
    if found.is_empty() { Err(unknown(mounts, asked)) } else { Ok(found) }
}

/// As [`find`], for a mount that is made where there is none: what reads like a short id is a name.
pub(super) fn look_up<'a>(
    mounts: &'a [CacheMount],
    asked: &str,
) -> Result<Vec<&'a CacheMount>, Failure> {
    look(mounts, asked, DIGITS)
}

/// None when there is none. Of an id at least so many digits are needed.
fn look<'a>(
    mounts: &'a [CacheMount],
    asked: &str,
    fewest: usize,
) -> Result<Vec<&'a CacheMount>, Failure> {
    let named: Vec<&CacheMount> = mounts.iter().filter(|mount| mount.title() == asked).collect();
    let found = match named.is_empty() {
        true => mounts.iter().filter(|mount| has_id(mount, asked, fewest)).collect(),
        false => named,
    };
    let first = found.first().map(|mount| mount.key);
    if found.iter().all(|mount| Some(mount.key) == first) {
        return Ok(found);
    }
    let ids: Vec<String> = found.iter().map(|mount| short_id(mount)).collect();
    Err(Failure::new(format!("several cache mounts are called {asked}"))
        .help(format!("write one of their ids: {}", ids.join(", "))))
}

/// Whether `asked` is the beginning of the key, or that with the number behind it.
fn has_id(mount: &CacheMount, asked: &str, fewest: usize) -> bool {
    let key = mount.key.to_string();
    let (digits, number) = match asked.split_once('.') {
        Some((digits, number)) => (digits, Some(number)),
        None => (asked, None),
    };
    let is_number = |number: &str| number.parse::<u32>().is_ok_and(|number| number == mount.number);
    digits.len() >= fewest && key.starts_with(digits) && number.is_none_or(is_number)
}

fn unknown(mounts: &[CacheMount], asked: &str) -> Failure {
    let failure = Failure::new(format!("there is no cache mount {asked}"));
    match suggest(asked, mounts.iter().map(CacheMount::title)) {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure.help("lap cache mounts ls lists them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(key: &str, number: u32, name: &str) -> CacheMount {
        let key = format!("{key:0<64}").parse().unwrap();
        CacheMount {
            id: format!("{key}.{number}"),
            key,
            number,
            name: name.to_owned(),
            size: 0,
            files: 0,
            used: 0,
            is_used: false,
            sharing: None,
            step: String::new(),
        }
    }

    #[test]
    fn mounts_are_found_by_name_and_id() {
        let mounts = [
            mount("ab01", 0, "//root/.cache"),
            mount("ab01", 1, "//root/.cache"),
            mount("ab02", 0, "/cargo"),
            mount("cd00", 0, "/cargo"),
            mount("ef00", 0, "team/cargo"),
        ];
        let found = |asked: &str| {
            let ids = find(&mounts, asked).map(|found| found.into_iter().map(short_id).collect());
            ids.map_err(|failure| failure.text())
        };
        let ids = |ids: &[&str]| Ok(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        let both = ids(&["ab0100000000", "ab0100000000.1"]);
        assert_eq!(found("/root/.cache"), both);
        assert_eq!(found("ab01"), both);
        assert_eq!(found("ab01.1"), ids(&["ab0100000000.1"]));
        assert_eq!(found("team/cargo"), ids(&["ef0000000000"]));
        let several = found("cargo").unwrap_err();
        assert!(several.contains("ab0200000000, cd0000000000"), "{several}");
        assert!(found("ab0").unwrap_err().contains("there is no cache mount ab0"));
        let made = |asked: &str| look_up(&mounts, asked).map(|found| found.len());
        assert_eq!(made("ab01"), Ok(0), "it is a name");
        assert_eq!(made("ab0100000000"), Ok(2));
        assert_eq!(made("ab0100000000.1"), Ok(1));
        assert_eq!(made("team/cargo"), Ok(1));
        assert!(found("team/carg").unwrap_err().contains("did you mean team/cargo?"));
        assert!(found("").unwrap_err().contains("there is no cache mount"));
        assert!(found("ab01.7").is_err());
    }
}
