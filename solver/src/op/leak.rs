//! Secrets in what a command wrote: a layer that has one goes wherever its image goes.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::BorrowedFd;

use aho_corasick::packed;
use aho_corasick::{AhoCorasick, MatchKind};
use lapstrake_rootfs::{Entry, Kind, LayerManifest, TreePath, read};
use rayon::prelude::*;

use super::encoding::{self, Unescape};
use super::part::{self, SHORTEST};

/// Read at once, at least.
const CHUNK: usize = 256 << 10;

/// So many are looked for at once: the searcher compares many bytes at a time for up to 64 only.
const TOGETHER: usize = 64;

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
pub(super) struct Needle<'s> {
    id: &'s str,
    form: &'static str,
}

/// Ways to write secrets, looked for together.
struct Needles<'s> {
    groups: Vec<(Searcher, Vec<Needle<'s>>)>,
}

/// The first is fast whatever is searched; an automaton looks for a rare byte first, which is none in noise.
enum Searcher {
    Packed(packed::Searcher),
    /// Where the processor cannot compare many bytes at a time.
    Automaton(AhoCorasick),
}

impl Searcher {
    fn new(values: &[Vec<u8>]) -> io::Result<Self> {
        if let Some(searcher) = packed::Searcher::new(values) {
            return Ok(Self::Packed(searcher));
        }
        let builder = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(values);
        builder.map(Self::Automaton).map_err(io::Error::other)
    }

    /// The number of a value that is there.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let found = match self {
            Self::Packed(searcher) => searcher.find(bytes),
            Self::Automaton(searcher) => searcher.find(bytes),
        };
        found.map(|found| found.pattern().as_usize())
    }
}

impl<'s> Needles<'s> {
    fn new(wanted: Vec<(Needle<'s>, Vec<u8>)>) -> io::Result<Self> {
        let mut groups = Vec::new();
        let mut rest = wanted.into_iter().peekable();
        while rest.peek().is_some() {
            let (needles, values): (Vec<_>, Vec<_>) = rest.by_ref().take(TOGETHER).unzip();
            let values: Vec<Vec<u8>> = values;
            groups.push((Searcher::new(&values)?, needles));
        }
        Ok(Self { groups })
    }

    fn find(&self, bytes: &[u8]) -> Option<&Needle<'s>> {
        self.groups.iter().find_map(|(searcher, needles)| needles.get(searcher.find(bytes)?))
    }
}

impl Needle<'_> {
    pub(super) fn at(&self, path: TreePath) -> Leak {
        Leak { path, id: self.id.to_owned(), form: self.form }
    }
}

/// Looks for secrets.
pub(super) struct Search<'s> {
    plain: Needles<'s>,
    /// Looked for in what is left when the encoding for URLs is undone.
    escaped: Needles<'s>,
    /// What programs break into lines: looked for as if there were no line ends.
    encoded: Needles<'s>,
    longest: usize,
}

