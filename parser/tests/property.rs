//! What holds for any text: no panic, every place lies in the file, and what is printed is the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod invariant;

use invariant::{check, check_bytes, check_printed};
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::mode::Mode;
use lapstrake_parser::mount::Mount;
use lapstrake_parser::{Expander, duration, expand, expand_words, glob, parse, parse_trigger};
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

/// Files most of which have no fault.
fn good_file() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec![
        "",
        "# escape=`\n",
        "# syntax=a/b\n# check=skip=all\n",
        "\n# escape=`\n",
        "#!/x\n# syntax=a\n",
        "\u{feff}",
        "#a\n#\n# # b\n \t# c\n",
    ]);
    let line =
        ("([a-z$'{}<,é#\u{a0}-]{0,6}|\"[a-z \\t#']*\"|'[a-z ]*'){1,3}", 0..INSTRUCTIONS.len())
            .prop_map(|(word, at)| INSTRUCTIONS[at].replace('@', &word));
    let lines = prop::collection::vec(line, 0..5).prop_map(|lines| lines.concat());
    (head, lines, prop::sample::select(vec!["", "RUN x\\", "RUN x\\ \\", "RUN `\n`"]))
        .prop_map(|(head, lines, end)| format!("{head}FROM a\n{lines}{end}"))
}

/// Instructions in which `@` stands for a word.
const INSTRUCTIONS: [&str; 40] = [
    "FROM --platform=@ @ aS b\n",
    "run @ \\\n   @ `\n # c\n @\n",
    "RUN --mount=type=bind,\"target=@\" --network=none @\n",
    "RUN --mount='target=/ @' -- --@\n",
    "RUN [\"@\", \"\\u0001\\\"\\\\\", \"\\ud83d\\ude00\"]\n",
    "RUN <<@ cat <<-EOF\n\tx\n@\n\ty\n\tEOF\n",
    "RUN <<'EOF' 3<<B\nEOF\n @ \r\nB\n",
    "# @\nCMD [\"@\"  ,  \"b\" ]\n",
    "CMD\n",
    "CMD  @   @\n",
    "ENTRYPOINT []\n",
    "ENTRYPOINT [@]\n",
    "COPY @ /d\n",
    "COPY --link --from=@ --chown=\"@\" --  --@  b\n",
    "COPY [\"@\", \"c d\"]\n",
    "COPY [\u{b}\"@\",\"b\"]\n",
    "COPY <<@ <<EOF /x\nx\n@\nEOF\n",
    "COPY <<\"E  F\" /x\n@\nE  F\n",
    "ADD --checksum=@ @ \\\n\n# x\n @\n",
    "ADD --keep-git-dir=false @ @\n",
    "ENV a=@ b='@'\\\n  c=\"@\"\n",
    "ENV a @  @\n",
    "ENV -- --a=@\n",
    "LABEL \"@\"=@ a.b=@\\ @\n",
    "LABEL @ @\n",
    "ARG a b=@ c\n",
    "ARG --x=@ --y a\n",
    "WORKDIR @ @\n",
    "USER @\n",
    "EXPOSE @ 80/tcp \u{c} $p\n",
    "VOLUME @ @\n",
    "VOLUME [\"@x\"]\n",
    "VOLUME [\u{b}\"x\",\"@\"]\n",
    "STOPSIGNAL @\n",
    "SHELL [\"@\", \"\"]\n",
    "HEALTHCHECK --interval=1m --retries=2 cmd @\n",
    "HEALTHCHECK --@ none\n",
    "HEALTHCHECK --timeout=2s CMD [\"@\"]\n",
    "ONBUILD  RUN  --mount=target=@  @ <<EOF\n@\nEOF\n",
    "ONBUILD\tCOPY   a  @\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_parsed(source in any::<String>()) {
        check(&source, &parse(&source));
    }

    #[test]
    fn any_likely_text_is_parsed(source in dockerfile()) {
        let parsed = parse(&source);
        check(&source, &parsed);
        check_printed(&parsed);
        parse_trigger(&source);
    }

    #[test]
    fn any_bytes_are_parsed(source in any::<Vec<u8>>()) {
        check_bytes(&source);
    }

    #[test]
    fn what_is_printed_is_the_same(source in good_file()) {
        check_printed(&parse(&source));
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
        for error in Mount::parse(&text, |word| Ok(word.to_owned())).err().unwrap_or_default() {
            prop_assert!(text.get(error.range).is_some());
        }
    }

    #[test]
    fn all_faults_of_a_word_lie_in_it(word in "([ab:?!#%/é\"'\\ -]|\\$|\\$\\{|\\})*") {
        let expander = Expander::new('\\');
        let faults = expander.faults(&word, &|_: &str| None);
        let first = expander.expand(&word, &|_: &str| None).err();
        prop_assert_eq!(faults.first(), first.as_ref());
        for fault in faults {
            prop_assert!(word.get(fault.range).is_some());
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
