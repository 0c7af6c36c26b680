//! Secrets in what a command wrote: a layer that has one goes wherever its image goes.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::BorrowedFd;

use lapstrake_rootfs::{Entry, Kind, LayerManifest, TreePath, read};
use memchr::memmem::Finder;
use rayon::prelude::*;

use super::encoding::{self, Unescape};
use super::part::{self, SHORTEST};

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
    /// Looked for in what is left when the encoding for URLs is undone.
    escaped: Vec<Needle<'s>>,
    /// What programs break into lines: looked for as if there were no line ends.
    encoded: Vec<Needle<'s>>,
    longest: usize,
}

impl<'s> Search<'s> {
    pub(super) fn new(secrets: &'s [(String, Vec<u8>)]) -> Self {
        let (plain, escaped, encoded) = (Vec::new(), Vec::new(), Vec::new());
        let mut search = Self { plain, escaped, encoded, longest: 0 };
        for (id, value) in secrets {
            for part in part::sought(value) {
                search.add(id, &part.bytes);
                if part.all_forms {
                    search.add_encoded(id, &part.bytes);
                }
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
            joined.extend(read.iter().filter(|byte| !is_line_end(**byte)));
            unescape.push(read, &mut unescaped);
            let found = find(&self.plain, &stream)
                .or_else(|| find(&self.escaped, &unescaped))
                .or_else(|| find(&self.encoded, &joined));
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
        find(&self.plain, bytes)
            .or_else(|| find(&self.escaped, &unescaped))
            .or_else(|| find(&self.encoded, bytes))
    }

    fn add(&mut self, id: &'s str, value: &[u8]) {
        let spaced: Vec<u8> = value.iter().copied().map(encoding::spaced).collect();
        self.longest = self.longest.max(value.len());
        self.plain.push(needle(id, "as it is", value));
        self.escaped.push(needle(id, "encoded for URLs", &spaced));
    }

    fn add_encoded(&mut self, id: &'s str, value: &[u8]) {
        for (form, bytes) in encoding::encoded(value) {
            self.longest = self.longest.max(bytes.len());
            self.encoded.push(needle(id, form, &bytes));
        }
    }
}

fn needle<'s>(id: &'s str, form: &'static str, bytes: &[u8]) -> Needle<'s> {
    Needle { id, form, finder: Finder::new(bytes).into_owned() }
}

fn find<'n, 's>(needles: &'n [Needle<'s>], bytes: &[u8]) -> Option<&'n Needle<'s>> {
    needles.iter().find(|needle| needle.finder.find(bytes).is_some())
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

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

    #[test]
    fn a_secret_may_lie_across_two_reads() {
        for before in [CHUNK - 10, CHUNK - 1, CHUNK, 3 * CHUNK - 20] {
            let text = format!("{}{SECRET}", "x".repeat(before));
            assert_eq!(found(SECRET, &text), Some("as it is"), "{before}");
        }
    }
}
