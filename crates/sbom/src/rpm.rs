//! rpm's database: a table of headers, each a list of tagged values (rpm's "Header Format").
//!
//! ```text
//! u32 entries, u32 length, entries × (u32 tag, u32 type, u32 offset, u32 count), length × byte
//! ```
//! All numbers have their highest byte first.
//!
//! SUSE's is no SQLite but rpm's own `ndb`, with the lowest byte first:
//!
//! ```text
//! "RpmP", u32 version, u32 generation, u32 pages of slots, 16 bytes
//! slots to the end of the pages: "Slot", u32 number, u32 place in 16 bytes, u32 length in 16 bytes
//! at each place: "BlbS", u32 number, u32 generation, u32 length, length × byte
//! ```

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

/// Of `ndb`: bytes of a page, of a slot, and of the unit that places are counted in.
const PAGE: usize = 4096;
const SLOT: usize = 16;

/// The packages of a database; none when it is damaged.
pub(crate) fn packages(database: &[u8]) -> Vec<Package> {
    if database.starts_with(b"RpmP") {
        // Headers that lie over each other would cost more than the database is long.
        let mut left = database.len();
        let headers = slots(database).flatten().map_while(|header| {
            left = left.checked_sub(header.len())?;
            Some(header)
        });
        return headers.filter_map(package).collect();
    }
    headers(database).unwrap_or_default().iter().filter_map(|header| package(header)).collect()
}

/// The headers in a database of rpm's own form.
fn slots(database: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let pages = small(database, 12).unwrap_or_default();
    let end = pages.saturating_mul(PAGE).min(database.len());
    let slots = database.get(2 * SLOT..end).unwrap_or_default().chunks_exact(SLOT);
    slots.filter(|slot| slot.starts_with(b"Slot")).map(|slot| {
        let blob = database.get(small(slot, 8)?.checked_mul(SLOT)?..)?;
        let length = small(blob, 12)?.checked_add(SLOT)?;
        blob.get(SLOT..length).filter(|_| blob.starts_with(b"BlbS"))
    })
}

/// A number with its lowest byte first.
fn small(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
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

    /// Laid out as rpm's `rpmpkg.c` has it.
    fn own_database(headers: &[Vec<u8>]) -> Vec<u8> {
        let number = |value: usize| (value as u32).to_le_bytes();
        let mut slots = [b"RpmP".as_slice(), &number(0), &number(1), &number(1), &[0; 16]].concat();
        let mut blobs = Vec::new();
        for (at, header) in headers.iter().enumerate() {
            let place = (PAGE + blobs.len()) / SLOT;
            let blocks = header.len().div_ceil(SLOT) + 2;
            slots.extend(
                [b"Slot".as_slice(), &number(at + 1), &number(place), &number(blocks)].concat(),
            );
            let begin = [b"BlbS".as_slice(), &number(at + 1), &number(1), &number(header.len())];
            blobs.extend([&begin.concat(), header.as_slice()].concat());
            blobs.resize(blobs.len().div_ceil(SLOT) * SLOT, 0);
        }
        slots.resize(PAGE, 0);
        [slots, blobs].concat()
    }

    #[test]
    fn packages_of_rpms_own_database() {
        let of = |name: &[u8]| {
            header(&[
                (NAME, STRING, name),
                (VERSION, STRING, b"1.7\0"),
                (RELEASE, STRING, b"3.1\0"),
            ])
        };
        let whole = own_database(&[of(b"jq\0"), of(b"gpg-pubkey\0"), of(b"zypper\0")]);
        let names = |bytes: &[u8]| -> Vec<String> {
            packages(bytes).into_iter().map(|one| format!("{}={}", one.name, one.version)).collect()
        };
        assert_eq!(names(&whole), ["jq=1.7-3.1", "zypper=1.7-3.1"]);
        for end in 0..whole.len() {
            assert!(packages(&whole[..end]).len() <= 2);
        }
        // All slots at one place, and lengths that are not there.
        let mut same = whole.clone();
        (2..256).for_each(|slot| same.copy_within(32..48, slot * SLOT));
        assert!(names(&same).len() < 100, "{}", names(&same).len());
        let mut long = whole;
        long[PAGE + 12..PAGE + 16].fill(0xff);
        assert_eq!(names(&long), ["zypper=1.7-3.1"]);
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
