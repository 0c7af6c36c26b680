//! What people see, as snapshots: read one with your eyes before you accept it.

use super::*;
use lapstrake_parser::Span;

const PLAIN: Look = Look { colour: false, width: Some(80) };

/// The first place of `part` in the text.
fn place(source: &Source, part: &str) -> Span {
    let start = source.text().find(part).unwrap();
    Span::new(start, start + part.len())
}

fn read(text: &str) -> Source {
    Source::read("Dockerfile", text.as_bytes()).0
}

/// Faults as the parser finds them, drawn.
fn parsed(bytes: &[u8], look: Look) -> String {
    let (source, undecodable) = Source::read("Dockerfile", bytes);
    let mut faults = lapstrake_parser::parse(source.text()).diagnostics;
    faults.extend(undecodable);
    faults.sort_by_key(|fault| fault.span.start);
    source.draw(&faults, look)
}

/// A file with a bit of everything.
const MIXED: &str = "FROM busybox AS build\nRUM echo hello\nCOPY --chmud=644 --from=build \\\n    # why\n    \
    --form=a a b\nENV a=1 \\\n\n    bad\nHEALTHCHECK --interval=5 \\\n    CMD true\nCOPY --link=maybe <<EOF /x\n\
    text\nEOF\nCMD [\"sh\", \"-c\", 7]\nCOPY --from=build --from=other a b\n";

#[test]
fn mixed() {
    for width in [80, 120] {
        for colour in [false, true] {
            let look = Look { colour, width: Some(width) };
            let name = format!("mixed-{width}{}", if colour { "-colour" } else { "" });
            insta::assert_snapshot!(name, visible(&parsed(MIXED.as_bytes(), look)));
        }
    }
}

/// Colours as something to read.
fn visible(text: &str) -> String {
    text.replace('\u{1b}', "␛")
}

#[test]
fn tabs_and_wide_characters() {
    let text = "FROM busybox\n\tRUM\techo\nENV é=ä\t日本語=🎉 e\u{301}\tbad x=👩\u{200d}👧\nENV 👍🏽=❤\u{fe0f} oops\n";
    insta::assert_snapshot!(parsed(text.as_bytes(), PLAIN));
}

#[test]
fn carriage_returns_and_a_byte_order_mark() {
    let text = "\u{feff}FORM busybox\r\nFROM busybox\r\nENV a=1 \\\r\n  bad\r\nRUM x";
    insta::assert_snapshot!(parsed(text.as_bytes(), PLAIN));
}

#[test]
fn bytes_that_are_no_text() {
    let text = b"FROM busybox\nENV a=\xff\xfe b\nRUM \x1b[2J \x00 x\nENV \xe2\x80\xaeb=1 c\n";
    insta::assert_snapshot!(parsed(text, PLAIN));
}

#[test]
fn lines_longer_than_the_terminal() {
    let filler = "0123456789".repeat(30);
    let text = format!(
        "FROM busybox\nENV a={filler} bad b={filler}\nENV {filler}=1 end\nRUN {filler}\nCMUD {filler}\nENV x=1 {filler}\n"
    );
    for width in [80, 120] {
        let look = Look { colour: false, width: Some(width) };
        insta::assert_snapshot!(format!("long-{width}"), parsed(text.as_bytes(), look));
    }
    let piped = parsed(text.as_bytes(), Look { colour: false, width: None });
    assert!(piped.lines().all(|line| crate::text::width(line) <= 180), "{piped}");
}

#[test]
fn messages_longer_than_the_terminal() {
    let source = read("FROM busybox\nCOPY nope /x\n");
    let fault = Diagnostic::error(
        "unknown-source",
        place(&source, "nope"),
        "the build context has no file of this name, and nothing that looks like it, nor is there one that the ignore file leaves out",
    )
    .with_cause("the registry answered with something that takes more than a single line of eighty columns to say")
    .with_cause("connection refused")
    .with_help("write `COPY --from=build /usr/local/bin/the-program /x`, or name the file that was meant with its path from the context");
    insta::assert_snapshot!(source.draw(&[fault], PLAIN));
}

#[test]
fn labels_near_and_far() {
    let source = read(
        "FROM busybox AS build\nRUN a\nRUN b\nRUN c\nRUN d\nRUN e\nFROM busybox AS build\nCOPY --from=a --from=b x y\n",
    );
    let faults = [
        Diagnostic::error("far", Span::new(67, 72), "a stage of that name is there")
            .with_label(place(&source, "build"), "first defined here"),
        Diagnostic::error("near", place(&source, "--from=b"), "`--from` is given twice")
            .with_label(place(&source, "--from=a"), "first given here"),
        Diagnostic::warning("inside", place(&source, "busybox"), "odd")
            .with_label(place(&source, "FROM busybox AS build"), "in this instruction"),
        Diagnostic::warning("same", place(&source, "RUN c"), "odd")
            .with_label(place(&source, "RUN c"), "said of the same text"),
        Diagnostic::error("lines", Span::new(22, 39), "over several lines")
            .with_label(place(&source, "busybox"), "because of this"),
    ];
    insta::assert_snapshot!(source.draw(&faults, PLAIN));
}

#[test]
fn places_without_text() {
    for (name, text) in [
        ("empty", ""),
        ("blank", "\n\n"),
        ("comment", "# only\n"),
        ("no-end", "FROM busybox\nCOPY a"),
        ("end", "FROM busybox\nRUN <<EOF\nx\n"),
        ("escape", "FROM busybox\n\\"),
    ] {
        insta::assert_snapshot!(format!("empty-{name}"), parsed(text.as_bytes(), PLAIN));
    }
}

#[test]
fn one_line_for_each_fault() {
    let (source, _) = Source::read("a b/Dockerfile", MIXED.as_bytes());
    let faults = lapstrake_parser::parse(source.text()).diagnostics;
    insta::assert_snapshot!(source.list(&faults));
}

#[test]
fn faults_for_programs() {
    let (source, _) = Source::read("Dockerfile", b"\xef\xbb\xbfFROM a\nRUN \xff \xc3\xa9 bad\n");
    let fault = Diagnostic::error("unknown-thing", place(&source, "bad"), "there is no `bad`")
        .with_cause("why")
        .with_label(place(&source, "é"), "beside this")
        .with_help("did you mean `bed`?")
        .with_fix(lapstrake_parser::Fix::guess(place(&source, "bad"), "bed"))
        .with_url("https://example.org/unknown-thing");
    insta::assert_snapshot!(source.json(&[fault], None));
}

#[test]
fn whoever_has_very_many_faults_sees_the_first() {
    let text = format!("FROM a\n{}", "RUM x\n".repeat(5_000));
    let drawn = parsed(text.as_bytes(), PLAIN);
    assert_eq!(drawn.matches("unknown-instruction").count(), MOST);
    assert!(drawn.ends_with("\nand 4900 more; --format short lists all\n"), "{drawn}");
}
