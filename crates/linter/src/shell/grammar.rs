//! The grammar of shell text, as far as it leads to its simple commands.
//!
//! Every function gives nothing when the text is no shell script; then nothing of it counts.

use std::ops::Range;

use super::word::RawWord;

/// How deep substitutions and compound commands may lie in each other.
const DEEPEST: usize = 60;

/// Words that end a list: what they belong to began before it.
const CLOSING: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

/// A simple command; places count in the text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawCommand {
    pub(super) assignments: Vec<RawWord>,
    pub(super) words: Vec<RawWord>,
}

/// What a text has in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawScript {
    pub(super) commands: Vec<RawCommand>,
    pub(super) pipes: Vec<Range<usize>>,
    /// Substitutions in backticks, those with them.
    pub(super) backticks: Vec<Range<usize>>,
}

/// Reads a whole text.
pub(super) fn read(text: &str) -> Option<RawScript> {
    let mut reader = Reader {
        text,
        end: text.len(),
        at: 0,
        depth: 0,
        heredocs: Vec::new(),
        found: RawScript::default(),
    };
    reader.list()?;
    reader.rest().is_empty().then_some(reader.found)
}

/// A text and how far it has been read.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// Where what is read ends: that of a backtick, inside of one.
    end: usize,
    pub(super) at: usize,
    depth: usize,
    /// Delimiters of heredocs whose text begins on the next line, and whether tabs go.
    heredocs: Vec<(String, bool)>,
    pub(super) found: RawScript,
}

