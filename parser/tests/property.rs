//! What holds for any text: no panic, and every place lies in the file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::mode::Mode;
use lapstrake_parser::mount::Mount;
use lapstrake_parser::{
    Expander, Instruction, InstructionKind, Parsed, Source, Span, Word, duration, expand,
    expand_words, glob, parse, parse_bytes, parse_trigger,
};
use proptest::prelude::*;

/// Texts made of what matters in a Dockerfile, so that random ones get far.
fn dockerfile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "FROM ",
        "RUN ",
        "COPY ",
        "ADD ",
        "ENV ",
        "ARG ",
        "LABEL ",
        "ONBUILD ",
        "HEALTHCHECK ",
        "CMD ",
        "SHELL ",
        "VOLUME ",
        "EXPOSE ",
        "AS ",
        "scratch",
        "a=b",
        "--from=",
        "--mount=",
        "--link",
        "<<EOF",
        "<<-'x y'",
        "EOF\n",
        "\n",
        "\r\n",
        "\\\n",
        "\\",
        "`",
        "\"",
        "'",
        "[",
        "]",
        ",",
        "{",
        "}",
        "$",
        "${a:-",
        "# escape=`\n",
        "# c\n",
        " ",
        "\t",
        "é",
        "\u{a0}",
        "\u{feff}",
        "😀",
        "\\u00e9",
        "\\ud83d",
        "x",
        "/",
        "*",
        "1",
        "NONE ",
        "CMD",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn check(source: &str, parsed: &Parsed) {
    for one in &parsed.diagnostics {
        inside(source, one.span);
        one.labels.iter().for_each(|(span, _)| inside(source, *span));
        if let Some(fix) = &one.fix {
            assert!(fix.apply(source).is_some(), "{fix:?} is not for {source:?}");
        }
    }
    assert!(parsed.diagnostics.is_sorted_by_key(|one| one.span), "not in file order");
    for instruction in &parsed.dockerfile.instructions {
        check_instruction(source, instruction);
    }
}

fn check_instruction(source: &str, instruction: &Instruction) {
    inside(source, instruction.span);
    inside(source, instruction.keyword.span);
    for flag in &instruction.flags {
        inside(source, flag.span);
        flag.value.iter().for_each(|word| check_word(source, word));
    }
    for heredoc in &instruction.heredocs {
        assert_eq!(&source[heredoc.body.range()], heredoc.content.as_str());
        inside(source, heredoc.marker);
        inside(source, heredoc.delimiter);
    }
    match &instruction.kind {
        InstructionKind::From(from) => check_word(source, &from.image),
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
            transfer.sources.iter().map(Source::word).for_each(|word| check_word(source, word));
            check_word(source, &transfer.destination);
        }
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            pairs.iter().for_each(|pair| check_word(source, &pair.value));
        }
        InstructionKind::Run(form) => match form {
            lapstrake_parser::CommandForm::Shell(word) => check_word(source, word),
            lapstrake_parser::CommandForm::Exec(words) => {
                words.iter().for_each(|word| check_word(source, word));
            }
        },
        InstructionKind::Onbuild(onbuild) => {
            onbuild.instruction.iter().for_each(|one| check_instruction(source, one));
        }
        _ => {}
    }
}

/// A character that stands for itself is found at its place.
fn check_word(source: &str, word: &Word) {
    inside(source, word.span);
    for (at, c) in word.text.char_indices() {
        let span = word.span_of(at..at + c.len_utf8());
        inside(source, span);
        let written = &source[span.range()];
        assert!(written.starts_with(c) || written.starts_with('\\'), "{c:?} is not {written:?}");
    }
}

fn inside(source: &str, span: Span) {
    assert!(span.start <= span.end, "{span:?} ends before it starts");
    assert!(source.get(span.range()).is_some(), "{span:?} is not in the file");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_parsed(source in any::<String>()) {
        check(&source, &parse(&source));
    }

    #[test]
    fn any_likely_text_is_parsed(source in dockerfile()) {
        check(&source, &parse(&source));
        parse_trigger(&source);
    }

    #[test]
    fn any_bytes_are_parsed(source in any::<Vec<u8>>()) {
        parse_bytes(&source);
    }

    #[test]
    fn any_word_is_expanded(word in "([$\"'\\\\`{}:+#%/?*<a é-]|\\$\\{a[-+?#%/:])*", value in any::<String>()) {
        let variables = |name: &str| (name == "a").then(|| value.clone());
        for escape in ['\\', '`'] {
            let error = expand(&word, &variables, escape).err();
            let words_error = expand_words(&word, &variables, escape).err();
            for error in error.into_iter().chain(words_error) {
                prop_assert!(word.get(error.range).is_some());
            }
            Expander::heredoc_body().expand(&word, &variables).ok();
            Expander::step_name(escape).expand(&word, &variables).ok();
        }
    }

    #[test]
    fn plain_words_expand_to_themselves(word in "[a-z/.=,@ -]*") {
        let expanded = expand(&word, &|_: &str| None, '\\');
        prop_assert_eq!(expanded.map(|one| one.text), Ok(word));
    }

    #[test]
    fn any_value_is_read(text in any::<String>()) {
        Mode::parse(&text).ok();
        duration::parse(&text).ok();
        lapstrake_parser::port::parse_port(&text).ok();
        lapstrake_parser::signal::parse_signal(&text).ok();
        if let Err(error) = Mount::parse(&text, |word| Ok(word.to_owned())) {
            prop_assert!(text.get(error.range).is_some());
        }
    }

    #[test]
    fn any_pattern_is_matched(pattern in "[a/*?\\[\\]!^\\\\.é-]*", path in "[a/.é]*") {
        glob::matches(pattern.as_bytes(), path.as_bytes()).ok();
        if let Ok(file) = IgnoreFile::parse(pattern.as_bytes()) {
            let below = format!("{path}/a");
            if file.can_prune(path.as_bytes()) {
                prop_assert!(file.matches(below.as_bytes()));
            }
        }
    }
}
