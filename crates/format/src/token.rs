//! Cuts an instruction into what is kept as it is. Between two tokens there is nothing but white space,
//! marks that it goes on, and comments.

use std::borrow::Cow;
use std::ops::Range;

use lapstrake_parser::{
    ArgDeclaration, CommandForm, Dockerfile, Instruction, InstructionKind, KeyValue, Source, Span,
    Transfer, Word,
};

use crate::line::{BLANKS, Line};
use crate::shell;

/// A part of an instruction that is written as it is, also across lines.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) span: Span,
    pub(crate) text: Cow<'a, str>,
    /// A bracket or a comma of a JSON array.
    pub(crate) is_mark: bool,
}

/// An instruction in tokens.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    pub(crate) all: Vec<Token<'a>>,
    /// True if lines may be indented against each other: those of a shell script are.
    pub(crate) is_script: bool,
}

/// Cuts the instructions of one file.
pub(crate) struct Words<'a> {
    source: &'a str,
    escape: char,
    is_posix: bool,
}

/// An instruction that is being cut.
struct Cut<'a, 'l> {
    words: &'l Words<'a>,
    head: &'l [Line<'a>],
    all: Vec<Token<'a>>,
    has_array: bool,
}

impl<'a> Words<'a> {
    pub(crate) fn new(source: &'a str, dockerfile: &Dockerfile) -> Self {
        Self { source, escape: dockerfile.escape, is_posix: shell::is_posix(dockerfile) }
    }

