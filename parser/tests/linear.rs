//! No text takes more than linear time, nor a deep stack.
//!
//! Each case is measured against one of half its size, in time on a processor, so that it does not
//! matter what else runs. Linear time gives a ratio of two, quadratic time one of four; the
//! smallest of several is taken. Cases that take next to nothing are not looked at: quadratic time
//! is far from that.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::{Expander, LineIndex, expand, expand_words, parse, parse_trigger, print};
use std::time::Duration;

const MEBIBYTE: usize = 1 << 20;
const NEGLIGIBLE: Duration = Duration::from_millis(150);
const RUNS: usize = 5;
const MOST: u32 = 3;

/// Fails if `work` takes more than linear time in the size that it is given.
#[track_caller]
fn is_linear(name: &str, size: usize, work: impl Fn(usize)) {
    let once = |size: usize| {
        let start = time_on_processor();
        work(size);
        time_on_processor() - start
    };
    let mut measured = Vec::new();
    for _ in 0..RUNS {
        let whole = once(size);
        if whole < NEGLIGIBLE {
            return;
        }
        let half = once(size / 2);
        if whole < half * MOST {
            return;
        }
        measured.push((half, whole));
    }
    assert!(measured.is_empty(), "{name}: half of it and all of it take {measured:?}");
}

/// How long this thread has run so far.
fn time_on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// As many of `piece` as `size` bytes hold.
fn repeated(piece: &str, size: usize) -> String {
    piece.repeat(size / piece.len())
}

#[test]
fn a_long_line() {
    let pieces = [
        "x",
        "é",
        "a b ",
        "\"",
        "'",
        "\"'",
        "\\ ",
        "\\\\",
        "$",
        "${a:-",
        "${a:-}",
        "<<a ",
        "<",
        "<<",
        "[",
        "[\"a\"",
        "\"a\", ",
        "--",
        "--a=b ",
        "a=b ",
        "=",
        ",",
        "ONBUILD ",
        "# ",
        "{",
        "`",
        "\r",
        "--mount=type=bind,target=/a ",
        "\u{a0}",
        "1",
    ];
    let keywords = [
        "FROM",
        "RUN",
        "COPY",
        "ENV",
        "ARG",
        "WORKDIR",
        "VOLUME",
        "HEALTHCHECK",
        "ONBUILD RUN",
        "RUN [",
        "COPY [",
    ];
    for piece in pieces {
        for keyword in keywords {
            is_linear(&format!("{keyword} {piece:?}"), MEBIBYTE / 16, |size| {
                let line = format!("{keyword} {}\n", repeated(piece, size));
                parse(&line);
                parse_trigger(&line);
            });
        }
    }
}

#[test]
fn a_megabyte_of_anything() {
    let pieces = [
        "x",
        "\\\n",
        "RUN a \\\n",
        "# c\n",
        "RUN <<E\nx\nE\n",
        "RUN <<E\n",
        "\n",
        "ENV a=${b:-",
        "CMD [\"a\", ",
    ];
    for piece in pieces {
        is_linear(piece, MEBIBYTE, |size| {
            parse(&format!("FROM a\nRUN {0}\n{0}", repeated(piece, size)));
        });
    }
}

#[test]
fn many_lines() {
    let pieces = [
        "FROM a AS b\n",
        "RUN x\n",
        "COPY a b\n",
        "COPY --from=b a /\n",
        "ENV a=b c=\"d e\"\n",
        "ONBUILD RUN x\n",
        "CPOY a b\n",
        "x\n",
        "\n",
        "# c\n",
        "#\n",
        "# escape=`\n",
        "# check=skip=a\n",
        "RUN <<E\nx\nE\n",
        "RUN <<E\n",
        "COPY <<A <<B /\nA\nB\n",
        "RUN [\"a\", \"b\"]\n",
        "ENV a\n",
        "RUN --mount=typ=bind x\n",
        "FROM\n",
        "ARG a=\"\n",
        "\r\n",
        "HEALTHCHECK NONE\n",
        "LABEL a b\n",
    ];
    for piece in pieces {
        is_linear(piece, MEBIBYTE / 16, |size| {
            parse(&repeated(piece, size));
            parse(&format!("FROM a\n{}", repeated(piece, size)));
        });
    }
}

