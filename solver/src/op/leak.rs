//! Secrets in what a command wrote: a layer that has one goes wherever its image goes.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::BorrowedFd;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use lapstrake_rootfs::{Entry, Kind, LayerManifest, TreePath, read};
use memchr::memmem::Finder;
use rayon::prelude::*;

/// Shorter secrets are not looked for: their bytes are in many files by chance.
const SHORTEST: usize = 8;

/// The same for values with spaces: a few short words are in many texts.
const SHORTEST_PHRASE: usize = 20;

/// A line of a secret is looked for by itself from this length on, when it has no spaces: a token, or
/// a line of a key. Other lines may be what is written around a secret.
const SHORTEST_LINE: usize = 32;

/// Read at once, at least.
const CHUNK: usize = 256 << 10;

/// Where a secret was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leak {
    pub(super) path: TreePath,
    /// The secret's id.
    pub(super) id: String,
    /// How it is written there.
    pub(super) form: &'static str,
}

/// One way to write a secret.
struct Needle<'s> {
    id: &'s str,
    form: &'static str,
    finder: Finder<'static>,
}

impl Needle<'_> {
    fn at(&self, path: TreePath) -> Leak {
        Leak { path, id: self.id.to_owned(), form: self.form }
    }
}

/// Looks for secrets.
pub(super) struct Search<'s> {
    plain: Vec<Needle<'s>>,
    /// What programs break into lines: looked for as if there were no line ends.
    encoded: Vec<Needle<'s>>,
    longest: usize,
}

impl<'s> Search<'s> {
    pub(super) fn new(secrets: &'s [(String, Vec<u8>)]) -> Self {
        let mut search = Self { plain: Vec::new(), encoded: Vec::new(), longest: 0 };
        for (id, value) in secrets {
            let end = value.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
            let whole = end.and_then(|end| value.get(..=end)).unwrap_or_default();
            let has_spaces = whole.iter().any(u8::is_ascii_whitespace);
            if whole.len() < if has_spaces { SHORTEST_PHRASE } else { SHORTEST } {
                continue;
            }
            search.add(id, whole);
            let is_token = |line: &&[u8]| {
                line.len() >= SHORTEST_LINE
                    && line.len() < whole.len()
                    && !line.starts_with(b"-----")
                    && !line.iter().any(u8::is_ascii_whitespace)
            };
            let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            for line in lines.filter(is_token) {
                search.plain(id, "as it is", line);
            }
        }
        search
    }

    /// The first entry of a layer, in its order, that has a secret.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn first(
        &self,
        layer: BorrowedFd<'_>,
        manifest: &LayerManifest,
    ) -> io::Result<Option<Leak>> {
        if self.plain.is_empty() {
            return Ok(None);
        }
        let look = |entry: &Entry| self.entry(layer, entry).transpose();
        manifest.entries().par_iter().find_map_first(look).transpose()
    }

    fn entry(&self, layer: BorrowedFd<'_>, entry: &Entry) -> io::Result<Option<Leak>> {
        let name = entry.path.to_string();
        if let Some(needle) = self.bytes(name.as_bytes()) {
            // An error must not say it either.
            let path = entry.path.parent().unwrap_or_else(TreePath::root);
            return Ok(Some(needle.at(path)));
        }
        let attributes = entry.xattrs.iter().map(|attribute| attribute.value.as_slice());
        let target = match &entry.kind {
            Kind::Symlink { target } => Some(target.as_slice()),
            _ => None,
        };
        let mut beside = attributes.chain(target);
        let mut found = beside.find_map(|bytes| self.bytes(bytes));
        if let (None, Kind::File { size, .. }) = (&found, &entry.kind)
            && *size >= SHORTEST as u64
        {
            found = self.file(read::open_file(layer, &entry.path)?)?;
        }
        Ok(found.map(|needle| needle.at(entry.path.clone())))
    }

    fn file(&self, mut file: File) -> io::Result<Option<&Needle<'s>>> {
        let mut chunk = vec![0; CHUNK.max(self.longest)];
        let (mut stream, mut joined) = (Vec::new(), Vec::new());
        loop {
            let read = match file.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => chunk.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            stream.extend_from_slice(read);
            joined.extend(read.iter().filter(|byte| !is_line_end(**byte)));
            if let Some(found) = find(&self.plain, &stream).or_else(|| find(&self.encoded, &joined))
            {
                return Ok(Some(found));
            }
            for part in [&mut stream, &mut joined] {
                // One may have begun here.
                part.drain(..part.len().saturating_sub(self.longest));
            }
        }
    }

    fn bytes(&self, bytes: &[u8]) -> Option<&Needle<'s>> {
        find(&self.plain, bytes).or_else(|| find(&self.encoded, bytes))
    }

    /// Adds a value in all the ways in which programs write it.
    fn add(&mut self, id: &'s str, value: &[u8]) {
        self.plain(id, "as it is", value);
        for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
            let url = percent(value, digits);
            if url != value {
                self.plain(id, "encoded for URLs", &url);
            }
            let hex: Vec<u8> = value.iter().flat_map(|byte| pair(*byte, digits)).collect();
            self.encoded(id, "in hexadecimal", &hex);
        }
        for behind in 0..3 {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                self.encoded(id, "in base64", &base64(value, behind, |bytes| engine.encode(bytes)));
            }
        }
    }

    fn plain(&mut self, id: &'s str, form: &'static str, bytes: &[u8]) {
        self.longest = self.longest.max(bytes.len());
        self.plain.push(Needle { id, form, finder: Finder::new(bytes).into_owned() });
    }

    fn encoded(&mut self, id: &'s str, form: &'static str, bytes: &[u8]) {
        self.longest = self.longest.max(bytes.len());
        self.encoded.push(Needle { id, form, finder: Finder::new(bytes).into_owned() });
    }
}