/// What is to be looked for, as in [`Search`].
#[derive(Default)]
struct Wanted<'s> {
    plain: Vec<(Needle<'s>, Vec<u8>)>,
    escaped: Vec<(Needle<'s>, Vec<u8>)>,
    encoded: Vec<(Needle<'s>, Vec<u8>)>,
    longest: usize,
}

impl<'s> Search<'s> {
    /// # Errors
    /// When there is more to look for than can be.
    pub(super) fn new(secrets: &'s [(String, Vec<u8>)]) -> io::Result<Self> {
        let mut wanted = Wanted::default();
        for (id, value) in secrets {
            for part in part::sought(value) {
                wanted.add(id, &part.bytes);
                if part.all_forms {
                    wanted.add_encoded(id, &part.bytes);
                }
            }
        }
        Ok(Self {
            plain: Needles::new(wanted.plain)?,
            escaped: Needles::new(wanted.escaped)?,
            encoded: Needles::new(wanted.encoded)?,
            longest: wanted.longest,
        })
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.plain.groups.is_empty()
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
        if self.is_empty() {
            return Ok(None);
        }
        let look = |entry: &Entry| self.entry(layer, entry).transpose();
        manifest.entries().par_iter().find_map_first(look).transpose()
    }

    fn entry(&self, layer: BorrowedFd<'_>, entry: &Entry) -> io::Result<Option<Leak>> {
        if let Some(leak) = self.name(&entry.path) {
            return Ok(Some(leak));
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

    /// A secret in a path itself.
    pub(super) fn name(&self, path: &TreePath) -> Option<Leak> {
        let needle = self.bytes(path.to_string().as_bytes())?;
        // An error must not say it either.
        Some(needle.at(path.parent().unwrap_or_else(TreePath::root)))
    }

    pub(super) fn file(&self, mut file: File) -> io::Result<Option<&Needle<'s>>> {
        let mut chunk = vec![0; CHUNK.max(self.longest)];
        let (mut stream, mut unescaped, mut joined) = (Vec::new(), Vec::new(), Vec::new());
        let mut unescape = Unescape::default();
        loop {
            let read = match file.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => chunk.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            stream.extend_from_slice(read);
            join_lines(read, &mut joined);
            unescape.push(read, &mut unescaped);
            let found = self.plain.find(&stream);
            let found = found.or_else(|| self.escaped.find(&unescaped));
            let found = found.or_else(|| self.encoded.find(&joined));
            if found.is_some() {
                return Ok(found);
            }
            for part in [&mut stream, &mut unescaped, &mut joined] {
                // One may have begun here.
                part.drain(..part.len().saturating_sub(self.longest));
            }
        }
    }

    fn bytes(&self, bytes: &[u8]) -> Option<&Needle<'s>> {
        let mut unescaped = Vec::with_capacity(bytes.len());
        Unescape::default().push(bytes, &mut unescaped);
        let found = self.plain.find(bytes).or_else(|| self.escaped.find(&unescaped));
        found.or_else(|| self.encoded.find(bytes))
    }
}

impl<'s> Wanted<'s> {
    fn add(&mut self, id: &'s str, value: &[u8]) {
        let spaced: Vec<u8> = value.iter().copied().map(encoding::spaced).collect();
        self.longest = self.longest.max(value.len());
        self.plain.push((Needle { id, form: "as it is" }, value.to_vec()));
        self.escaped.push((Needle { id, form: "encoded for URLs" }, spaced));
    }

    fn add_encoded(&mut self, id: &'s str, value: &[u8]) {
        for (form, bytes) in encoding::encoded(value) {
            self.longest = self.longest.max(bytes.len());
            self.encoded.push((Needle { id, form }, bytes));
        }
    }
}

/// Adds bytes without their line ends.
fn join_lines(bytes: &[u8], to: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        let (line, behind) = rest.split_at(at);
        to.extend_from_slice(line);
        rest = behind.get(1..).unwrap_or_default();
    }
    to.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    use super::*;

    const SECRET: &str = "s3cr3t/value+of a?token";

    /// `od -An -tx1`.
    const OD: &str = " 73 33 63 72 33 74 2f 76 61 6c 75 65 2b 6f 66 20\n 61 3f 74 6f 6b 65 6e\n";

    fn found(secret: &str, text: &str) -> Option<&'static str> {
        let secrets = [("id".to_owned(), secret.as_bytes().to_vec())];
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let search = Search::new(&secrets).unwrap();
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
            (OD, "in hexadecimal"),
            (
                "73:33:63:72:33:74:2F:76:61:6C:75:65:2B:6F:66:20\n:61:3F:74:6F:6B:65:6E",
                "in hexadecimal",
            ),
            ("?t=s3cr3t%2Fvalue%2Bof%20a%3Ftoken&", "encoded for URLs"),
            ("?t=s3cr3t%2fvalue%2bof%20a%3ftoken&", "encoded for URLs"),
        ] {
            assert_eq!(found(SECRET, text), Some(form), "{text}");
            assert_eq!(found(&format!("{SECRET}\n"), text), Some(form), "{text}");
        }
        assert_eq!(found(SECRET, "s3cr3t/value+of a?toke czNjcjN0L3ZhbHVlK29mIGE"), None);
    }

    /// What Python's urllib.parse, JavaScript's encodeURIComponent and forms in browsers write.
    #[test]
    fn whatever_is_escaped_for_urls() {
        let secret = "s3cr3t/value+of a?token!x";
        for text in [
            "s3cr3t/value%2Bof%20a%3Ftoken%21x",
            "s3cr3t/value%2Bof%20a%3Ftoken!x",
            "s3cr3t%2Fvalue%2Bof%20a%3Ftoken!x",
            "s3cr3t%2fvalue%2bof%20a%3ftoken!x",
            "s3cr3t%2Fvalue%2Bof+a%3Ftoken%21x",
            "s3cr3t%2Fvalue+of%20a?token!x",
            "%73%33%63%72%33%74%2F%76%61%6C%75%65%2B%6F%66%20%61%3F%74%6F%6B%65%6E%21%78",
        ] {
            assert_eq!(found(secret, &format!("?t={text}&")), Some("encoded for URLs"), "{text}");
            for before in [CHUNK - 1, CHUNK - 12] {
                let text = format!("{}{text}", "x".repeat(before));
                assert_eq!(found(secret, &text), Some("encoded for URLs"), "{before}");
            }
        }
        assert_eq!(found(secret, "s3cr3t%2Fvalue%2Cof%20a%3Ftoken!x"), None);
        assert_eq!(found("s3cr3t%20value", "s3cr3t%2520value"), Some("encoded for URLs"));
    }

    /// Of coreutils' base64, which breaks lines behind 76 characters unless it is told not to.
    #[test]
    fn lines_of_base64_are_one() {
        let secret = "q7RkT2xV9mZs4LwB".repeat(6) + "-end";
        let text = "cTdSa1QyeFY5bVpzNEx3QnE3UmtUMnhWOW1aczRMd0JxN1JrVDJ4VjltWnM0THdCcTdSa1QyeFY5\n\
                    bVpzNEx3QnE3UmtUMnhWOW1aczRMd0JxN1JrVDJ4VjltWnM0THdCLWVuZAo=\n";
        assert_eq!(found(&secret, text), Some("in base64"));
        for before in (CHUNK - 140..=CHUNK).step_by(7) {
            let text = format!("{}{text}", " ".repeat(before));
            assert_eq!(found(&secret, &text), Some("in base64"), "{before}");
            let text = format!("{}{OD}", "x".repeat(before));
            assert_eq!(found(SECRET, &text), Some("in hexadecimal"), "{before}");
        }
    }

    #[test]
    fn parts_of_a_secret_are_found_too() {
        let settings = "HOST=registry.example.com\nUSER=deployment-robot\nTOKEN=q7RkT2xV9mZs4LwB\n";
        assert_eq!(found(settings, "//x/:_authToken=q7RkT2xV9mZs4LwB"), Some("as it is"));
        assert_eq!(found(settings, "cTdSa1QyeFY5bVpzNEx3Qg=="), Some("in base64"));
        assert_eq!(found(settings, "deployment-robot@registry.example.com"), None);
        let json = r#"{"user":"deployment-robot","token":"q7RkT2xV9mZs4LwB"}"#;
        assert_eq!(found(json, "t=q7RkT2xV9mZs4LwB"), Some("as it is"));
        assert_eq!(found(json, "deployment-robot"), None);
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\nq7RkT2xV9mZs4LwB\n";
        assert_eq!(found(key, "q7RkT2xV9mZs4LwB"), Some("as it is"));
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

    /// More than are looked for at once.
    #[test]
    fn every_one_of_many_secrets_is_found() {
        let value = |number: usize| format!("secret-{number:03}-of-many");
        let secrets: Vec<_> =
            (0..100).map(|number| (number.to_string(), value(number).into_bytes())).collect();
        let search = Search::new(&secrets).unwrap();
        for (id, value) in &secrets {
            let text = [b"x", &value[..], b"y"].concat();
            assert_eq!(search.bytes(&text).map(|needle| needle.id), Some(id.as_str()));
            let text = STANDARD_NO_PAD.encode(text);
            assert_eq!(search.bytes(text.as_bytes()).map(|needle| needle.id), Some(id.as_str()));
        }
        assert!(search.bytes(b"secret-100-of-many").is_none());
    }

    #[test]
    fn a_secret_may_lie_across_two_reads() {
        for before in [CHUNK - 10, CHUNK - 1, CHUNK, 3 * CHUNK - 20] {
            let text = format!("{}{SECRET}", "x".repeat(before));
            assert_eq!(found(SECRET, &text), Some("as it is"), "{before}");
        }
    }
}
