//! One word of shell text.

use lapstrake_parser::Span;
use smallvec::{SmallVec, smallvec};

use super::grammar::Reader;
use super::piece::{Piece, PieceKind};

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShellWord {
    /// The text without quotes; variables are `${name}`.
    pub(crate) text: String,
    /// Where it stands, quotes included.
    pub(crate) span: Span,
    /// Nothing in it is put in by the shell.
    pub(crate) is_literal: bool,
    /// What it is made of: most words are one piece.
    pub(crate) pieces: SmallVec<[Piece; 1]>,
}

impl ShellWord {
    /// A word that is nothing but its text.
    pub(crate) fn bare(text: String, span: Span) -> Self {
        let pieces = smallvec![Piece { span, kind: PieceKind::Literal(text.clone()) }];
        Self { text, span, is_literal: true, pieces }
    }

    /// The text of what is literal in it, the rest left out.
    pub(crate) fn literal_parts(&self) -> String {
        fn add(pieces: &[Piece], text: &mut String) {
            for piece in pieces {
                match &piece.kind {
                    PieceKind::Literal(part)
                    | PieceKind::Single(part)
                    | PieceKind::DollarSingle(part)
                    | PieceKind::Glob(part) => text.push_str(part),
                    PieceKind::Double(pieces) => add(pieces, text),
                    _ => {}
                }
            }
        }
        let mut text = String::new();
        add(&self.pieces, &mut text);
        text
    }

    /// For `name=value` and `name+=value`: the name, and whether the value is added.
    pub(crate) fn assigned_name(&self) -> Option<(&str, bool)> {
        let PieceKind::Literal(first) = &self.pieces.first()?.kind else { return None };
        if !super::grammar::is_assignment(first) {
            return None;
        }
        let (name, _) = first.split_once('=')?;
        let plain = name.strip_suffix('+');
        Some((plain.unwrap_or(name), plain.is_some()))
    }
}

/// A word while it is read.
#[derive(Debug, Default)]
pub(super) struct RawWord {
    pub(super) word: ShellWord,
    /// Nothing in it is quoted: it may be a keyword.
    pub(super) is_bare: bool,
}

/// What stands in a word for what a command prints.
const PRINTED: &str = "${VAR}";

/// How long `[…]` may be.
const LONGEST_CLASS: usize = 200;

/// A literal piece that still grows.
#[derive(Default)]
struct Run {
    start: usize,
    text: String,
    /// Something is in it, if only an escaped line end.
    is_open: bool,
}

