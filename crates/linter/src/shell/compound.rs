//! Compound commands and redirections.

use smallvec::SmallVec;

use super::grammar::{Awaited, Reader};
use super::piece::{Piece, PieceKind};
use super::tree::{List, Node, NodeKind, Redirection};
use super::word::ShellWord;

impl Reader<'_> {
    /// Reads a command with its redirections.
    pub(super) fn node(&mut self) -> Option<Node> {
        if !self.may_be_compound() {
            return self.simple();
        }
        let start = self.at;
        let kind = if let Some(pieces) = self.arithmetic_command() {
            NodeKind::Arithmetic(pieces?)
        } else if self.take("(") {
            NodeKind::Subshell(self.list_until(')')?)
        } else if self.keyword("{") {
            let list = self.list()?;
            self.close("}")?;
            NodeKind::Group(list)
        } else if self.keyword("if") {
            self.branches()?
        } else if self.keyword("while") || self.keyword("until") {
            NodeKind::While { condition: self.list()?, body: self.body()? }
        } else if self.keyword("for") || self.keyword("select") {
            self.each()?
        } else if self.keyword("case") {
            self.choices()?
        } else if self.keyword("[[") {
            NodeKind::Test(self.test()?)
        } else if self.keyword("function") {
            self.skip_blanks();
            let name = self.word()?.word.text;
            self.parentheses();
            self.skip_blank_lines()?;
            NodeKind::Function { name, body: Box::new(self.deeper(Self::node)?) }
        } else {
            return self.simple();
        };
        let span = self.since(start);
        Some(Node { kind, span, redirections: self.redirections()? })
    }

    /// False for most simple commands, by their first byte.
    fn may_be_compound(&self) -> bool {
        let first = [b'(', b'{', b'[', b'c', b'f', b'i', b's', b'u', b'w'];
        self.byte().is_some_and(|byte| first.contains(&byte))
    }

    /// `((…))` if that is what stands here; nothing in it if it cannot be read.
    fn arithmetic_command(&mut self) -> Option<Option<Vec<Piece>>> {
        if !self.rest().starts_with("((") {
            return None;
        }
        let range = self.arithmetic_range()?;
        Some(self.arithmetic(range))
    }

    fn close(&mut self, word: &str) -> Option<()> {
        self.keyword(word).then_some(())
    }

    fn branches(&mut self) -> Option<NodeKind> {
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            let condition = self.list()?;
            self.close("then")?;
            branches.push((condition, self.list()?));
            if self.keyword("elif") {
                continue;
            }
            if self.keyword("else") {
                otherwise = Some(self.list()?);
            }
            self.close("fi")?;
            return Some(NodeKind::If { branches, otherwise });
        }
    }

    fn body(&mut self) -> Option<List> {
        self.close("do")?;
        let list = self.list()?;
        self.close("done")?;
        Some(list)
    }

    fn each(&mut self) -> Option<NodeKind> {
        self.skip_blanks();
        if let Some(head) = self.arithmetic_command() {
            let head = head?;
            self.before_body()?;
            return Some(NodeKind::Count { head, body: self.body()? });
        }
        let name = self.word()?.word;
        self.skip_blank_lines()?;
        let mut words = None;
        if self.keyword("in") {
            words = Some(self.words()?);
        }
        self.before_body()?;
        Some(NodeKind::For { name, words, body: self.body()? })
    }

    fn before_body(&mut self) -> Option<()> {
        self.skip_blanks();
        self.take(";");
        self.skip_blank_lines()
    }

    /// Words up to what is none.
    fn words(&mut self) -> Option<Vec<ShellWord>> {
        let mut words = Vec::new();
        loop {
            self.skip_blanks();
            let start = self.at;
            let word = self.word()?.word;
            if self.at == start {
                return Some(words);
            }
            words.push(word);
        }
    }

    fn choices(&mut self) -> Option<NodeKind> {
        self.skip_blanks();
        let subject = self.word()?.word;
        self.skip_blank_lines()?;
        self.close("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_blank_lines()?;
            if self.keyword("esac") {
                return Some(NodeKind::Case { subject, arms });
            }
            self.take("(");
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks();
                patterns.push(self.word()?.word);
                self.skip_blanks();
                if !self.take("|") {
                    break;
                }
            }
            (self.next()? == ')').then_some(())?;
            arms.push((patterns, self.list()?));
            if !self.take(";;&") && !self.take(";;") {
                self.close("esac")?;
                return Some(NodeKind::Case { subject, arms });
            }
            self.take("&");
        }
    }

    /// Behind `[[`, up to behind `]]`: operators are words.
    fn test(&mut self) -> Option<Vec<ShellWord>> {
        let mut words = Vec::new();
        let mut is_pattern = false;
        loop {
            self.skip_blank_lines()?;
            if self.keyword("]]") {
                return Some(words);
            }
            let start = self.at;
            let operators = ["&&", "||", "(", ")", "<", ">"];
            if !is_pattern && operators.into_iter().any(|operator| self.take(operator)) {
                let text = self.slice(start..self.at).to_owned();
                words.push(ShellWord::bare(text, self.since(start)));
                continue;
            }
            let word = if is_pattern { self.regular_expression()? } else { self.word()?.word };
            if self.at == start {
                return None;
            }
            is_pattern = word.text == "=~";
            words.push(word);
        }
    }

    /// What stands behind `=~`: brackets and `|` belong to it.
    fn regular_expression(&mut self) -> Option<ShellWord> {
        let start = self.at;
        let mut depth = 0_usize;
        let mut pieces = SmallVec::<[Piece; 1]>::new();
        loop {
            let begin = self.at;
            let word = self.word()?.word;
            pieces.extend(word.pieces);
            if self.at > begin {
                continue;
            }
            match self.peek()? {
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1)?,
                '|' | '<' | '>' | '&' | ';' => {}
                _ if depth > 0 => {}
                _ => break,
            }
            self.next();
        }
        let text = self.slice(start..self.at).to_owned();
        let is_literal = pieces.iter().all(|piece| matches!(piece.kind, PieceKind::Literal(_)));
        Some(ShellWord { text, span: self.since(start), is_literal, pieces })
    }

    fn redirections(&mut self) -> Option<Vec<Redirection>> {
        let mut all = Vec::new();
        loop {
            self.skip_blanks();
            match self.redirection()? {
                Some(one) => all.push(one),
                None => return Some(all),
            }
        }
    }

    /// Reads a redirection if one is here.
    pub(super) fn redirection(&mut self) -> Option<Option<Redirection>> {
        let start = self.at;
        self.at += self.bytes().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = self.at - start;
        if !matches!(self.byte(), Some(b'<' | b'>' | b'&')) {
            self.at = start;
            return Some(None);
        }
        let is_process = digits == 0 && self.is_process();
        let operators = ["&>>", "&>", "<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">"];
        // In front of `&>` a number is an argument.
        let may_be = |operator: &str| !is_process && (digits == 0 || !operator.starts_with("&>"));
        let operator = operators.into_iter().find(|one| may_be(one) && self.take(one));
        let Some(operator) = operator else {
            self.at = start;
            return Some(None);
        };
        self.skip_blanks();
        let begin = self.at;
        let raw = self.word()?;
        if self.at == begin {
            return None;
        }
        if matches!(operator, "<<" | "<<-") {
            let delimiter = raw.word.text.clone();
            let (without_tabs, expands) = (operator == "<<-", raw.is_bare);
            self.heredocs.push(Awaited { delimiter, without_tabs, expands });
        }
        Some(Some(Redirection { operator, span: self.since(start), target: raw.word }))
    }

    /// Reads the heredocs that begin here.
    pub(super) fn read_heredocs(&mut self) -> Option<()> {
        for awaited in std::mem::take(&mut self.heredocs) {
            let start = self.at;
            let mut end = start;
            while !self.rest().is_empty() {
                end = self.at;
                let line = self.rest().split('\n').next().unwrap_or_default();
                self.at = (self.at + line.len() + 1).min(self.end);
                let line = if awaited.without_tabs { line.trim_start_matches('\t') } else { line };
                if line == awaited.delimiter {
                    break;
                }
                end = self.at;
            }
            if awaited.expands {
                let pieces = self.inside(start..end, |reader| reader.quoted_pieces(None))?;
                self.found.heredocs.push(pieces);
            }
        }
        Some(())
    }
}
