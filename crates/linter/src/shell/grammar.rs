//! The grammar of shell text: lists, chains, pipelines, simple commands.
//!
//! Every function gives nothing when the text is no shell script; then nothing of it counts. Each place is
//! read once, but for the scans that look for the end of something: those of `((`, `[` and `{` are bounded
//! by a length, those of backticks by how deep things may lie in each other.

use std::ops::Range;

use lapstrake_parser::Span;
use memchr::memchr;

use super::command::Command;
use super::piece::Piece;
use super::tree::{Chain, Joint, List, Node, NodeKind, Pipeline};
use super::word::{RawWord, ShellWord};

/// How deep substitutions and compound commands may lie in each other.
const DEEPEST: usize = 60;

/// Words that end a list: what they belong to began before it.
const CLOSING: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

/// What a text has in it.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) commands: Vec<Command>,
    pub(super) pipes: Vec<Span>,
    pub(super) heredocs: Vec<Vec<Piece>>,
}

/// Reads a whole text, and adds to what has been found; no list if it is no shell script.
pub(super) fn read(
    text: &str,
    place: &dyn Fn(Range<usize>) -> Span,
    found: Found,
) -> (Option<List>, Found) {
    let mut reader =
        Reader { text, place, end: text.len(), at: 0, depth: 0, heredocs: Vec::new(), found };
    let list = reader.list().filter(|_| reader.rest().is_empty());
    (list, reader.found)
}

/// A text and how far it has been read.
pub(super) struct Reader<'t> {
    text: &'t str,
    place: &'t dyn Fn(Range<usize>) -> Span,
    /// Where what is read ends: that of a backtick, inside of one.
    pub(super) end: usize,
    pub(super) at: usize,
    depth: usize,
    /// Heredocs whose text begins on the next line.
    pub(super) heredocs: Vec<Awaited>,
    pub(super) found: Found,
}