    /// The tokens of an instruction, whose lines without those of heredocs are `head`. Nothing if one of its
    /// names is cut by a line end: then it stays as it is.
    pub(crate) fn of(&self, instruction: &Instruction, head: &[Line<'a>]) -> Option<Tokens<'a>> {
        let mut cut = Cut { words: self, head, all: Vec::new(), has_array: false };
        cut.instruction(instruction)?;
        let is_script = shell::command(&instruction.kind).is_some();
        let all = cut.with_rest(instruction.span.start)?;
        let first = head.first()?;
        let begins = all.first().is_some_and(|token| token.span.start < first.behind());
        begins.then_some(Tokens { all, is_script })
    }
}

impl<'a> Cut<'a, '_> {
    fn instruction(&mut self, instruction: &Instruction) -> Option<()> {
        let keyword = instruction.keyword();
        self.name(keyword.span, keyword.value)?;
        instruction.flags.iter().try_for_each(|flag| self.keep(flag.span))?;
        let has_blank = |one: &lapstrake_parser::Heredoc| {
            self.words.source.get(one.marker.range()).is_none_or(|text| text.contains(BLANKS))
        };
        match &instruction.kind {
            InstructionKind::From(from) => {
                self.word(&from.image)?;
                if let Some(separator) = &from.separator {
                    self.name(separator.span, &separator.value)?;
                }
                from.name.as_ref().map_or(Some(()), |name| self.keep(name.span))
            }
            InstructionKind::Run(form)
            | InstructionKind::Cmd(form)
            | InstructionKind::Entrypoint(form) => self.command(form),
            InstructionKind::Copy(_) | InstructionKind::Add(_)
                if instruction.heredocs.iter().any(has_blank) =>
            {
                None
            }
            InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
                self.transfer(transfer)
            }
            InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
                pairs.iter().try_for_each(|one| self.pair(one))
            }
            InstructionKind::Arg(names) => names.iter().try_for_each(|one| self.declaration(one)),
            InstructionKind::Workdir(word)
            | InstructionKind::User(word)
            | InstructionKind::Stopsignal(word)
            | InstructionKind::Maintainer(word) => self.word(word),
            InstructionKind::Expose(words) => words.iter().try_for_each(|one| self.word(one)),
            InstructionKind::Volume(volume) => {
                self.paths(volume.json, volume.paths.first())?;
                volume.paths.iter().try_for_each(|one| self.word(one))
            }
            InstructionKind::Shell(words) => self.array(words),
            InstructionKind::Healthcheck(check) => {
                self.name(check.word.span(), check.word.as_str())?;
                check.command.as_ref().map_or(Some(()), |command| self.command(command))
            }
            InstructionKind::Onbuild(onbuild) => self.instruction(onbuild.instruction.as_deref()?),
        }
    }

    fn push(&mut self, span: Span, text: Cow<'a, str>) -> Option<()> {
        let is_in_order = self.all.last().is_none_or(|last| last.span.end <= span.start);
        self.all.push(Token { span, text, is_mark: false });
        is_in_order.then_some(())
    }

    /// A name of the language, in upper case.
    fn name(&mut self, span: Span, name: &str) -> Option<()> {
        let is_whole = self.words.source.get(span.range()) == Some(name);
        self.push(span, Cow::Owned(name.to_ascii_uppercase()))?;
        is_whole.then_some(())
    }

    fn keep(&mut self, span: Span) -> Option<()> {
        if span.is_empty() {
            return Some(());
        }
        self.push(span, Cow::Borrowed(self.words.source.get(span.range())?))
    }

    fn word(&mut self, word: &Word) -> Option<()> {
        self.keep(word.span())
    }

    fn array(&mut self, words: &[Word]) -> Option<()> {
        self.has_array = true;
        words.iter().try_for_each(|one| self.word(one))
    }

    /// Before paths, in an array or not. With other blanks words could become one: these stay.
    fn paths(&mut self, json: bool, first: Option<&Word>) -> Option<()> {
        self.has_array |= json;
        let is_like_array = !json && first.is_some_and(|word| word.text.starts_with('['));
        (!is_like_array).then_some(())
    }

    fn transfer(&mut self, transfer: &Transfer) -> Option<()> {
        self.paths(transfer.json, transfer.sources.first().map(Source::word))?;
        transfer.sources.iter().map(Source::word).try_for_each(|one| self.word(one))?;
        self.word(&transfer.destination)
    }

    fn command(&mut self, form: &CommandForm) -> Option<()> {
        match form {
            CommandForm::Exec(words) => self.array(words),
            CommandForm::Shell(word) => {
                self.chunks(word.span()).into_iter().try_for_each(|chunk| self.keep(chunk))
            }
        }
    }

    fn pair(&mut self, pair: &KeyValue) -> Option<()> {
        let key = pair.key.span();
        if !pair.legacy {
            return self.keep(self.up_to_value(key, &pair.value));
        }
        if self.is_value(pair) {
            let text = format!("{}={}", pair.key.text, pair.value.text);
            return self.push(key.cover(pair.value.span()), Cow::Owned(text));
        }
        self.keep(key)?;
        self.word(&pair.value)
    }

    /// True if the value of a pair in the legacy form is the same behind a `=`, and all stands on one line.
    fn is_value(&self, pair: &KeyValue) -> bool {
        let whole = pair.key.span().cover(pair.value.span());
        let is_on_one_line =
            self.words.source.get(whole.range()).is_some_and(|text| !text.contains('\n'));
        let escape = if self.words.escape == '\\' { "" } else { "# escape=`\n" };
        let text = format!("{escape}FROM scratch\nENV {}={}\n", pair.key.text, pair.value.text);
        let parsed = lapstrake_parser::parse(&text);
        let last = parsed.dockerfile.instructions.last().map(|one| &one.kind);
        is_on_one_line
            && parsed.diagnostics.is_empty()
            && matches!(last, Some(InstructionKind::Env(pairs)) if pairs.len() == 1
            && pairs.iter().all(|one| {
                one.key.text == pair.key.text && one.value.text == pair.value.text
            }))
    }

    fn declaration(&mut self, one: &ArgDeclaration) -> Option<()> {
        let name = one.name.span();
        self.keep(one.value.as_ref().map_or(name, |value| self.up_to_value(name, value)))
    }

    /// A name and the value behind its `=`.
    fn up_to_value(&self, name: Span, value: &Word) -> Span {
        if !value.text.is_empty() {
            return name.cover(value.span());
        }
        let rest = self.words.source.get(name.end..).unwrap_or_default();
        // The `=` may stand behind a line end.
        Span::new(name.start, name.end + rest.find('=').map_or(0, |at| at + 1))
    }

    /// The parts of a command between line ends that only part words.
    fn chunks(&self, word: Span) -> Vec<Span> {
        let whole = vec![word];
        if !self.words.is_posix {
            return whole;
        }
        let pieces = self.pieces(word);
        if pieces.len() < 2 {
            return whole;
        }
        let text: String =
            pieces.iter().filter_map(|one| self.words.source.get(one.range())).collect();
        let Some(free) = shell::free_blanks(&text) else { return whole };
        let is_free = |at: &usize| free.get(*at) == Some(&true);
        let (mut chunks, mut start, mut joint) = (Vec::new(), 0, 0);
        for piece in &pieces {
            // The blanks in front of the line end and behind it.
            let left = (start..joint).rev().take_while(is_free).count();
            let right = (joint..text.len()).take_while(is_free).count();
            if joint > start && left + right > 0 {
                chunks.push(start..joint - left);
                start = joint + right;
            } else if joint == start {
                start += right;
            }
            joint += piece.len();
        }
        chunks.push(start..text.len());
        let chunks = chunks.into_iter().filter(|chunk: &Range<usize>| !chunk.is_empty());
        let joined = Joined::new(&pieces);
        chunks.filter_map(|chunk| joined.span(&chunk)).collect()
    }

    /// What of a span belongs to the instruction, line by line: no comments, no marks, no line ends.
    fn pieces(&self, span: Span) -> Vec<Span> {
        let first = self.head.partition_point(|line| line.behind() <= span.start);
        let behind = self.head.partition_point(|line| line.start < span.end);
        let lines = (first..).zip(self.head.get(first..behind).unwrap_or_default());
        let kept =
            lines.filter(|(at, line)| *at == 0 || !(line.is_blank() || line.comment().is_some()));
        let pieces = kept.map(|(_, line)| {
            let text = line.without_mark(self.words.escape).unwrap_or(line.text);
            let start = line.start.max(span.start);
            Span::new(start, (line.start + text.len()).min(span.end))
        });
        pieces.filter(|piece| piece.start < piece.end).collect()
    }

    /// The tokens, and those of what stands between them and has none yet: the `--` that ends flags, the
    /// marks of an array.
    fn with_rest(mut self, start: usize) -> Option<Vec<Token<'a>>> {
        let known = std::mem::take(&mut self.all);
        let mut at = start;
        for token in known {
            self.rest(Span::new(at, token.span.start))?;
            at = token.span.end;
            self.all.push(token);
        }
        let end = self.head.last().map_or(at, Line::behind);
        self.rest(Span::new(at, end))?;
        if self.has_array {
            let is_mark = |one: &&mut Token<'_>| matches!(one.text.as_ref(), "[" | "]" | ",");
            self.all.iter_mut().filter(is_mark).for_each(|one| one.is_mark = true);
        }
        Some(self.all)
    }

    fn rest(&mut self, gap: Span) -> Option<()> {
        for piece in self.pieces(gap) {
            let text = self.words.source.get(piece.range())?;
            // White space that is no blank may be one to the builder, or not.
            let is_odd = |c: char| c.is_whitespace() && !BLANKS.contains(&c);
            if text.contains(is_odd) {
                return None;
            }
            let is_array = self.has_array && text.chars().all(|c| "[], \t".contains(c));
            let mut word: Option<usize> = None;
            for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
                let ends = BLANKS.contains(&c) || is_array;
                if let Some(start) = word.filter(|_| ends) {
                    self.push(part(piece, start..at), Cow::Borrowed(text.get(start..at)?))?;
                    word = None;
                }
                if !BLANKS.contains(&c) {
                    word.get_or_insert(at);
                }
            }
        }
        Some(())
    }
}

const fn part(piece: Span, range: Range<usize>) -> Span {
    Span::new(piece.start + range.start, piece.start + range.end)
}

/// Pieces of the source, joined.
struct Joined<'p> {
    pieces: &'p [Span],
    /// Where each begins in the text.
    starts: Vec<usize>,
}

impl<'p> Joined<'p> {
    fn new(pieces: &'p [Span]) -> Self {
        let mut end = 0;
        let starts = pieces.iter().map(|piece| {
            end += piece.len();
            end - piece.len()
        });
        Self { starts: starts.collect(), pieces }
    }

    /// Where a byte of the text stands in the source.
    fn place(&self, offset: usize) -> Option<usize> {
        let at = self.starts.partition_point(|start| *start <= offset).checked_sub(1)?;
        Some(self.pieces.get(at)?.start + offset - self.starts.get(at)?)
    }

    /// From the first byte of a part of the text to its last.
    fn span(&self, part: &Range<usize>) -> Option<Span> {
        Some(Span::new(self.place(part.start)?, self.place(part.end.checked_sub(1)?)? + 1))
    }
}
