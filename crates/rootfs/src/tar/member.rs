//! From a tar's blocks to its members, with extended headers merged in.

use std::io::{self, Read};

use ::tar::Header;

use super::field::{agreed, checksums, describe, until_nul, ustar_name};
use super::pax::Records;
use super::sparse::{self, Map};
use super::{ApplyError, BLOCK, Limits, number};
use crate::{Timestamp, Xattr};

/// A member's header. Its name and link are as written: nothing is cleaned or resolved.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: MemberKind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Timestamp,
    pub(crate) xattrs: Vec<Xattr>,
    /// Of the content as it is unpacked.
    pub(crate) size: u64,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberKind {
    File,
    HardLink,
    Symlink,
    CharDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
    Directory,
    Fifo,
}

/// Reads members one after another.
pub(crate) struct Members<R> {
    input: R,
    limits: Limits,
    /// Bytes that may still be read or filled in.
    budget: u64,
    entries: u64,
    /// Stored bytes of the current member that were not read yet, then the padding after them.
    data: u64,
    padding: u64,
    map: Option<sparse::Cursor>,
    globals: Records,
}

/// Extended headers before a member.
#[derive(Default)]
struct Extended {
    pax: Option<Records>,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl<R: Read> Members<R> {
    pub(crate) fn new(input: R, limits: Limits) -> Self {
        Self {
            input,
            limits,
            budget: limits.bytes,
            entries: 0,
            data: 0,
            padding: 0,
            map: None,
            globals: Records::default(),
        }
    }

    /// The next member; what was left of the one before is passed over. `None` at the end, which
    /// is an empty block or the end of the input at a block's border.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, ApplyError> {
        self.skip_rest()?;
        let mut extended = Extended::default();
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            self.entries += 1;
            if self.entries > self.limits.entries {
                let limit = self.limits.entries;
                return Err(ApplyError::Limit { what: "members", limit });
            }
            match header.as_old().linkflag {
                [b'x'] => extended.pax = Some(self.records(&header)?),
                [b'g'] => self.global(&header)?,
                [b'L'] => extended.name = Some(self.long_name(&header)?),
                [b'K'] => extended.link = Some(self.long_name(&header)?),
                [b'V'] => self.begin(&header, None)?,
                _ => return self.member(&header, extended).map(Some),
            }
            self.skip_rest()?;
        }
    }

    /// Reads the rest of the input, to the end of the stream.
    pub(crate) fn drain(&mut self) -> Result<(), ApplyError> {
        let mut buffer = [0; 16 * 1024];
        while self.read_input(&mut buffer)? > 0 {}
        Ok(())
    }

    fn member(&mut self, header: &Header, extended: Extended) -> Result<Member, ApplyError> {
        let mut records = self.globals.clone();
        records.extend(extended.pax.unwrap_or_default());
        let name = agreed(extended.name, records.value("path"), header)?;
        let link = agreed(extended.link, records.value("linkpath"), header)?;
        let name = match records.value("GNU.sparse.name") {
            Some(sparse) => sparse.to_vec(),
            None => name.unwrap_or_else(|| ustar_name(header)),
        };
        let link = link.unwrap_or_else(|| until_nul(&header.as_old().linkname).to_vec());
        if name.len().max(link.len()) > self.limits.path {
            let limit = self.limits.path as u64;
            return Err(ApplyError::Limit { what: "bytes in a path", limit });
        }
        let mut member = describe(header, &records, name, link)?;
        self.begin(header, Some((&mut member, &records)))?;
        Ok(member)
    }

    /// Sets up the reading of the data after `header`.
    fn begin(
        &mut self,
        header: &Header,
        member: Option<(&mut Member, &Records)>,
    ) -> Result<(), ApplyError> {
        let malformed = |member: &[u8]| ApplyError::Malformed {
            what: "the size",
            member: String::from_utf8_lossy(member).into_owned(),
        };
        let field = number::parse_unsigned(&header.as_old().size);
        let Some((member, records)) = member else {
            return self.stored(field.ok_or_else(|| malformed(b""))?);
        };
        let size = records.value("size").map_or(field, number::decimal);
        let size = size.ok_or_else(|| malformed(&member.name))?;
        match member.kind {
            MemberKind::File => {}
            // All readers agree that a hard link has no data, whatever its size says.
            MemberKind::HardLink => return self.stored(0),
            _ if size == 0 => return self.stored(0),
            _ => return Err(malformed(&member.name)),
        }
        self.stored(size)?;
        member.size = size;
        if let Some(map) = self.sparse_map(header, records, member)? {
            let holes = map.size.saturating_sub(self.data);
            self.spend(holes)?;
            member.size = map.size;
            self.map = Some(sparse::Cursor::new(map));
        }
        Ok(())
    }

    fn stored(&mut self, size: u64) -> Result<(), ApplyError> {
        if size > self.budget {
            return Err(self.too_long());
        }
        self.data = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        self.map = None;
        Ok(())
    }

    /// The map of a sparse file in one of GNU's four forms; reads those that precede the data.
    fn sparse_map(
        &mut self,
        header: &Header,
        records: &Records,
        member: &Member,
    ) -> Result<Option<Map>, ApplyError> {
        let map = if header.as_old().linkflag == [b'S'] {
            let mut table = sparse::OldTable::new(header);
            while let Some(table) = table.as_mut().filter(|table| table.more) {
                let mut block = [0; BLOCK];
                self.read_block(&mut block)?;
                self.bound_map(table.segments.len())?;
                table.extend(&block);
            }
            table.and_then(sparse::OldTable::map)
        } else if records.value("GNU.sparse.major") == Some(b"1") {
            let size = records.value("GNU.sparse.realsize").and_then(number::decimal);
            self.sparse_1(size)?
        } else if records.has_prefix("GNU.sparse.") {
            sparse::from_records(records)
        } else {
            return Ok(None);
        };
        map.filter(|map| map.is_sound(self.data)).map(Some).ok_or_else(|| ApplyError::Malformed {
            what: "the map of a sparse file",
            member: String::from_utf8_lossy(&member.name).into_owned(),
        })
    }

    /// The map in front of the data: decimal numbers in lines, filled up to a block.
    fn sparse_1(&mut self, size: Option<u64>) -> Result<Option<Map>, ApplyError> {
        let mut lines = sparse::Lines::default();
        while !lines.is_complete() {
            if self.data < BLOCK as u64 {
                return Ok(None);
            }
            let mut block = [0; BLOCK];
            self.read_block(&mut block)?;
            self.data -= BLOCK as u64;
            self.bound_map(lines.count())?;
            if !lines.take(&block) {
                return Ok(None);
            }
        }
        Ok(size.and_then(|size| lines.map(size)))
    }

    fn bound_map(&self, segments: usize) -> Result<(), ApplyError> {
        let limit = self.limits.extension;
        match segments as u64 * 16 > limit {
            true => Err(ApplyError::Limit { what: "bytes in a sparse file's map", limit }),
            false => Ok(()),
        }
    }

    fn header(&mut self) -> Result<Option<Box<Header>>, ApplyError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_input(rest)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(ApplyError::Truncated),
                length => filled += length,
            }
        }
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let header = Box::new(Header::from_byte_slice(&block).clone());
        match number::parse(&header.as_old().cksum) {
            Some(sum) if checksums(&block).contains(&sum) => Ok(Some(header)),
            _ => {
                let member = String::from_utf8_lossy(&ustar_name(&header)).into_owned();
                Err(ApplyError::Malformed { what: "the header's checksum", member })
            }
        }
    }

    fn records(&mut self, header: &Header) -> Result<Records, ApplyError> {
        let bytes = self.extension(header)?;
        Records::parse(&bytes).ok_or_else(|| ApplyError::Malformed {
            what: "the extended header",
            member: String::from_utf8_lossy(&ustar_name(header)).into_owned(),
        })
    }

    /// Global records are defaults for all members after them. What would give several members one
    /// name, size or content is refused: readers disagree about it.
    fn global(&mut self, header: &Header) -> Result<(), ApplyError> {
        let records = self.records(header)?;
        let odd = ["path", "linkpath", "size"].iter().any(|key| records.value(key).is_some());
        if odd || records.has_prefix("GNU.sparse.") || records.has_prefix("SCHILY.xattr.") {
            let member = "all members".to_owned();
            return Err(ApplyError::Malformed { what: "the global header", member });
        }
        self.globals.set_defaults(&records);
        Ok(())
    }

    fn long_name(&mut self, header: &Header) -> Result<Vec<u8>, ApplyError> {
        Ok(until_nul(&self.extension(header)?).to_vec())
    }

    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, ApplyError> {
        self.begin(header, None)?;
        let limit = self.limits.extension;
        if self.data > limit {
            return Err(ApplyError::Limit { what: "bytes in an extended header", limit });
        }
        let mut bytes = vec![0; usize::try_from(self.data).unwrap_or(0)];
        self.read_block(&mut bytes)?;
        self.data = 0;
        Ok(bytes)
    }

    /// Fills `block` with input that does not count as the member's data.
    fn read_block(&mut self, block: &mut [u8]) -> Result<(), ApplyError> {
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_input(rest)? {
                0 => return Err(ApplyError::Truncated),
                length => filled += length,
            }
        }
        Ok(())
    }

    fn skip_rest(&mut self) -> Result<(), ApplyError> {
        let mut rest = self.data.saturating_add(self.padding);
        (self.data, self.padding, self.map) = (0, 0, None);
        let mut buffer = [0; 4096];
        while rest > 0 {
            let length = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
            let piece = buffer.get_mut(..length).unwrap_or_default();
            self.read_block(piece)?;
            rest -= length as u64;
        }
        Ok(())
    }

    fn read_input(&mut self, buffer: &mut [u8]) -> Result<usize, ApplyError> {
        loop {
            match self.input.read(buffer) {
                Ok(length) => {
                    self.spend(length as u64)?;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ApplyError::Read { source }),
            }
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), ApplyError> {
        self.budget = self.budget.checked_sub(bytes).ok_or_else(|| self.too_long())?;
        Ok(())
    }

    fn too_long(&self) -> ApplyError {
        ApplyError::Limit { what: "uncompressed bytes", limit: self.limits.bytes }
    }

    fn read_stored(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = usize::try_from(self.data).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..length).unwrap_or_default();
        if piece.is_empty() {
            return Ok(0);
        }
        match self.read_input(piece) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, ApplyError::Truncated)),
            Ok(length) => {
                self.data -= length as u64;
                Ok(length)
            }
            Err(ApplyError::Read { source }) => Err(source),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// The content of the current member, holes filled with zeros.
impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(map) = &mut self.map else { return self.read_stored(buffer) };
        match map.piece(buffer.len() as u64) {
            sparse::Piece::Hole(length) => {
                let zeros = buffer.get_mut(..usize::try_from(length).unwrap_or(0));
                let zeros = zeros.unwrap_or_default();
                zeros.fill(0);
                let length = zeros.len();
                map.advance(length as u64);
                Ok(length)
            }
            sparse::Piece::Data(length) => {
                let piece = buffer.get_mut(..usize::try_from(length).unwrap_or(0));
                let length = self.read_stored(piece.unwrap_or_default())?;
                if let Some(map) = &mut self.map {
                    map.advance(length as u64);
                }
                Ok(length)
            }
        }
    }
}