#[test]
fn many_continuations() {
    let pieces =
        ["RUN a \\\n", "\\\n", "a \\\n\n", "a \\\n# c\n", "a=b \\\n", "<<E \\\n", "\"a\", \\\n"];
    for piece in pieces {
        for keyword in ["RUN", "ENV", "LABEL", "COPY", "CMD [", "ONBUILD RUN", "EXPOSE"] {
            is_linear(&format!("{keyword} {piece:?}"), MEBIBYTE / 16, |size| {
                parse(&format!("FROM a\n{keyword} {}b\n", repeated(piece, size)));
            });
        }
    }
}

#[test]
fn a_hundred_thousand_instructions_are_read_and_printed() {
    let source = format!("FROM a\n{}", "RUN echo \"$x\" \\\n  && true\n".repeat(100_000));
    let parsed = parse(&source);
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.dockerfile.instructions.len(), 100_001);
    is_linear("printing", 100_000, |size| {
        let source = format!("FROM a\n{}", "COPY a \"b\" c\n".repeat(size));
        print(&parse(&source).dockerfile);
    });
}

#[test]
fn long_lines_are_printed_on_several() {
    is_linear("folding", 4 * MEBIBYTE, |size| {
        let source = format!("FROM a\nRUN {}", repeated("xxxx#### \\\n", size));
        let printed = print(&parse(&source).dockerfile);
        assert_eq!(parse(&printed).diagnostics, []);
    });
}

#[test]
fn words() {
    let pieces = [
        "$a", "${a}", "${a:-b}", "${u:-", "${a:+", "${u:-\"", "${a#", "${a%%", "${a/b/", "${a//",
        "\"", "''", "\\", "$", "a ", "<<", "< ", "${u:?", "\"$a\"", "é",
    ];
    for piece in pieces {
        is_linear(piece, MEBIBYTE / 16, |size| {
            let word = repeated(piece, size);
            let variables = |name: &str| (name == "a").then(|| "x y".to_owned());
            expand(&word, &variables, '\\').ok();
            expand_words(&word, &variables, '\\').ok();
            Expander::step_name('\\').expand(&word, &variables).ok();
            Expander::heredoc_body().expand(&word, &variables).ok();
        });
    }
}

#[test]
fn ten_thousand_nested_variables_in_a_file() {
    let depth = 10_000;
    let word = format!("{}x{}", "${a:-".repeat(depth), "}".repeat(depth));
    for keyword in ["ENV b=", "RUN ", "COPY a ", "LABEL c=", "FROM ", "ARG d=", "WORKDIR "] {
        let source = format!("FROM a\n{keyword}{}", word.replace("}}}}", "}}\\\n}}"));
        parse(&source);
    }
    let expanded = expand(&word, &|_: &str| None, '\\').unwrap();
    assert_eq!((expanded.text.as_str(), expanded.undefined.len()), ("x", depth));
}

#[test]
fn places_and_ignore_files() {
    is_linear("places", MEBIBYTE, |size| {
        let source = repeated("RUN x\n", size);
        let index = LineIndex::new(&source);
        (0..size).step_by(97).for_each(|offset| {
            index.position(offset);
        });
    });
    for piece in ["a/*/b\n", "**/a\n", "!a\n", "a/../\n", "[a-z]\n", "*", "**/", "\\", "?"] {
        is_linear(piece, MEBIBYTE / 4, |size| {
            IgnoreFile::parse(repeated(piece, size).as_bytes()).ok();
        });
    }
}
