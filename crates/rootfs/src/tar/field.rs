//! What single fields of a header say.

use ::tar::Header;

use super::member::{Member, MemberKind};
use super::pax::{self, Records};
use super::{ApplyError, BLOCK, number};
use crate::Timestamp;

/// The member that `header` and `records` describe; its size is not known yet.
pub(super) fn describe(
    header: &Header,
    records: &Records,
    name: Vec<u8>,
    link: Vec<u8>,
) -> Result<Member, ApplyError> {
    let shown = || String::from_utf8_lossy(&name).into_owned();
    let malformed = |what| ApplyError::Malformed { what, member: shown() };
    if name.contains(&0) || link.contains(&0) {
        return Err(malformed("the name"));
    }
    let old = header.as_old();
    let kind = kind(header, &name).ok_or_else(|| match old.linkflag {
        [b'3' | b'4'] => malformed("the device numbers"),
        [flag] => ApplyError::Kind { kind: char::from(flag), member: shown() },
    })?;
    let mode = number::parse(&old.mode).and_then(|mode| u32::try_from(mode & 0o7777).ok());
    let id = |key, field| id(records, key, field).ok_or_else(|| malformed("the owner"));
    Ok(Member {
        kind,
        mode: mode.ok_or_else(|| malformed("the mode"))?,
        uid: id("uid", &old.uid)?,
        gid: id("gid", &old.gid)?,
        mtime: mtime(records, &old.mtime).ok_or_else(|| malformed("the time"))?,
        xattrs: records.xattrs(),
        size: 0,
        link,
        name,
    })
}

/// A name that two extended headers give must be the same in both.
pub(super) fn agreed(
    gnu: Option<Vec<u8>>,
    pax: Option<&[u8]>,
    header: &Header,
) -> Result<Option<Vec<u8>>, ApplyError> {
    match (gnu, pax) {
        (Some(gnu), Some(pax)) if gnu != pax => {
            let member = String::from_utf8_lossy(&ustar_name(header)).into_owned();
            Err(ApplyError::Malformed { what: "two different long names", member })
        }
        (gnu, pax) => Ok(pax.map(<[u8]>::to_vec).or(gnu)),
    }
}

pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The name in the header itself, with ustar's prefix in front.
pub(super) fn ustar_name(header: &Header) -> Vec<u8> {
    let name = until_nul(&header.as_old().name);
    let Some(ustar) = header.as_ustar() else { return name.to_vec() };
    // The star format keeps times behind a shorter prefix.
    let star = header.as_bytes().ends_with(b"tar\0");
    let prefix = ustar.prefix.get(..if star { 131 } else { 155 }).unwrap_or_default();
    match until_nul(prefix) {
        b"" => name.to_vec(),
        prefix => [prefix, b"/", name].concat(),
    }
}

fn kind(header: &Header, name: &[u8]) -> Option<MemberKind> {
    let [flag] = header.as_old().linkflag;
    let device = || {
        let ustar = header.as_bytes();
        let major = number::parse_unsigned(ustar.get(329..337)?)?;
        let minor = number::parse_unsigned(ustar.get(337..345)?)?;
        Some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?))
    };
    Some(match flag {
        0 | b'0' | b'7' if name.ends_with(b"/") => MemberKind::Directory,
        0 | b'0' | b'7' | b'S' => MemberKind::File,
        b'1' => MemberKind::HardLink,
        b'2' => MemberKind::Symlink,
        b'3' => device().map(|(major, minor)| MemberKind::CharDevice { major, minor })?,
        b'4' => device().map(|(major, minor)| MemberKind::BlockDevice { major, minor })?,
        b'5' => MemberKind::Directory,
        b'6' => MemberKind::Fifo,
        _ => return None,
    })
}

fn mtime(records: &Records, field: &[u8]) -> Option<Timestamp> {
    match records.value("mtime") {
        Some(text) => pax::time(text),
        None => number::parse(field).map(|seconds| Timestamp { seconds, nanoseconds: 0 }),
    }
}

fn id(records: &Records, key: &str, field: &[u8]) -> Option<u32> {
    let id = match records.value(key) {
        Some(text) => number::decimal(text),
        None => number::parse_unsigned(field),
    };
    u32::try_from(id?).ok()
}

/// The sum of a header's bytes with the sum itself taken as spaces; some old programs added the
/// bytes as signed ones.
pub(super) fn checksums(block: &[u8; BLOCK]) -> [i64; 2] {
    let counted = block.iter().enumerate().map(|(at, byte)| match at {
        148..156 => b' ',
        _ => *byte,
    });
    let signed = counted.clone().map(|byte| i64::from(byte.cast_signed())).sum();
    [counted.map(i64::from).sum(), signed]
}
