//! The headers we write: ustar, with a PAX header in front only when a field needs it.

use std::collections::BTreeMap;

use super::{BLOCK, PAX_XATTR};
use crate::{Entry, Xattr};

/// Name of every PAX header; readers that know PAX do not look at it.
const PAX_NAME: &[u8] = b"PaxHeaders.0";

/// Largest numbers that octal digits can say in fields of 8 and 12 bytes.
const MAX_7_DIGITS: u64 = (1 << 21) - 1;
const MAX_11_DIGITS: u64 = (1 << 33) - 1;

/// A member to be written.
#[derive(Clone, Debug)]
pub(super) struct Header<'a> {
    /// With a slash at the end for a directory.
    pub(super) name: Vec<u8>,
    pub(super) link: &'a [u8],
    pub(super) flag: u8,
    pub(super) size: u64,
    pub(super) device: (u32, u32),
    /// Mode, owner, time; attributes only where the member carries them.
    pub(super) entry: &'a Entry,
    pub(super) xattrs: &'a [Xattr],
}

impl Header<'_> {
    /// Appends all blocks of the header to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut pax: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut block = Block::new(self.flag);
        match split(&self.name) {
            Some((prefix, name)) => {
                block.put(0..100, name);
                block.put(345..500, prefix);
            }
            None => {
                block.put(0..100, self.name.get(..100).unwrap_or(&self.name));
                pax.insert(b"path".to_vec(), self.name.clone());
            }
        }
        block.put(157..257, self.link.get(..100).unwrap_or(self.link));
        if self.link.len() > 100 || !self.link.is_ascii() {
            pax.insert(b"linkpath".to_vec(), self.link.to_vec());
        }
        block.number(100..108, u64::from(self.entry.mode));
        let mut number = |range, key: &str, value: i64, largest: u64| match u64::try_from(value) {
            Ok(fits) if fits <= largest => block.number(range, fits),
            _ => {
                block.number(range, 0);
                pax.insert(key.into(), value.to_string().into_bytes());
            }
        };
        number(108..116, "uid", i64::from(self.entry.uid), MAX_7_DIGITS);
        number(116..124, "gid", i64::from(self.entry.gid), MAX_7_DIGITS);
        number(124..136, "size", i64::try_from(self.size).unwrap_or(i64::MAX), MAX_11_DIGITS);
        number(136..148, "mtime", self.entry.mtime.seconds, MAX_11_DIGITS);
        block.number(329..337, u64::from(self.device.0));
        block.number(337..345, u64::from(self.device.1));
        for Xattr { name, value } in self.xattrs {
            pax.insert([PAX_XATTR, name].concat(), value.clone());
        }
        write_pax(&pax, out);
        out.extend_from_slice(&block.finish());
    }
}

/// Appends a PAX header with `records`, sorted by key, unless there are none.
fn write_pax(records: &BTreeMap<Vec<u8>, Vec<u8>>, out: &mut Vec<u8>) {
    if records.is_empty() {
        return;
    }
    let mut body = Vec::new();
    for (key, value) in records {
        push_record(&mut body, key, value);
    }
    let mut block = Block::new(b'x');
    block.put(0..100, PAX_NAME);
    block.number(100..108, 0o644);
    block.number(108..116, 0);
    block.number(116..124, 0);
    block.number(124..136, body.len() as u64);
    block.number(136..148, 0);
    block.number(329..337, 0);
    block.number(337..345, 0);
    out.extend_from_slice(&block.finish());
    body.resize(body.len().next_multiple_of(BLOCK), 0);
    out.append(&mut body);
}

/// `length key=value\n`, where the length counts its own digits.
fn push_record(body: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() > length {
        length += 1;
    }
    body.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        body.extend_from_slice(part);
    }
}

/// How ustar keeps `name`: a prefix of at most 155 bytes and a name of at most 100, split at a
/// slash, both ASCII. `None` when it cannot.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if !name.is_ascii() {
        return None;
    }
    if name.len() <= 100 {
        return Some((b"", name));
    }
    // The last slash that leaves a name, at most 155 bytes in.
    let head = name.get(..name.len().min(157) - 1)?;
    let head = head.get(..name.len() - 1).unwrap_or(head);
    let at = head.iter().rposition(|byte| *byte == b'/').filter(|at| *at > 0)?;
    let (prefix, rest) = (name.get(..at)?, name.get(at + 1..)?);
    (rest.len() <= 100).then_some((prefix, rest))
}

/// A header block in the making.
struct Block([u8; BLOCK]);

impl Block {
    fn new(flag: u8) -> Self {
        let mut block = Self([0; BLOCK]);
        block.put(156..157, &[flag]);
        block.put(257..265, b"ustar\x0000");
        block
    }

    /// Copies `bytes`, which must not be longer, to the start of `range`.
    fn put(&mut self, range: std::ops::Range<usize>, bytes: &[u8]) {
        let field = self.0.get_mut(range).and_then(|field| field.get_mut(..bytes.len()));
        if let Some(field) = field {
            field.copy_from_slice(bytes);
        }
    }

    /// Octal digits with leading zeros, the lowest that have room, before what is the last byte of the field.
    fn number(&mut self, range: std::ops::Range<usize>, number: u64) {
        let mut rest = number;
        let digits = self.0.get_mut(range).and_then(<[u8]>::split_last_mut);
        for digit in digits.into_iter().flat_map(|(_, digits)| digits.iter_mut().rev()) {
            *digit = b'0' + (rest & 7).to_le_bytes()[0];
            rest >>= 3;
        }
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.put(148..156, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148..156, b"      \0 ");
        self.number(148..155, u64::from(sum));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths around the one where the length itself gets a digit more.
    #[test]
    fn a_record_counts_its_own_length() {
        for length in [1, 2, 88, 89, 90, 91, 92, 988, 989, 990, 991, 992] {
            let mut body = Vec::new();
            push_record(&mut body, b"path", &vec![b'x'; length]);
            let shown = String::from_utf8(body).unwrap();
            let stated: usize = shown.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(stated, shown.len(), "{length}");
            assert!(shown.ends_with("x\n"), "{length}");
        }
    }

    #[test]
    fn names_are_split_where_both_parts_fit() {
        let name = |prefix: usize, rest: usize| {
            [vec![b'p'; prefix], b"/".to_vec(), vec![b'n'; rest]].concat()
        };
        assert!(split(&[b'n'; 100]).is_some());
        assert!(split(&[b'n'; 101]).is_none());
        assert!(split(&name(155, 100)).is_some());
        assert!(split(&name(156, 100)).is_none());
        assert!(split(&name(155, 101)).is_none());
        assert!(split(&name(1, 101)).is_none());
        let mut directory = name(120, 99);
        directory.push(b'/');
        assert_eq!(
            split(&directory).map(|(prefix, name)| (prefix.len(), name.len())),
            Some((120, 100))
        );
        let mut long = vec![b'n'; 150];
        long.push(b'/');
        assert!(split(&long).is_none());
        assert!(split("é".as_bytes()).is_none());
    }
}
