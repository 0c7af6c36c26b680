//! ENV, LABEL and ARG (A8.1, A9).

use super::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::fragment::Fragment;
use crate::instruction::{ArgDeclaration, KeyValue};
use crate::split;

impl<'l> Statement<'l> {
    /// `key=value…`, or the legacy form `key value` if the first word has no `=`.
    pub(super) fn key_values(&self, context: &mut Context) -> Option<Vec<KeyValue>> {
        let words = split::quoted_words(self.head.rest, context.escape);
        let Some(first) = words.first() else {
            let help = format!("write it like `{} key=value`", self.keyword.name());
            context.fault(self.missing("sets nothing").with_help(help));
            return None;
        };
        if !first.as_str().contains('=') {
            return self.legacy(context).map(|pair| vec![pair]);
        }
        let pairs: Vec<_> = words.iter().filter_map(|word| self.pair(*word, context)).collect();
        Some(pairs)
    }

    pub(super) fn declarations(&self, context: &mut Context) -> Option<Vec<ArgDeclaration>> {
        let words = split::quoted_words(self.head.rest, context.escape);
        if words.is_empty() {
            context.fault(self.missing("declares nothing").with_help("write it like `ARG name`"));
            return None;
        }
        Some(words.iter().filter_map(|word| self.declaration(*word, context)).collect())
    }

    fn legacy(&self, context: &mut Context) -> Option<KeyValue> {
        let (key, value) = split::first_word(self.head.rest);
        let Some(value) = value else {
            let name = self.keyword.name();
            let help = format!("write `{name} {}=value`", key.as_str());
            let fault = Diagnostic::error(
                "missing-argument",
                key.span(),
                format!("{name} gives `{}` no value", key.as_str()),
            );
            context.syntax_fault(fault.with_help(help));
            return None;
        };
        Some(KeyValue { key: key.word(), value: value.word(), legacy: true })
    }

    fn pair(&self, word: Fragment<'l>, context: &mut Context) -> Option<KeyValue> {
        let Some(at) = word.as_str().find('=') else {
            context.syntax_fault(self.no_equals(word));
            return None;
        };
        let (key, value) = self.halves(word, at, context)?;
        Some(KeyValue { key: key.word(), value: value.word(), legacy: false })
    }

    fn declaration(&self, word: Fragment<'l>, context: &mut Context) -> Option<ArgDeclaration> {
        let Some(at) = word.as_str().find('=') else {
            return Some(ArgDeclaration { name: word.word(), value: None });
        };
        let (name, value) = self.halves(word, at, context)?;
        Some(ArgDeclaration { name: name.word(), value: Some(value.word()) })
    }

    /// What is on both sides of the `=` at `at`. Nothing in front of it is a fault.
    fn halves(
        &self,
        word: Fragment<'l>,
        at: usize,
        context: &mut Context,
    ) -> Option<(Fragment<'l>, Fragment<'l>)> {
        let (key, behind) = word.split_at(at);
        if key.is_empty() {
            let message = format!("{} has a value without a name", self.keyword.name());
            let fault = Diagnostic::error("blank-name", word.span(), message);
            context.fault(fault.with_help("there must be no blank in front of `=`"));
            return None;
        }
        Some((key, behind.split_at(1).1))
    }

    fn no_equals(&self, word: Fragment<'_>) -> Diagnostic {
        let message = format!("`{}` is not of the form `name=value`", word.as_str());
        Diagnostic::error("invalid-key-value", word.span(), message)
            .with_help("put a value with blanks in double quotes")
    }
}