impl Reader<'_> {
    /// Reads a word. It may be empty where none begins. Nothing if a quote is never closed.
    pub(super) fn word(&mut self) -> Option<RawWord> {
        let start = self.at;
        let mut raw = RawWord { is_bare: true, ..RawWord::default() };
        let mut run = Run::default();
        while let Some(byte) = self.byte() {
            let before = self.at;
            let extends = || run.text.ends_with(['?', '*', '+', '@', '!']);
            match byte {
                byte if ends_word(byte) && !self.is_process() => break,
                b'(' if extends() || raw.word.text.ends_with(['?', '*']) && raw.is_bare => {
                    let kind = PieceKind::Glob(self.parenthesized()?.to_owned());
                    self.push(&mut raw, &mut run, before, kind);
                }
                b'(' if raw.word.text.is_empty() && run.text.ends_with('=') => {
                    let kind = PieceKind::Array(self.array()?);
                    self.push(&mut raw, &mut run, before, kind);
                }
                b'(' => break,
                b'\\' => {
                    run.open(before);
                    raw.is_bare = false;
                    self.escaped(&mut run.text);
                }
                _ => match self.special(byte, &mut raw.is_bare)? {
                    Some(kind) => self.push(&mut raw, &mut run, before, kind),
                    None => {
                        run.open(before);
                        self.plain(&mut run.text);
                    }
                },
            }
        }
        self.close_run(&mut raw.word, &mut run, self.at);
        raw.word.span = match raw.word.pieces.as_slice() {
            [only] => only.span,
            _ => self.since(start),
        };
        raw.word.is_literal = raw.word.pieces.iter().all(Piece::is_typed);
        Some(raw)
    }

    /// True where `<(…)` or `>(…)` begins.
    pub(super) fn is_process(&self) -> bool {
        matches!(self.bytes(), [b'<' | b'>', b'(', ..])
    }

    /// Reads a letter that has no meaning here, and all behind it that never have one.
    fn plain(&mut self, text: &mut String) {
        self.take_letters(text, is_plain);
    }

    /// Reads a letter, and all behind it that are so.
    fn take_letters(&mut self, text: &mut String, are: impl Fn(u8) -> bool) {
        let rest = self.rest();
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let behind = rest.as_bytes().get(first..).unwrap_or_default();
        let more = behind.iter().take_while(|byte| are(**byte)).count();
        text.push_str(rest.get(..first + more).unwrap_or_default());
        self.at += first + more;
    }

    /// A piece that is not literal, if one begins with this letter.
    fn special(&mut self, byte: u8, is_bare: &mut bool) -> Option<Option<PieceKind>> {
        let kind = match byte {
            b'\'' => Some(self.single_quoted()?),
            b'"' => Some(self.double_quoted()?),
            b'`' => Some(self.backticks()?),
            b'$' => self.dollar()?,
            b'<' | b'>' => {
                self.at += 2;
                return Some(Some(PieceKind::Process(self.list_until(')')?)));
            }
            b'*' | b'?' => {
                self.next();
                return Some(Some(PieceKind::Glob(char::from(byte).to_string())));
            }
            b'[' => return Some(self.class()),
            b'{' => return self.braces(),
            _ => return Some(None),
        };
        *is_bare &= kind.is_none();
        Some(kind)
    }

    /// Adds a piece that began at `start` and ends here.
    fn push(&self, raw: &mut RawWord, run: &mut Run, start: usize, kind: PieceKind) {
        self.close_run(&mut raw.word, run, start);
        match &kind {
            PieceKind::Literal(text)
            | PieceKind::Single(text)
            | PieceKind::DollarSingle(text)
            | PieceKind::Glob(text) => raw.word.text.push_str(text),
            PieceKind::Braces(_) => raw.word.text.push_str(self.slice(start..self.at)),
            kind => add_text(kind, &mut raw.word.text),
        }
        raw.word.pieces.push(Piece { span: self.since(start), kind });
    }

    fn close_run(&self, word: &mut ShellWord, run: &mut Run, end: usize) {
        if let Some(piece) = self.closed(run, end) {
            if let PieceKind::Literal(text) = &piece.kind {
                word.text.push_str(text);
            }
            word.pieces.push(piece);
        }
    }

    /// The piece that has been read, if there is one. Another begins then.
    fn closed(&self, run: &mut Run, end: usize) -> Option<Piece> {
        let run = std::mem::take(run);
        let kind = PieceKind::Literal(run.text);
        run.is_open.then(|| Piece { span: self.span(run.start..end), kind })
    }

    pub(super) fn escaped(&mut self, text: &mut String) {
        self.next();
        match self.next() {
            Some('\n') | None => {}
            Some(letter) => text.push(letter),
        }
    }

    pub(super) fn single_quoted(&mut self) -> Option<PieceKind> {
        self.next();
        let end = self.rest().find('\'')?;
        let text = self.rest().get(..end)?.to_owned();
        self.at += end + 1;
        Some(PieceKind::Single(text))
    }

    pub(super) fn double_quoted(&mut self) -> Option<PieceKind> {
        self.next();
        self.quoted_pieces(Some('"')).map(PieceKind::Double)
    }

    /// Reads what is quoted by double quotes, or by a heredoc, up to behind the end.
    pub(super) fn quoted_pieces(&mut self, end: Option<char>) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut run = Run::default();
        loop {
            let before = self.at;
            let Some(letter) = self.peek() else {
                pieces.extend(self.closed(&mut run, before));
                return end.is_none().then_some(pieces);
            };
            let kind = match letter {
                _ if Some(letter) == end => {
                    pieces.extend(self.closed(&mut run, before));
                    self.next();
                    return Some(pieces);
                }
                '`' => Some(self.backticks()?),
                '$' if !self.rest().starts_with("$'") && !self.rest().starts_with("$\"") => {
                    self.dollar()?
                }
                _ => None,
            };
            match kind {
                Some(kind) => {
                    pieces.extend(self.closed(&mut run, before));
                    pieces.push(Piece { span: self.since(before), kind });
                }
                None => {
                    run.open(before);
                    self.quoted_letters(&mut run.text);
                }
            }
        }
    }

    /// Reads a letter that has no meaning here, and all behind it that never have one in quotes.
    fn quoted_letters(&mut self, text: &mut String) {
        if !self.take("\\") {
            self.take_letters(text, |byte| !matches!(byte, b'"' | b'\\' | b'$' | b'`'));
            return;
        }
        match self.next() {
            Some('\n') => {}
            Some(letter) => {
                if !matches!(letter, '"' | '\\' | '$' | '`') {
                    text.push('\\');
                }
                text.push(letter);
            }
            None => text.push('\\'),
        }
    }

    /// `[…]`, if it is closed in this word.
    fn class(&mut self) -> Option<PieceKind> {
        let rest = self.rest();
        let inner = rest.get(1..)?.trim_start_matches(['!', '^']);
        let first = rest.len() - inner.len();
        let mut letters = inner.char_indices().take(LONGEST_CLASS).peekable();
        while let Some((at, letter)) = letters.next() {
            match letter {
                ']' if at > 0 => {
                    let end = first + at + 1;
                    self.at += end;
                    return Some(PieceKind::Glob(rest.get(..end)?.to_owned()));
                }
                '[' if letters.peek().is_some_and(|(_, next)| *next == ':') => {
                    letters.by_ref().find(|(_, letter)| *letter == ']')?;
                }
                '"' | '\'' | '`' | '$' | '(' => return None,
                letter if u8::try_from(letter).is_ok_and(ends_word) => return None,
                _ => {}
            }
        }
        None
    }

    /// `(…)` of a pattern.
    fn parenthesized(&mut self) -> Option<&str> {
        let mut depth = 0_usize;
        let start = self.at;
        while let Some(letter) = self.next() {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(self.slice(start..self.at));
            }
        }
        None
    }

    /// `(word word)` behind `NAME=`.
    fn array(&mut self) -> Option<Vec<ShellWord>> {
        self.next();
        let mut words = Vec::new();
        loop {
            self.skip_blank_lines()?;
            if self.peek()? == ')' {
                self.next();
                return Some(words);
            }
            let before = self.at;
            words.push(self.deeper(|reader| reader.word().map(|raw| raw.word))?);
            if self.at == before {
                return None;
            }
        }
    }
}

