//! rpm's database: a table of headers, each a list of tagged values (rpm's "Header Format").
//!
//! ```text
//! u32 entries, u32 length, entries × (u32 tag, u32 type, u32 offset, u32 count), length × byte
//! ```
//! All numbers have their highest byte first.

use std::io::Write as _;

use rusqlite::{Connection, OpenFlags};

use crate::Package;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const LICENSE: u32 = 1014;
const ARCHITECTURE: u32 = 1022;

const INT32: u32 = 4;
const STRING: u32 = 6;
const TRANSLATED: u32 = 9;

/// The packages of a database; none when it is damaged.
pub(crate) fn packages(database: &[u8]) -> Vec<Package> {
    headers(database).unwrap_or_default().iter().filter_map(|header| package(header)).collect()
}

fn headers(database: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut file = tempfile::NamedTempFile::new().ok()?;
    file.write_all(database).ok()?;
    let uri = format!("file:{}?immutable=1", file.path().to_str()?);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).ok()?;
    let mut statement = connection.prepare("SELECT blob FROM Packages ORDER BY hnum").ok()?;
    let rows = statement.query_map((), |row| row.get::<_, Vec<u8>>(0)).ok()?;
    Some(rows.map_while(Result::ok).collect())
}

fn package(header: &[u8]) -> Option<Package> {
    let header = Header::new(header)?;
    let name = header.text(NAME)?;
    let (version, release) = (header.text(VERSION)?, header.text(RELEASE)?);
    // Keys that packages are signed with are kept as packages.
    if name == "gpg-pubkey" {
        return None;
    }
    let epoch = header.number(EPOCH).map(|epoch| format!("{epoch}:")).unwrap_or_default();
    Some(Package {
        kind: "rpm",
        name,
        version: format!("{epoch}{version}-{release}"),
        architecture: header.text(ARCHITECTURE).unwrap_or_default(),
        license: header.text(LICENSE).unwrap_or_default(),
        found_in: String::new(),
    })
}

struct Header<'a> {
    entries: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let count = usize::try_from(number(bytes, 0)?).ok()?;
        let end = count.checked_mul(16)?.checked_add(8)?;
        Some(Self { entries: bytes.get(8..end)?, data: bytes.get(end..)? })
    }

    /// The bytes from the beginning of a value on, and its type.
    fn value(&self, tag: u32) -> Option<(u32, &'a [u8])> {
        let mut entries = self.entries.chunks_exact(16);
        let entry = entries.find(|entry| number(entry, 0) == Some(tag))?;
        let offset = usize::try_from(number(entry, 8)?).ok()?;
        Some((number(entry, 4)?, self.data.get(offset..)?))
    }

    fn text(&self, tag: u32) -> Option<String> {
        let (kind, bytes) = self.value(tag)?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        matches!(kind, STRING | TRANSLATED).then(|| String::from_utf8_lossy(text).into_owned())
    }

    fn number(&self, tag: u32) -> Option<u32> {
        let (kind, bytes) = self.value(tag)?;
        number(bytes, 0).filter(|_| kind == INT32)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(values: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let (mut entries, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, value) in values {
            for field in [*tag, *kind, data.len() as u32, 1] {
                entries.extend(field.to_be_bytes());
            }
            data.extend_from_slice(value);
        }
        let lengths = [values.len() as u32, data.len() as u32].map(u32::to_be_bytes);
        [lengths.concat(), entries, data].concat()
    }

    fn database(headers: &[Vec<u8>]) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let connection = Connection::open(file.path()).expect("a database");
        connection
            .execute(
                "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB)",
                (),
            )
            .expect("a table");
        for header in headers {
            connection.execute("INSERT INTO Packages (blob) VALUES (?1)", [header]).expect("a row");
        }
        drop(connection);
        std::fs::read(file.path()).expect("read it")
    }

    #[test]
    fn packages_of_a_database() {
        let bash = header(&[
            (NAME, STRING, b"bash\0"),
            (VERSION, STRING, b"5.2\0"),
            (RELEASE, STRING, b"1.fc40\0"),
            (EPOCH, INT32, &[0, 0, 0, 2]),
            (LICENSE, STRING, b"GPL-3.0-or-later\0"),
            (ARCHITECTURE, STRING, b"x86_64\0"),
        ]);
        let key = header(&[
            (NAME, STRING, b"gpg-pubkey\0"),
            (VERSION, STRING, b"1\0"),
            (RELEASE, STRING, b"2\0"),
        ]);
        let cut = bash[..40].to_vec();
        let found = packages(&database(&[key, cut, bash]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("bash", "2:5.2-1.fc40"));
        assert_eq!(packages(b"no database"), []);
    }

    #[test]
    fn headers_that_lie() {
        let mut bytes = header(&[(NAME, STRING, b"a\0")]);
        bytes[0] = 0xff;
        assert_eq!(package(&bytes), None);
        assert_eq!(package(&[]), None);
        let mut bytes = header(&[(NAME, STRING, b"a\0")]);
        bytes[16] = 0xff;
        assert_eq!(package(&bytes), None);
    }
}
