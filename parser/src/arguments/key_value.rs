//! ENV, LABEL and ARG (A8.1, A9).

use super::{Context, Statement};
use crate::diagnostic::{Diagnostic, Fix};
use crate::fragment::Fragment;
use crate::instruction::{ArgDeclaration, Few, KeyValue};
use crate::split;

impl<'l> Statement<'l> {
    /// `key=value…`, or the legacy form `key value` if the first word has no `=`.
    pub(super) fn key_values(&self, context: &mut Context) -> Option<Few<KeyValue>> {
        let mut pairs = Few::new();
        for word in split::quoted_words(self.head.rest, context.escape) {
            match pair(word) {
                Some(pair) => pairs.push(pair),
                None if pairs.is_empty() && !word.as_str().starts_with('=') => {
                    return self.legacy(context).map(|pair| Few::from([pair]));
                }
                None => return self.faulty_pairs(context),
            }
        }
        if pairs.is_empty() {
            let help = format!("write it like `{} key=value`", self.keyword.name());
            context.fault(self.missing("sets nothing").with_help(help));
            return None;
        }
        Some(pairs)
    }

    pub(super) fn declarations(&self, context: &mut Context) -> Option<Few<ArgDeclaration>> {
        if self.head.rest.is_empty() {
            context.fault(self.missing("declares nothing").with_help("write it like `ARG name`"));
            return None;
        }
        let mut declarations = Few::new();
        for word in split::quoted_words(self.head.rest, context.escape) {
            declarations.extend(self.declaration(word, context));
        }
        Some(declarations)
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

    /// The pairs among words of which one at least is none, and a fault for each of those.
    #[cold]
    fn faulty_pairs(&self, context: &mut Context) -> Option<Few<KeyValue>> {
        let words: Vec<_> = split::quoted_words(self.head.rest, context.escape).collect();
        if let Some(fault) = cut_variable(&words) {
            context.syntax_fault(fault);
            return None;
        }
        let mut before = None;
        let mut left = words.as_slice();
        while let [word, behind @ ..] = left {
            left = behind;
            match word.split_once(b'=') {
                None => match spaced_equals(*word, behind) {
                    Some((fault, unread)) => {
                        context.syntax_fault(fault);
                        left = unread;
                    }
                    None => context.syntax_fault(no_equals(*word, before)),
                },
                Some((key, _)) if key.is_empty() => context.fault(self.blank_name(*word)),
                Some(_) => {}
            }
            before = Some(word);
        }
        Some(words.iter().filter_map(|word| pair(*word)).collect())
    }

    fn declaration(&self, word: Fragment<'l>, context: &mut Context) -> Option<ArgDeclaration> {
        let Some((name, value)) = word.split_once(b'=') else {
            return Some(ArgDeclaration { name: word.word(), value: None });
        };
        if name.is_empty() {
            context.fault(self.blank_name(word));
            return None;
        }
        Some(ArgDeclaration { name: name.word(), value: Some(value.word()) })
    }

    /// The fault of a pair with nothing in front of the `=`.
    #[cold]
    fn blank_name(&self, pair: Fragment<'_>) -> Diagnostic {
        let message = format!("{} has a value without a name", self.keyword.name());
        Diagnostic::error("blank-name", pair.span(), message)
            .with_help("put the name in front of `=`, with no blank between")
    }
}

/// A pair, if the word is one.
fn pair(word: Fragment<'_>) -> Option<KeyValue> {
    let (key, value) = word.split_once(b'=')?;
    let pair = || KeyValue { key: key.word(), value: value.word(), legacy: false };
    (!key.is_empty()).then(pair)
}

/// The fault of a value that ends at a blank in the middle of `${…}`, if there is one.
fn cut_variable(words: &[Fragment<'_>]) -> Option<Diagnostic> {
    let is_open = |text: &str| {
        let open = text.rfind("${").filter(|open| text.rfind('}').is_none_or(|end| end < *open));
        open.is_some() && !text.contains(['"', '\''])
    };
    let at = words.iter().position(|word| is_open(word.as_str()))?;
    let behind = words.get(at + 1..)?;
    let end = behind.iter().position(|word| word.as_str().contains('}'))?;
    let cut = behind.get(..=end)?;
    if cut.iter().all(|word| word.as_str().contains('=')) {
        return None;
    }
    let whole = words.get(at)?.up_to(cut.last()?);
    let (name, value) = whole.as_str().split_once('=')?;
    let mended = format!("{name}=\"{value}\"");
    let message = format!("the value of `{name}` ends at the blank in `${{…}}`");
    let fault = Diagnostic::error("invalid-key-value", whole.span(), message)
        .with_help(format!("put it in double quotes: `{mended}`"));
    Some(match value.contains('"') {
        true => fault,
        false => fault.with_fix(Fix::guess(whole.span(), mended)),
    })
}

/// The fault of `name = value` or `name =value`, and the words behind it.
fn spaced_equals<'w, 'l>(
    name: Fragment<'l>,
    behind: &'w [Fragment<'l>],
) -> Option<(Diagnostic, &'w [Fragment<'l>])> {
    let (second, rest) = behind.split_first()?;
    let (value, last, unread) = match (second.as_str().strip_prefix('=')?, rest) {
        ("", [value, unread @ ..]) if !value.as_str().contains('=') => {
            (value.as_str(), value, unread)
        }
        (value, _) => (value, second, rest),
    };
    let whole = name.span().cover(last.span());
    let mended = format!("{}={value}", name.as_str());
    let message = format!("`{}` is cut off from its value by blanks", name.as_str());
    let fault = Diagnostic::error("invalid-key-value", whole, message)
        .with_help(format!("take the blanks around `=` out: `{mended}`"))
        .with_fix(Fix::guess(whole, mended));
    Some((fault, unread))
}

/// The fault of a word without `=` among others that have one. Mostly it belongs to the value in
/// front of it.
fn no_equals(word: Fragment<'_>, before: Option<&Fragment<'_>>) -> Diagnostic {
    let message = format!("`{}` is not of the form `name=value`", word.as_str());
    let fault = Diagnostic::error("invalid-key-value", word.span(), message);
    let is_plain = |text: &str| !text.contains(['"', '\'', '\\', '`', '$']);
    let pair = before.and_then(|before| before.as_str().split_once('=').zip(Some(before.span())));
    match pair {
        Some(((name, ""), span)) if !name.is_empty() => {
            let whole = format!("{name}={}", word.as_str());
            fault
                .with_help(format!("take the blank behind `=` out: `{whole}`"))
                .with_fix(Fix::guess(span.cover(word.span()), whole))
        }
        Some(((name, value), span))
            if !name.is_empty() && is_plain(value) && is_plain(word.as_str()) =>
        {
            let whole = format!("{name}=\"{value} {}\"", word.as_str());
            fault
                .with_help(format!("put a value with blanks in double quotes: `{whole}`"))
                .with_fix(Fix::guess(span.cover(word.span()), whole))
        }
        _ => fault.with_help("put a value with blanks in double quotes"),
    }
}
