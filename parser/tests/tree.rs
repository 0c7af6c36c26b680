//! What the tree and its places promise beyond the cases of `testdata`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use lapstrake_parser::check::RuleSelection;
use lapstrake_parser::{
    CommandForm, DirectiveKind, Instruction, InstructionKind, LineIndex, Position, Severity,
    Source, Span, decode, parse, parse_bytes, parse_trigger,
};

/// Longest line BuildKit reads, without its line feed.
const LONGEST: usize = 65_535;

fn only(source: &str) -> Instruction {
    let parsed = parse(source);
    assert_eq!(parsed.diagnostics, []);
    parsed.dockerfile.instructions.into_iter().last().unwrap()
}

fn codes(source: &str) -> Vec<&'static str> {
    parse(source).diagnostics.into_iter().map(|one| one.code).collect()
}

#[test]
fn a_place_inside_a_word_is_found_across_continuations() {
    let source = "FROM a\nRUN echo ${a\\\n# gone\nb} c";
    let InstructionKind::Run(CommandForm::Shell(word)) = only(source).kind else { panic!() };
    assert_eq!(word.text, "echo ${ab} c");
    assert_eq!(&source[word.span_of(5..10).range()], "${a\\\n# gone\nb}");
    assert_eq!(&source[word.span_of(5..8).range()], "${a");
    assert_eq!(&source[word.span_of(8..12).range()], "b} c");
    let tail = word.skip(8);
    assert_eq!(&source[tail.span_of(0..2).range()], "b}");
    assert_eq!(word.skip(99).text, "");
}

#[test]
fn a_place_inside_a_json_string_is_found_across_escapes() {
    let source = "FROM a\nCOPY [\"x\\u0041\\n$b\", \"/\"]";
    let InstructionKind::Copy(transfer) = only(source).kind else { panic!() };
    let word = transfer.sources[0].word();
    assert_eq!(word.text, "xA\n$b");
    assert_eq!(&source[word.span().range()], "\"x\\u0041\\n$b\"");
    assert_eq!(&source[word.span_of(1..2).range()], "\\u0041");
    assert_eq!(&source[word.span_of(3..5).range()], "$b");
    assert_eq!(&source[word.span_of(2..4).range()], "\\n$");
}

#[test]
fn a_place_inside_a_flag_is_found_across_quotes() {
    let source = "FROM a\nCOPY --chown=user:\"/$x\\\" \"g a b";
    let flag = only(source).flags.remove(0);
    let value = flag.value.unwrap();
    assert_eq!(value.text, "user:/$x\" g");
    assert_eq!(&source[value.span_of(6..8).range()], "$x");
    assert_eq!(&source[flag.name.span.range()], "--chown");
}

#[test]
fn heredocs_are_found_by_their_sources() {
    let source = "FROM a\nCOPY <<A b <<B <<A /\n1\nA\n2\nB\n3\nA";
    let instruction = only(source);
    let InstructionKind::Copy(transfer) = &instruction.kind else { panic!() };
    let indexes = transfer.sources.iter().map(|source| match source {
        Source::Path(_) => None,
        Source::Heredoc { index, .. } => Some(*index),
    });
    let indexes: Vec<_> = indexes.into_iter().collect();
    assert_eq!(indexes, [Some(2), None, Some(1), Some(2)]);
    assert_eq!(&source[instruction.heredocs[1].marker.range()], "<<B");
    assert_eq!(instruction.span.end, source.len());
}

#[test]
fn stages_hold_what_is_behind_their_from() {
    let parsed = parse("ARG a\n# base is it\nFROM x AS Base\nRUN y\nFROM base\n");
    let stages = parsed.dockerfile.stages();
    assert_eq!(parsed.dockerfile.global_instructions().len(), 1);
    assert_eq!(stages.len(), 2);
    assert_eq!((stages[0].name().as_deref(), stages[0].instructions.len()), (Some("base"), 1));
    assert_eq!(stages[0].instruction.description("base"), Some("is it"));
    assert_eq!((stages[1].index, stages[1].instructions.len()), (1, 0));
}

#[test]
fn a_faulty_from_still_starts_a_stage() {
    assert_eq!(parse("FROM a\nFROM b as\nRUN c").dockerfile.stages().len(), 2);
    assert_eq!(codes("FROM\nRUN c"), ["missing-argument"]);
}

#[test]
fn lines_have_a_limit() {
    let line = |length: usize| format!("FROM a\nRUN {}\n", "x".repeat(length - 4));
    assert_eq!(codes(&line(LONGEST)), Vec::<&str>::new());
    assert_eq!(codes(&line(LONGEST + 1)), ["line-too-long"]);
    let joined = format!("FROM a\nRUN {}", "xxxxxxxxx \\\n".repeat(10_000));
    assert_eq!(codes(&joined), Vec::<&str>::new());
    let body = format!("FROM a\nRUN <<E\n{}\nE\n", "x".repeat(LONGEST + 1));
    assert_eq!(codes(&body), ["line-too-long"]);
}