fn find<'n, 's>(needles: &'n [Needle<'s>], bytes: &[u8]) -> Option<&'n Needle<'s>> {
    needles.iter().find(|needle| needle.finder.find(bytes).is_some())
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The digits of a byte.
fn pair(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    let digit = |at: u8| digits.get(usize::from(at)).copied().unwrap_or_default();
    [digit(byte >> 4), digit(byte & 15)]
}

/// All but the unreserved characters of RFC 3986 escaped.
fn percent(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let escaped = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' => vec![*byte],
        _ if byte.is_ascii_alphanumeric() => vec![*byte],
        _ => [&b"%"[..], &pair(*byte, digits)].concat(),
    };
    value.iter().flat_map(escaped).collect()
}

/// What stands for the value alone when this many bytes, up to a multiple of three, come before it and
/// any behind it: without the characters that they have a part in.
fn base64(value: &[u8], before: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let whole = [&vec![0; before], value].concat();
    let end = whole.len() * 8 / 6;
    let text = encode(&whole).into_bytes();
    text.get((before * 8).div_ceil(6)..end).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t/value+of a?token";

    fn found(secret: &str, text: &str) -> Option<&'static str> {
        let secrets = [("id".to_owned(), secret.as_bytes().to_vec())];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let search = Search::new(&secrets);
        search.file(File::open(file.path()).unwrap()).unwrap().map(|needle| needle.form)
    }

    /// Made with coreutils' base64 and od, and Python's urllib.parse.quote.
    #[test]
    fn all_forms_are_found() {
        for (text, form) in [
            ("x s3cr3t/value+of a?token y", "as it is"),
            ("czNjcjN0L3ZhbHVlK29mIGE/dG9rZW4=", "in base64"),
            ("xzM2NyM3QvdmFsdWUrb2YgYT90b2tlbg==", "in base64"),
            ("czNjcjN0L3Zh\nbHVlK29mIGE/\r\ndG9rZW4K", "in base64"),
            ("czNjcjN0L3ZhbHVlK29mIGE_dG9rZW4", "in base64"),
            ("733363723374\n2f76616c75652b6f66\n20613f746f6b656e", "in hexadecimal"),
            ("7333637233742F76616C75652B6F6620613F746F6B656E", "in hexadecimal"),
            ("?t=s3cr3t%2Fvalue%2Bof%20a%3Ftoken&", "encoded for URLs"),
            ("?t=s3cr3t%2fvalue%2bof%20a%3ftoken&", "encoded for URLs"),
        ] {
            assert_eq!(found(SECRET, text), Some(form), "{text}");
            assert_eq!(found(&format!("{SECRET}\n"), text), Some(form), "{text}");
        }
        assert_eq!(found(SECRET, "s3cr3t/value+of a?toke czNjcjN0L3ZhbHVlK29mIGE"), None);
    }

    #[test]
    fn base64_is_found_wherever_it_begins() {
        for before in 0..7 {
            for behind in 0..4 {
                let text = format!("{}{SECRET}{}", "x".repeat(before), "y".repeat(behind));
                let text = STANDARD_NO_PAD.encode(text);
                assert_eq!(found(SECRET, &text), Some("in base64"), "{before} {behind}");
            }
        }
    }

    #[test]
    fn short_secrets_and_what_stands_around_long_ones_are_not_looked_for() {
        assert_eq!(found("hunter2", "hunter2"), None);
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\n-----END KEY-----\n";
        assert_eq!(found(key, "-----BEGIN KEY-----\n"), None);
        assert_eq!(found(key, "k=MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw"), Some("as it is"));
    }

    #[test]
    fn a_secret_may_lie_across_two_reads() {
        for before in [CHUNK - 10, CHUNK - 1, CHUNK, 3 * CHUNK - 20] {
            let text = format!("{}{SECRET}", "x".repeat(before));
            assert_eq!(found(SECRET, &text), Some("as it is"), "{before}");
        }
    }
}
