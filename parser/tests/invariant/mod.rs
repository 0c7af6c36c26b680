//! What is true of whatever a text is parsed to. Each function panics where it is not.
//!
//! The fuzz targets check the same.

use lapstrake_parser::{
    CommandForm, Dockerfile, Instruction, InstructionKind, Parsed, Severity, Source, Span, Word,
    decode, parse, parse_bytes, print,
};

/// Checks what a text is parsed to.
pub(crate) fn check(source: &str, parsed: &Parsed) {
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
    inside(source, instruction.keyword().span);
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
            CommandForm::Shell(word) => check_word(source, word),
            CommandForm::Exec(words) => {
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
    inside(source, word.span());
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

/// Checks what bytes are parsed to: places count in the decoded text.
pub(crate) fn check_bytes(source: &[u8]) {
    check(&decode(source).0, &parse_bytes(source));
}

/// Checks that what is printed is parsed to the same tree, but for places and the lines as they
/// were written. Only a tree without errors is complete.
pub(crate) fn check_printed(parsed: &Parsed) {
    if parsed.diagnostics.iter().any(|one| one.severity == Severity::Error) {
        return;
    }
    let printed = print(&parsed.dockerfile);
    let again = parse(&printed);
    assert_eq!(bare(&again.dockerfile), bare(&parsed.dockerfile), "printed as {printed:?}");
    assert_eq!(print(&again.dockerfile), printed, "printed otherwise the second time");
}

/// What a tree says, without places.
fn bare(dockerfile: &Dockerfile) -> Vec<String> {
    let head = format!("{:?} {:?}", dockerfile.escape, dockerfile.directives);
    let instructions = dockerfile.instructions.iter().map(|one| {
        let comments: Vec<_> = one.comments().into_iter().map(|one| one.value).collect();
        let keyword = one.keyword().value;
        format!("{keyword} {:?} {:?} {:?} {comments:?}", one.flags, one.kind, one.heredocs)
    });
    std::iter::once(head).chain(instructions).map(|text| without_spans(&text)).collect()
}

/// Debug text without the spans in it.
fn without_spans(text: &str) -> String {
    let mut parts = text.split("Span { ");
    let mut bare = parts.next().unwrap_or("").to_owned();
    for part in parts {
        bare.push_str(part.split_once('}').map_or(part, |(_, behind)| behind));
    }
    bare
}