impl<'t> Reader<'t> {
    pub(super) const fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    fn take(&mut self, text: &str) -> bool {
        let is_there = self.rest().starts_with(text);
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
    pub(super) fn inside(&mut self, part: Range<usize>) -> Option<()> {
        let (at, end) = (self.at, self.end);
        (self.at, self.end) = (part.start, part.end);
        let list = self.deeper(Self::list);
        let is_whole = self.rest().is_empty();
        (self.at, self.end) = (at, end);
        list.filter(|()| is_whole)
    }

    /// Reads a list and what closes it.
    pub(super) fn list_until(&mut self, close: char) -> Option<()> {
        self.deeper(Self::list)?;
        (self.next()? == close).then_some(())
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
            self.at += blank;
            if !self.take("\\\n") {
                break;
            }
        }
        if self.rest().starts_with('#') {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// Skips blanks, line ends and the heredocs behind them.
    pub(super) fn skip_blank_lines(&mut self) {
        self.skip_blanks();
        while self.take("\n") {
            self.skip_heredocs();
            self.skip_blanks();
        }
    }

    fn skip_heredocs(&mut self) {
        for (delimiter, without_tabs) in std::mem::take(&mut self.heredocs) {
            while !self.rest().is_empty() {
                let line = self.rest().split('\n').next().unwrap_or_default();
                self.at = (self.at + line.len() + 1).min(self.end);
                let line = if without_tabs { line.trim_start_matches('\t') } else { line };
                if line == delimiter {
                    break;
                }
            }
        }
    }

    /// Commands up to the end of the text or to what closes the list.
    fn list(&mut self) -> Option<()> {
        loop {
            self.skip_blank_lines();
            if self.is_closed() {
                return Some(());
            }
            self.pipeline()?;
            self.skip_blanks();
            let goes_on = self.take("&&") || self.take("||");
            if goes_on {
                self.skip_blank_lines();
                if self.is_closed() {
                    return None;
                }
            } else if !self.rest().starts_with(";;") && !self.take(";") && !self.take("&") {
                let at_end = self.rest().is_empty() || self.rest().starts_with(['\n', ')', ';']);
                // A compound command may be closed right behind another.
                if !at_end && !self.is_closed() {
                    return None;
                }
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.rest().is_empty()
            || self.rest().starts_with([')'])
            || self.rest().starts_with(";;")
            || CLOSING.iter().any(|word| self.is_at(word))
    }

    /// True if this word stands here, unquoted.
    fn is_at(&self, word: &str) -> bool {
        self.rest().strip_prefix(word).is_some_and(|behind| {
            behind.is_empty()
                || behind.starts_with([' ', '\t', '\n', '\r', ';', '&', '|', ')', '<', '>'])
        })
    }

    fn keyword(&mut self, word: &str) -> bool {
        let is_there = self.is_at(word);
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn pipeline(&mut self) -> Option<()> {
        while self.keyword("!") || self.keyword("time") {
            self.skip_blanks();
        }
        loop {
            self.deeper(Self::command)?;
            self.skip_blanks();
            let at = self.at;
            if self.rest().starts_with("||") || !self.take("|") {
                return Some(());
            }
            self.found.pipes.push(at..self.at);
            self.take("&");
            self.skip_blank_lines();
        }
    }

    fn command(&mut self) -> Option<()> {
        if self.rest().starts_with("((") && self.arithmetic().is_some() {
            return self.redirections();
        }
        if self.take("(") {
            self.list_until(')')?;
        } else if self.keyword("{") {
            self.list()?;
            self.close("}")?;
        } else if self.keyword("if") {
            self.branches()?;
        } else if self.keyword("while") || self.keyword("until") {
            self.list()?;
            self.body()?;
        } else if self.keyword("for") || self.keyword("select") {
            self.each()?;
        } else if self.keyword("case") {
            self.choices()?;
        } else if self.keyword("[[") {
            let end = self.rest().find("]]")?;
            self.at += end + 2;
        } else if self.keyword("function") {
            self.skip_blanks();
            self.word()?;
            self.skip_blanks();
            let _ = self.take("()");
            self.skip_blank_lines();
            return self.deeper(Self::command);
        } else {
            return self.simple();
        }
        self.redirections()
    }

    fn close(&mut self, word: &str) -> Option<()> {
        self.keyword(word).then_some(())
    }

    fn branches(&mut self) -> Option<()> {
        loop {
            self.list()?;
            self.close("then")?;
            self.list()?;
            if self.keyword("elif") {
                continue;
            }
            if self.keyword("else") {
                self.list()?;
            }
            return self.close("fi");
        }
    }

    fn body(&mut self) -> Option<()> {
        self.close("do")?;
        self.list()?;
        self.close("done")
    }

    fn each(&mut self) -> Option<()> {
        self.skip_blanks();
        if self.rest().starts_with("((") {
            self.arithmetic()?;
        } else {
            self.word()?;
            self.skip_blank_lines();
            if self.keyword("in") {
                loop {
                    self.skip_blanks();
                    let word = self.word()?;
                    if word.range.is_empty() {
                        break;
                    }
                }
            }
        }
        self.skip_blanks();
        self.take(";");
        self.skip_blank_lines();
        self.body()
    }

    fn choices(&mut self) -> Option<()> {
        self.skip_blanks();
        self.word()?;
        self.skip_blank_lines();
        self.close("in")?;
        loop {
            self.skip_blank_lines();
            if self.keyword("esac") {
                return Some(());
            }
            self.take("(");
            loop {
                self.skip_blanks();
                self.word()?;
                self.skip_blanks();
                if !self.take("|") {
                    break;
                }
            }
            (self.next()? == ')').then_some(())?;
            self.list()?;
            if !self.take(";;&") && !self.take(";;") {
                return self.close("esac");
            }
            self.take("&");
        }
    }

    fn redirections(&mut self) -> Option<()> {
        loop {
            self.skip_blanks();
            if !self.redirection()? {
                return Some(());
            }
        }
    }

    /// Reads a redirection if one is here.
    fn redirection(&mut self) -> Option<bool> {
        let start = self.at;
        let digits =
            self.rest().len() - self.rest().trim_start_matches(|c: char| c.is_ascii_digit()).len();
        self.at += digits;
        let operators = ["&>>", "&>", "<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">"];
        let operator = operators.into_iter().find(|operator| self.take(operator));
        let Some(operator) = operator else {
            self.at = start;
            return Some(false);
        };
        if matches!(operator, "<" | ">") && self.take("(") {
            self.list_until(')')?;
            return Some(true);
        }
        self.skip_blanks();
        if matches!(operator, "<" | ">") && (self.take("<(") || self.take(">(")) {
            self.list_until(')')?;
            return Some(true);
        }
        let word = self.word()?;
        if word.range.is_empty() {
            return None;
        }
        if matches!(operator, "<<" | "<<-") {
            self.heredocs.push((word.text, operator == "<<-"));
        }
        Some(true)
    }

    fn simple(&mut self) -> Option<()> {
        let mut command = RawCommand::default();
        loop {
            self.skip_blanks();
            if self.redirection()? {
                continue;
            }
            let word = self.word()?;
            if word.range.is_empty() {
                break;
            }
            if command.words.is_empty() && is_assignment(self.text.get(word.range.clone())?) {
                command.assignments.push(word);
                continue;
            }
            if command.words.is_empty() && word.is_bare && self.take("()") {
                self.skip_blank_lines();
                return self.deeper(Self::command);
            }
            command.words.push(word);
        }
        if self.rest().starts_with('(') {
            return None;
        }
        let is_empty = command.words.is_empty() && command.assignments.is_empty();
        // `;` and `&` with nothing in front of them; a redirection alone is a command.
        if is_empty && self.rest().starts_with([';', '&', '|']) {
            return None;
        }
        self.found.commands.push(command);
        Some(())
    }
}

/// True for `NAME=…` and `NAME+=…`.
fn is_assignment(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else { return false };
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split('[').next().unwrap_or(name);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_word)
}
