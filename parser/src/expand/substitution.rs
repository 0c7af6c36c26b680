//! Variables: `$name`, `${name}`, and `${name` with a modifier.

use crate::expand::fault::SUBSTITUTION;
use crate::expand::machine::{Frame, Machine, Modifier, Substitution};
use crate::expand::pattern::Pattern;
use crate::expand::{ExpandError, Reference, Variables};
use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::{one_of, satisfy};
use nom::combinator::recognize;
use nom::sequence::pair;
use nom::{IResult, Parser};
use std::ops::Range;

impl<V: Variables> Machine<'_, V> {
    /// `$name`, `${name}`, or the start of `${name` and a modifier.
    pub(super) fn dollar(&mut self) -> Result<(), ExpandError> {
        let open = self.at;
        self.at += 1;
        if self.peek() == Some('{') {
            self.at += 1;
            return self.braces(open);
        }
        let name = self.name();
        if name.is_empty() {
            self.output.push('$');
        } else {
            let value = self.lookup(&name, open..name.end);
            self.push_value(value, open);
        }
        self.emit(open, false);
        Ok(())
    }

    fn braces(&mut self, open: usize) -> Result<(), ExpandError> {
        match self.peek() {
            None => return Err(self.missing_brace(open)),
            Some('{' | '}' | ':') => return Err(self.bad_substitution(open)),
            Some(_) => {}
        }
        let name = self.name();
        let modifier_at = self.at;
        let Some(kind) = self.take() else { return Err(self.missing_brace(open)) };
        match kind {
            '}' => {
                let value = self.lookup(&name, open..self.at);
                self.push_value(value, open);
                self.emit(open, false);
                Ok(())
            }
            _ if name.is_empty() => Err(self.bad_substitution(open)),
            ':' => match self.take() {
                None => Err(self.missing_brace(open)),
                Some('#' | '%' | '}') => Err(self.unsupported(modifier_at)),
                Some(kind) => {
                    self.open(open, name, Modifier { kind, colon: true, all: false });
                    Ok(())
                }
            },
            '+' | '-' | '?' | '#' | '%' => {
                self.open(open, name, Modifier { kind, colon: false, all: false });
                Ok(())
            }
            '/' => {
                let all = self.peek() == Some('/');
                self.at += usize::from(all);
                self.open(open, name, Modifier { kind, colon: false, all });
                Ok(())
            }
            _ => Err(self.unsupported(modifier_at)),
        }
    }

    fn open(&mut self, open: usize, name: Range<usize>, modifier: Modifier) {
        let value = self.lookup(&name, open..self.at);
        let kept = value.is_none() && self.expander.keep_undefined;
        if kept {
            self.output.push_str(self.input.get(open..self.at).unwrap_or(""));
        }
        let start = self.output.len();
        let pattern = None;
        let frame = Substitution { open, name, modifier, value, start, pattern, kept };
        self.frames.push(Frame::Substitution(frame));
    }

    /// The end of a word or pattern is reached: `}`, or the second `/` of `${v/p/r}`.
    pub(super) fn close_part(&mut self) -> Result<(), ExpandError> {
        if self.stop() == Some('/') {
            if let Some(Frame::Substitution(open)) = self.frames.last_mut() {
                open.pattern = Some(if open.kept {
                    self.output.push('/');
                    String::new()
                } else {
                    self.output.split_off(open.start)
                });
            }
            return Ok(());
        }
        let Some(Frame::Substitution(closed)) = self.frames.pop() else { return Ok(()) };
        self.close(&closed)?;
        self.emit(closed.open, false);
        Ok(())
    }

    fn close(&mut self, closed: &Substitution) -> Result<(), ExpandError> {
        if closed.kept {
            self.output.push('}');
            return Ok(());
        }
        let set = match &closed.value {
            Some(value) => !(closed.modifier.colon && value.is_empty()),
            None => false,
        };
        match closed.modifier.kind {
            '-' if !set => {}
            '+' if set => {}
            '-' => self.replace(closed, closed.value.as_deref()),
            '+' => self.replace(closed, None),
            '?' if set => self.replace(closed, closed.value.as_deref()),
            '?' => return Err(self.required(closed)),
            '#' | '%' | '/' => return self.edit(closed),
            _ => return Err(self.unsupported(closed.name.end)),
        }
        Ok(())
    }

    /// Replaces what the output got since the substitution started.
    fn replace(&mut self, closed: &Substitution, text: Option<&str>) {
        let text = text.unwrap_or("");
        self.output.truncate(closed.start);
        self.output.push_str(text);
        self.filled_in = self.filled_in.saturating_add(text.len());
    }

    /// Takes away or replaces what a pattern matches.
    fn edit(&mut self, closed: &Substitution) -> Result<(), ExpandError> {
        let word = self.output.get(closed.start..).unwrap_or("");
        let value = closed.value.as_deref().unwrap_or("");
        let kind = closed.modifier.kind;
        let longest = word.starts_with(kind);
        let text = match (kind, &closed.pattern) {
            ('/', Some(pattern)) => match Pattern::new(pattern) {
                Ok(pattern) => {
                    let most = self.most().max(value.len());
                    let text = pattern.replace(value, (word, closed.modifier.all), most);
                    Ok(text.ok_or_else(|| self.too_long())?)
                }
                Err(message) => Err(message),
            },
            _ => {
                let pattern = if longest { word.get(1..).unwrap_or("") } else { word };
                Pattern::new(pattern).map(|pattern| match kind {
                    '#' => pattern.without_prefix(value, longest),
                    _ => pattern.without_suffix(value, longest),
                })
            }
        };
        match text {
            Ok(text) => {
                self.replace(closed, Some(&text));
                Ok(())
            }
            Err(message) => Err(ExpandError {
                code: SUBSTITUTION,
                message,
                range: closed.open..self.at,
                hint: Some("a pattern knows `*`, `?`, `\\*`, `\\?`, `\\\\`, `\\}` and `\\/`"),
                variable: None,
            }),
        }
    }

    /// Reads a name; its range is empty if there is none.
    fn name(&mut self) -> Range<usize> {
        let start = self.at;
        let length = name(self.rest()).map_or(0, |(_, name)| name.len());
        self.at += length;
        start..self.at
    }

    fn lookup(&mut self, name: &Range<usize>, range: Range<usize>) -> Option<String> {
        let name = self.input.get(name.clone()).unwrap_or("");
        let value = self.variables.lookup(name);
        let list = if value.is_some() { &mut self.used } else { &mut self.undefined };
        list.push(Reference { name: name.to_owned(), range });
        value
    }

    /// Writes the value of a variable that was named from `open` up to here.
    fn push_value(&mut self, value: Option<String>, open: usize) {
        match value {
            Some(value) => {
                self.output.push_str(&value);
                self.filled_in = self.filled_in.saturating_add(value.len());
            }
            None if self.expander.keep_undefined => {
                self.output.push_str(self.input.get(open..self.at).unwrap_or(""));
            }
            None => {}
        }
    }
}

/// The name of a variable: a word, a number, or a special parameter of the shell. The latter two
/// are never set.
fn name(text: &str) -> IResult<&str, &str> {
    let number = take_while1(|c: char| c.is_ascii_digit());
    let special = recognize(one_of("@*#?-$!"));
    let first = satisfy(|c| c.is_alphabetic() || c == '_');
    let rest = take_while(|c: char| c.is_alphabetic() || c.is_ascii_digit() || c == '_');
    alt((number, special, recognize(pair(first, rest)))).parse(text)
}
