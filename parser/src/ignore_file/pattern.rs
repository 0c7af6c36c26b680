//! One pattern of an ignore file.

use crate::glob::token::{self, Token, push_literal};
use crate::ignore_file::wild::Wild;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// True if there is a `!` in front.
    pub(super) keeps: bool,
    /// True if it stands for all that is in the root: `*`, `**` or `**/*`.
    pub(super) is_all_of_root: bool,
    /// Of the file, from 1.
    pub(super) line: usize,
    /// As written, without blanks around it.
    pub(super) text: Box<str>,
    matcher: Matcher,
}

/// Most patterns are plain paths, or a plain name in any directory.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Matcher {
    /// This path.
    Path(Vec<u8>),
    /// `**/` and a plain path.
    Name(Vec<u8>),
    /// Anything else.
    Wild(Wild),
}

impl Pattern {
    /// Reads a line of a file, where a slash in front says nothing; nothing if it is blank. Fails
    /// with the reason.
    pub(super) fn of_file(number: usize, line: &[u8]) -> Result<Option<Self>, &'static str> {
        Self::parse(number, line, |clean| match clean.strip_prefix(b"/") {
            Some(rest) if !rest.is_empty() => rest,
            _ => clean,
        })
    }

    /// Reads a pattern of a list; nothing if it is blank. Fails with the reason.
    pub(super) fn of_list(number: usize, text: &[u8]) -> Result<Option<Self>, &'static str> {
        Self::parse(number, text, |clean| clean)
    }

    /// Leaves out this path and nothing else, whatever is special in a pattern.
    pub(super) fn of_path(path: &[u8]) -> Self {
        let (text, matcher) = (String::from_utf8_lossy(path).into(), Matcher::Path(path.to_vec()));
        Self { keeps: false, is_all_of_root: false, line: 0, text, matcher }
    }

    fn parse(
        number: usize,
        line: &[u8],
        relative: fn(&[u8]) -> &[u8],
    ) -> Result<Option<Self>, &'static str> {
        let line = line.trim_ascii();
        let (keeps, text) = match line.strip_prefix(b"!") {
            Some(text) => (true, text.trim_ascii()),
            None => (false, line),
        };
        if text.is_empty() && !keeps {
            return Ok(None);
        }
        let clean = clean(text);
        if keeps && (text.is_empty() || clean == b"/") {
            return Err("keeps nothing: put a path behind the `!`");
        }
        let pattern = relative(&clean);
        let tokens = tokens(pattern).ok_or("is not well formed")?;
        let is_all_of_root = matches!(pattern, b"*" | b"**" | b"**/*");
        let written = String::from_utf8_lossy(line).into();
        let matcher = Matcher::new(tokens);
        Ok(Some(Self { keeps, is_all_of_root, line: number, text: written, matcher }))
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Path(own) => own == path,
            Matcher::Name(own) => ends_with_path(path, own),
            Matcher::Wild(wild) => wild.matches(path),
        }
    }

    pub(super) fn matches_or_parent(&self, path: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Path(own) => path.strip_prefix(own.as_slice()).is_some_and(ends_part),
            Matcher::Name(own) => parents(path).any(|parent| ends_with_path(parent, own)),
            Matcher::Wild(wild) => wild.matches_or_parent(path),
        }
    }

    pub(super) fn may_match_below(&self, directory: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Path(own) => {
                directory.is_empty()
                    || own.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
            }
            Matcher::Name(_) => true,
            Matcher::Wild(wild) => wild.may_match_below(directory),
        }
    }
}

impl Matcher {
    fn new(tokens: Vec<Token>) -> Self {
        match tokens.as_slice() {
            [Token::Directories, rest @ ..] => {
                if let Some(name) = plain(rest) {
                    return Self::Name(name);
                }
            }
            all => {
                if let Some(path) = plain(all) {
                    return Self::Path(path);
                }
            }
        }
        Self::Wild(Wild::new(tokens))
    }
}

/// The bytes of tokens that are all literal.
fn plain(tokens: &[Token]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !push_literal(token, &mut bytes) {
            return None;
        }
    }
    Some(bytes)
}

/// Splits a clean pattern into its parts; nothing if it is not well formed.
///
/// `**` takes a slash behind it along. In front of a plain text without that slash it stands for
/// any text at all: `**file` matches `myfile`. With other wildcards it does not.
pub(super) fn tokens(pattern: &[u8]) -> Option<Vec<Token>> {
    let simple = token::tokens(pattern)?;
    if !pattern.windows(2).any(|pair| pair == b"**") {
        return Some(simple);
    }
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(b"**") {
            let own = behind.strip_prefix(b"/").unwrap_or(behind);
            let last = own.is_empty() || (tokens.is_empty() && own == behind && is_plain(own));
            tokens.push(if last { Token::Everything } else { Token::Directories });
            rest = own;
        } else {
            let (token, behind) = token::token(rest)?;
            tokens.push(token);
            rest = behind;
        }
    }
    Some(tokens)
}

fn is_plain(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| b"*?[]\\".contains(byte))
}

/// True if what follows a directory's name ends the name: nothing, or a slash.
fn ends_part(rest: &[u8]) -> bool {
    rest.is_empty() || rest.starts_with(b"/")
}

/// True if the last parts of the path are `end`.
fn ends_with_path(path: &[u8], end: &[u8]) -> bool {
    path.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with(b"/"))
}

/// The path's outermost directory, the next one, and so on to the path itself.
fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.chain([path.len()]).filter_map(|end| path.get(..end))
}

/// The shortest path that means the same, as Go's `filepath.Clean` has it.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/".as_slice(), &joined].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