/// True for what ends a word.
const fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b')')
}

/// True for what never has a meaning in a word.
const fn is_plain(byte: u8) -> bool {
    let has_meaning =
        matches!(byte, b'\'' | b'"' | b'\\' | b'`' | b'$' | b'(' | b'[' | b'{' | b'*' | b'?');
    !ends_word(byte) && !has_meaning
}

impl Run {
    fn open(&mut self, at: usize) {
        if !self.is_open {
            self.is_open = true;
            self.start = at;
        }
    }
}

impl Piece {
    /// Nothing in it is put in by the shell.
    fn is_typed(&self) -> bool {
        match &self.kind {
            PieceKind::Double(pieces) => pieces.iter().all(Self::is_typed),
            PieceKind::Parameter(_)
            | PieceKind::Substitution { .. }
            | PieceKind::Arithmetic(_)
            | PieceKind::Process(_) => false,
            _ => true,
        }
    }
}

fn add_text(kind: &PieceKind, text: &mut String) {
    match kind {
        PieceKind::Literal(part)
        | PieceKind::Single(part)
        | PieceKind::DollarSingle(part)
        | PieceKind::Glob(part) => text.push_str(part),
        PieceKind::Double(pieces) => pieces.iter().for_each(|piece| add_text(&piece.kind, text)),
        PieceKind::Parameter(parameter) => {
            text.push_str("${");
            text.push_str(&parameter.name);
            text.push('}');
        }
        PieceKind::Substitution { .. } | PieceKind::Arithmetic(_) | PieceKind::Process(_) => {
            text.push_str(PRINTED);
        }
        PieceKind::Braces(_) | PieceKind::Array(_) => {}
    }
}