/// A heredoc that has been named.
pub(super) struct Awaited {
    pub(super) delimiter: String,
    pub(super) without_tabs: bool,
    /// Variables are put into it.
    pub(super) expands: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        (self.place)(range)
    }

    /// From there to here.
    pub(super) fn since(&self, start: usize) -> Span {
        self.span(start..self.at)
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    /// [`Self::rest`], where single bytes are looked at.
    pub(super) fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..self.end).unwrap_or_default()
    }

    pub(super) fn byte(&self) -> Option<u8> {
        self.bytes().first().copied()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let is_there = self.bytes().starts_with(text.as_bytes());
        self.at += if is_there { text.len() } else { 0 };
        is_there
    }

    /// Goes on one level down, unless that is too deep.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let read = if self.depth > DEEPEST { None } else { read(self) };
        self.depth -= 1;
        read
    }

    /// Reads a part of the text as a text of its own.
    pub(super) fn inside<T>(
        &mut self,
        part: Range<usize>,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let (at, end) = (self.at, self.end);
        (self.at, self.end) = (part.start, part.end);
        let read = self.deeper(read);
        let is_whole = self.rest().is_empty();
        (self.at, self.end) = (at, end);
        read.filter(|_| is_whole)
    }

    /// Reads a list and what closes it.
    pub(super) fn list_until(&mut self, close: char) -> Option<List> {
        let list = self.deeper(Self::list)?;
        (self.next()? == close).then_some(list)
    }

    pub(super) fn skip_blanks(&mut self) {
        loop {
            let blanks =
                self.bytes().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
            self.at += blanks.count();
            if !self.take("\\\n") {
                break;
            }
        }
        if self.byte() == Some(b'#') {
            self.at += memchr(b'\n', self.bytes()).unwrap_or(self.bytes().len());
        }
    }

    /// Skips blanks, line ends and the heredocs behind them.
    pub(super) fn skip_blank_lines(&mut self) -> Option<()> {
        self.skip_blanks();
        while self.take("\n") {
            self.read_heredocs()?;
            self.skip_blanks();
        }
        Some(())
    }

    /// Commands up to the end of the text or to what closes the list.
    pub(super) fn list(&mut self) -> Option<List> {
        let mut list = List::default();
        loop {
            self.skip_blank_lines()?;
            if self.is_closed() {
                return Some(list);
            }
            list.chains.push(self.chain()?);
        }
    }

    fn chain(&mut self) -> Option<Chain> {
        let mut pipelines = vec![self.pipeline()?];
        let mut joints = Vec::new();
        loop {
            self.skip_blanks();
            let start = self.at;
            let is_and = self.take("&&");
            if !is_and && !self.take("||") {
                break;
            }
            joints.push(Joint { is_and, span: self.since(start) });
            self.skip_blank_lines()?;
            if self.is_closed() {
                return None;
            }
            pipelines.push(self.pipeline()?);
        }
        let mut is_background = false;
        if !self.bytes().starts_with(b";;") && !self.take(";") {
            is_background = self.take("&");
            let at_end = matches!(self.byte(), None | Some(b'\n' | b')' | b';'));
            // A compound command may be closed right behind another.
            if !is_background && !at_end && !self.is_closed() {
                return None;
            }
        }
        Some(Chain { pipelines, joints, is_background })
    }

    fn is_closed(&self) -> bool {
        match self.byte() {
            None | Some(b')') => true,
            Some(b';') => self.bytes().starts_with(b";;"),
            Some(b't' | b'e' | b'f' | b'd' | b'}') => CLOSING.iter().any(|word| self.is_at(word)),
            Some(_) => false,
        }
    }

    /// True if this word stands here, unquoted.
    fn is_at(&self, word: &str) -> bool {
        self.bytes().strip_prefix(word.as_bytes()).is_some_and(|behind| {
            matches!(
                behind.first(),
                None | Some(b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b')' | b'<' | b'>')
            )
        })
    }

    pub(super) fn keyword(&mut self, word: &str) -> bool {
        let is_there = self.is_at(word);
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn pipeline(&mut self) -> Option<Pipeline> {
        // Most pipelines are one command: there is room for no more at first.
        let mut pipeline = Pipeline { bang: None, nodes: Vec::with_capacity(1) };
        loop {
            let start = self.at;
            if self.keyword("!") {
                pipeline.bang = Some(self.since(start));
            } else if !self.keyword("time") {
                break;
            }
            self.skip_blanks();
        }
        loop {
            pipeline.nodes.push(self.deeper(Self::node)?);
            self.skip_blanks();
            let start = self.at;
            if self.bytes().starts_with(b"||") || !self.take("|") {
                return Some(pipeline);
            }
            let pipe = self.since(start);
            self.found.pipes.push(pipe);
            self.take("&");
            self.skip_blank_lines()?;
        }
    }

    pub(super) fn simple(&mut self) -> Option<Node> {
        let start = self.at;
        let mut end = start;
        let (mut assignments, mut words) = (Vec::new(), Vec::new());
        let mut redirections = Vec::new();
        loop {
            self.skip_blanks();
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
                continue;
            }
            let begin = self.at;
            let raw = self.word()?;
            if self.at == begin {
                break;
            }
            let is_first = words.is_empty();
            if is_first && is_assignment(self.slice(begin..self.at)) {
                assignments.push(raw.word);
            } else if is_first && raw.is_bare && self.parentheses() {
                return self.function(start, &raw);
            } else {
                words.push(raw.word);
            }
            end = self.at;
        }
        if self.byte() == Some(b'(') {
            return None;
        }
        let is_empty = words.is_empty() && assignments.is_empty() && redirections.is_empty();
        // `;` and `&` with nothing in front of them; a redirection alone is a command.
        if is_empty && matches!(self.byte(), Some(b';' | b'&' | b'|')) {
            return None;
        }
        let kind = self.program(assignments, words);
        Some(Node { kind, span: self.span(start..end), redirections })
    }

    /// Reads `()`, with blanks in it or in front.
    pub(super) fn parentheses(&mut self) -> bool {
        let rest = self.rest();
        let blanks = [' ', '\t'];
        let behind = rest.trim_start_matches(blanks).strip_prefix('(');
        let behind = behind.and_then(|inside| inside.trim_start_matches(blanks).strip_prefix(')'));
        self.at += behind.map_or(0, |behind| rest.len() - behind.len());
        behind.is_some()
    }

    fn function(&mut self, start: usize, name: &RawWord) -> Option<Node> {
        let name = name.word.text.clone();
        self.skip_blank_lines()?;
        let body = Box::new(self.deeper(Self::node)?);
        let kind = NodeKind::Function { name, body };
        Some(Node { kind, span: self.since(start), redirections: Vec::new() })
    }

    fn program(&mut self, assignments: Vec<ShellWord>, words: Vec<ShellWord>) -> NodeKind {
        match Command::new(assignments, words) {
            Ok(command) => {
                self.found.commands.push(command);
                NodeKind::Simple(self.found.commands.len() - 1)
            }
            Err(assignments) => NodeKind::Assignments(assignments),
        }
    }
}

/// True for `NAME=…` and `NAME+=…`.
pub(super) fn is_assignment(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let name = text.bytes().take_while(|byte| is_word(byte)).count();
    let begins = text.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    let behind = text.as_bytes().get(name..).unwrap_or_default();
    begins
        && name > 0
        && match behind.first() {
            Some(b'=') => true,
            Some(b'+') => behind.get(1) == Some(&b'='),
            Some(b'[') => behind.contains(&b'='),
            _ => false,
        }
}
