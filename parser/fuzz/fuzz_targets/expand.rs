//! Words: errors lie in the word, and so does what was named. The first line is the value of `a`.
#![no_main]

use lapstrake_parser::{ExpandError, Expander, Reference};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (value, word) = text.split_once('\n').unwrap_or(("", text));
    let variables = |name: &str| (name == "a").then(|| value.to_owned());
    let expanders = [
        Expander::new('\\'),
        Expander::new('`'),
        Expander::heredoc_body(),
        Expander::step_name('\\'),
    ];
    for expander in expanders {
        match expander.expand(word, &variables) {
            Ok(expanded) => are_inside(word, expanded.used.iter().chain(&expanded.undefined)),
            Err(error) => is_inside(word, &error),
        }
        match expander.expand_words(word, &variables) {
            Ok(expanded) => {
                are_inside(word, expanded.used.iter().chain(&expanded.undefined));
                for one in &expanded.words {
                    assert!(!one.text.is_empty() && word.get(one.range.clone()).is_some());
                }
            }
            Err(error) => is_inside(word, &error),
        }
    }
});

fn is_inside(word: &str, error: &ExpandError) {
    assert!(word.get(error.range.clone()).is_some(), "{error:?}");
}

fn are_inside<'r>(word: &str, references: impl Iterator<Item = &'r Reference>) {
    for reference in references {
        let named = word.get(reference.range.clone());
        assert!(named.is_some_and(|text| text.contains(&reference.name)), "{reference:?}");
    }
}