#[test]
fn bytes_that_are_no_text_are_a_warning() {
    let (text, fault) = decode(b"FROM a\n# \xff\n");
    assert_eq!(text, "FROM a\n# \u{fffd}\n");
    assert_eq!(fault.map(|one| one.span), Some(Span::new(9, 12)));
    let parsed = parse_bytes(b"FROM a\n# \xff\n");
    assert_eq!(parsed.diagnostics[0].severity, Severity::Warning);
    assert_eq!(decode("é".as_bytes()).1, None);
}

#[test]
fn triggers_are_parsed_alone() {
    let (instruction, faults) = parse_trigger("COPY <<A /x\none\nA");
    assert_eq!(faults, []);
    assert_eq!(instruction.unwrap().heredocs[0].content, "one\n");
    assert_eq!(parse_trigger("RUN a\nRUN b").1[0].code, "forbidden-trigger");
    let InstructionKind::Onbuild(onbuild) = only("FROM a\nONBUILD COPY <<A /x\none\nA\n").kind
    else {
        panic!()
    };
    assert_eq!(onbuild.text, "COPY <<A /x\none\nA");
}

#[test]
fn columns_count_characters() {
    let index = LineIndex::new("aé\n😀b");
    let at = |offset| index.position(offset);
    assert_eq!(at(3), Position { line: 1, column: 3 });
    assert_eq!(at(8), Position { line: 2, column: 2 });
    assert_eq!(at(99), Position { line: 2, column: 3 });
}

#[test]
fn checks_above_an_instruction_belong_to_it() {
    let instruction = only("FROM a\n# check=skip=A\nRUN b");
    assert_eq!(instruction.comments()[0].value, "check=skip=A");
    assert_eq!(instruction.comments()[0].span, Span::new(9, 21));
}

#[test]
fn blank_lines_are_those_inside_of_an_instruction() {
    let places = |source: &str| only(source).blank_lines();
    let inside = [Span::new(16, 16), Span::new(17, 19)];
    assert_eq!(places("FROM a\n\nRUN b \\\n\n \t\r\n  c\n\n"), inside);
    // The end of the file ends the instruction.
    assert_eq!(places("FROM a\nRUN b \\\n\n"), [Span::new(15, 15)]);
    assert_eq!(places("FROM a\nRUN <<E\n\nE\n"), []);
}

#[test]
fn names_are_as_written_wherever_the_line_begins() {
    let name = |source: &str| {
        let instruction = only(source);
        let keyword = instruction.keyword();
        (keyword.value.to_owned(), keyword.span)
    };
    assert_eq!(name("FROM a\n  rUn b"), ("rUn".to_owned(), Span::new(9, 12)));
    assert_eq!(name("FROM a\n\\\n  CMD b"), ("CMD".to_owned(), Span::new(11, 14)));
    assert_eq!(name("FROM a\nC\\\nMD b"), ("CMD".to_owned(), Span::new(7, 12)));
}

/// What the directives of a file come to: the image of `syntax`, whether all checks are off, and the
/// escape character.
fn directives(source: &str) -> (Option<String>, bool, char) {
    let file = parse(source).dockerfile;
    let skips_all = file.directives.iter().any(|directive| match &directive.kind {
        DirectiveKind::Check(options) => options.skip == RuleSelection::All,
        _ => false,
    });
    (file.syntax().map(|image| image.value.to_string()), skips_all, file.escape)
}

#[test]
fn directives_hold_behind_an_interpreter_but_for_the_escape_character() {
    let all = "# escape=`\n# syntax=docker/dockerfile:1 old\n# check=skip=all for now\nFROM a\n";
    let syntax = || Some("docker/dockerfile:1 old".to_owned());
    assert_eq!(directives(all), (syntax(), true, '`'));
    let script = format!("#!/usr/bin/env lap\n{all}");
    assert_eq!(directives(&script), (syntax(), true, '\\'));
    // There they are comments all the same.
    assert_eq!(parse(&script).dockerfile.instructions[0].comments().len(), 4);
    assert_eq!(directives(&format!("# x\n{all}")), (None, false, '\\'));
}

#[test]
fn what_is_behind_a_blank_is_no_part_of_a_check() {
    let faults = |source: &str| parse(source).diagnostics.len();
    assert_eq!(faults("# check=skip=A because; of=that\nFROM a\n"), 0);
    assert_eq!(faults("# check=skip=A;wat=1\nFROM a\n"), 1);
}

#[test]
fn a_file_for_another_frontend_says_so() {
    for source in [
        "# syntax=a/b:1\nFROM a\n",
        "// syntax=a/b:1\nFROM a\n",
        "{\"syntax\": \"a/b:1\"}",
        "#!/bin/x\n#syntax=a/b:1\nFROM a\n",
    ] {
        let faults = parse(source).diagnostics;
        let warning = faults.iter().find(|fault| fault.code == "foreign-syntax").unwrap();
        assert!(source[warning.span.range()].starts_with("a/b:1"), "{source}");
    }
    let own = "# syntax=mirror.example:5000/docker/dockerfile:1\n// syntax=a/b\nFROM a\n";
    assert!(parse(own).diagnostics.iter().all(|fault| fault.code != "foreign-syntax"));
}
