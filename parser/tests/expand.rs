//! Word expansion: what section A5 of the language reference says, row by row.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use lapstrake_parser::{ExpandError, Expander, expand, expand_words};

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "full" => "value",
        "empty" => "",
        "path" => "/usr/local/lib.tar.gz",
        "star" => "a*b*c",
        "blanks" => "  one two  ",
        "needle" => "\\*",
        "dollar" => "$full",
        "straße" => "Unicode",
        "lines" => "ab\nab",
        _ => return None,
    };
    Some(value.to_owned())
}

fn text(word: &str) -> Result<String, ExpandError> {
    expand(word, &variable, '\\').map(|expanded| expanded.text)
}

fn words(text: &str) -> Vec<String> {
    let expanded = expand_words(text, &variable, '\\').unwrap();
    expanded.words.into_iter().map(|word| word.text).collect()
}

#[track_caller]
fn same(cases: &[(&str, &str)]) {
    for (word, expected) in cases {
        assert_eq!(text(word).as_deref(), Ok(*expected), "{word}");
    }
}

#[test]
fn plain_variables() {
    same(&[
        ("$full", "value"),
        ("${full}", "value"),
        ("a$full.b", "avalue.b"),
        ("$full$full", "valuevalue"),
        ("[$empty][$unset]", "[][]"),
        ("$fullx", ""),
        ("$dollar", "$full"),
        ("$straße", "Unicode"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("$.", "$."),
        ("$/x", "$/x"),
    ]);
}

#[test]
fn special_parameters_are_empty() {
    same(&[("$1x", "x"), ("$999", ""), ("$@$*$#$?$-$$$!$0", ""), ("${1:-x}", "x"), ("${#}", "")]);
}

#[test]
fn defaults_and_alternatives() {
    same(&[
        ("${full:-w}|${empty:-w}|${unset:-w}", "value|w|w"),
        ("${full-w}|${empty-w}|${unset-w}", "value||w"),
        ("${full:+w}|${empty:+w}|${unset:+w}", "w||"),
        ("${full+w}|${empty+w}|${unset+w}", "w|w|"),
        ("${unset:-${unset:-${full}}}", "value"),
        ("${unset:-a\\}b}", "a}b"),
        ("${unset:-\"a}b\"}", "a}b"),
        ("${unset:-'a}b'}", "a}b"),
        ("${unset:-}", ""),
        ("${unset:-{}}", "{}"),
    ]);
}

#[test]
fn required_variables() {
    same(&[("${full:?m}${full?m}${empty?m}", "valuevalue")]);
    for (word, message) in [
        ("${unset?m}", "unset: m"),
        ("${unset:?m $full}", "unset: m value"),
        ("${empty:?m}", "empty: m"),
        ("${unset?}", "unset: is not allowed to be unset"),
        ("${empty:?}", "empty: is not allowed to be empty"),
    ] {
        assert_eq!(text(word).unwrap_err().message, message, "{word}");
    }
}

#[test]
fn stripping() {
    same(&[
        ("${path#*/}", "usr/local/lib.tar.gz"),
        ("${path##*/}", "lib.tar.gz"),
        ("${path%.*}", "/usr/local/lib.tar"),
        ("${path%%.*}", "/usr/local/lib"),
        ("${path%/*}", "/usr/local"),
        ("${path#nothing}", "/usr/local/lib.tar.gz"),
        ("${path#?usr}", "/local/lib.tar.gz"),
        ("${star#a\\*}", "b*c"),
        ("${star##*\\*}", "c"),
        ("${star%\\**}", "a*b"),
        ("${star%%\\**}", "a"),
        ("${full#}", "value"),
        ("${full##}", "value"),
        ("${full#*}", "value"),
        ("${full##*}", ""),
        ("${full%%*}", ""),
        ("${unset#a}", ""),
        ("${star#a$needle}", "b*c"),
        ("${lines##*b}", "\nab"),
        ("${straße%?}", "Unicod"),
    ]);
}

#[test]
fn replacing() {
    same(&[
        ("${path/l/L}", "/usr/Local/lib.tar.gz"),
        ("${path//l/L}", "/usr/LocaL/Lib.tar.gz"),
        ("${path/l*l/-}", "/usr/-ib.tar.gz"),
        ("${path//\\//:}", ":usr:local:lib.tar.gz"),
        ("${star//\\*/+}", "a+b+c"),
        ("${star//?/x}", "xxxxx"),
        ("${full//*/x}", "x"),
        ("${full///-}", "-v-a-l-u-e-"),
        ("${full//l/}", "vaue"),
        ("${full/z/x}", "value"),
        ("${full/a/$full}", "vvaluelue"),
        ("${full/a/'$1'}", "v$1lue"),
        ("${unset/a/b}", ""),
    ]);
}

#[test]
fn quotes_and_escapes() {
    same(&[
        ("'$full'", "$full"),
        ("\"$full\"", "value"),
        ("a'b'\"c\"d", "abcd"),
        ("\"it's\"", "it's"),
        ("'a\\'", "a\\"),
        ("abc\\tdef", "abctdef"),
        ("\"abc\\tdef\"", "abc\\tdef"),
        ("\"\\$full\\\"\\\\\"", "$full\"\\"),
        ("\\$full", "$full"),
        ("\\\\", "\\"),
        ("end\\", "end"),
        ("  a  b ", "  a  b "),
        ("a<<b", "a<<b"),
    ]);
}

#[test]
fn a_backtick_can_be_the_escape_character() {
    let text = |word| expand(word, &variable, '`').map(|expanded| expanded.text);
    assert_eq!(text("C:\\a`$b").as_deref(), Ok("C:\\a$b"));
    assert_eq!(text("\"`\"\\\"").as_deref(), Ok("\"\\"));
}

#[test]
fn faults_have_a_place() {
    for (word, range) in [
        ("a${}", 1..3),
        ("a${:}", 1..3),
        ("a${.}", 1..4),
        ("${{a}", 0..2),
        ("x${a", 1..4),
        ("x${", 1..3),
        ("x${a:-b", 1..7),
        ("x${a:", 1..5),
        ("${full:=w}", 6..8),
        ("${full=w}", 6..7),
        ("${full:#w}", 6..8),
        ("${full:%w}", 6..8),
        ("${full:x}", 6..8),
        ("${full^^}", 6..8),
        ("a'b", 1..3),
        ("a\"b", 1..3),
        ("${unset:-'b}", 9..12),
        ("${full#\\x}", 0..10),
        ("${full/a}", 0..9),
        ("${full//a}", 0..10),
        ("-${unset?no}-", 1..12),
    ] {
        assert_eq!(text(word).unwrap_err().range, range, "{word}");
    }
}

#[test]
fn all_faults_of_a_word_are_found() {
    let ranges = |word: &str| {
        let faults = Expander::new('\\').faults(word, &variable);
        faults.into_iter().map(|fault| &word[fault.range]).collect::<Vec<_>>().join(" | ")
    };
    assert_eq!(ranges("plain"), "");
    assert_eq!(ranges("${none:?a}é${none?b}"), "${none:?a} | ${none?b}");
    assert_eq!(ranges("\"${none^^}${none:?}${x"), "^^ | ${none:?} | ${x");
    assert_eq!(ranges(&"${n?}".repeat(99)).split('|').count(), 20);
}

#[test]
fn words_split_behind_expansion() {
    for (text, expected) in [
        ("a  b\tc", vec!["a", "b", "c"]),
        ("x${blanks}y", vec!["x", "one", "two", "y"]),
        ("x\"${blanks}\"y", vec!["x  one two  y"]),
        ("a\\ b", vec!["a b"]),
        ("'a b' c", vec!["a b", "c"]),
        ("\"\" $empty", vec![]),
        ("8${unset:-0 9}1", vec!["80", "91"]),
        ("a<< b", vec!["a<< b"]),
    ] {
        assert_eq!(words(text), expected, "{text}");
    }
}

#[test]
fn words_know_where_they_stand() {
    let expanded = expand_words("ab  $blanks 'c d'", &variable, '\\').unwrap();
    let ranges: Vec<_> = expanded.words.into_iter().map(|word| word.range).collect();
    assert_eq!(ranges, [0..2, 4..11, 4..11, 12..17]);
}

#[test]
fn references_are_told_apart() {
    let expanded = expand("$full-${unset:-$empty$other}", &variable, '\\').unwrap();
    let names = |list: Vec<lapstrake_parser::Reference>| {
        list.into_iter().map(|one| (one.name, one.range)).collect::<Vec<_>>()
    };
    assert_eq!(names(expanded.used), [("full".to_owned(), 0..5), ("empty".to_owned(), 15..21)]);
    let undefined = names(expanded.undefined);
    assert_eq!(undefined, [("unset".to_owned(), 6..15), ("other".to_owned(), 21..27)]);
}

#[test]
fn heredoc_bodies_keep_their_quotes() {
    let body = |text| Expander::heredoc_body().expand(text, &variable).map(|one| one.text);
    assert_eq!(body("'$full' \"$full\"").as_deref(), Ok("'value' \"value\""));
    assert_eq!(body("\\n\\\\\\$full").as_deref(), Ok("n\\$full"));
    assert_eq!(body("it's\\\n$unset|").as_deref(), Ok("it's\n|"));
    assert_eq!(body("${unset:-'}'}").as_deref(), Ok("''}"));
}

#[test]
fn step_names_keep_what_is_not_set() {
    let name = |text| Expander::step_name('\\').expand(text, &variable).map(|one| one.text);
    let kept = "RUN echo \"$unset ${unset} ${unset:-w}\" 'x'";
    assert_eq!(name(kept).as_deref(), Ok(kept));
    assert_eq!(name("RUN $full").as_deref(), Ok("RUN value"));
}

#[test]
fn deep_nesting_costs_neither_stack_nor_time() {
    let depth = 10_000;
    for open in ["${unset:-", "${unset:-\"", "${full:+", "${full#"] {
        let close = if open.ends_with('"') { "\"}" } else { "}" };
        let word = format!("{}x{}", open.repeat(depth), close.repeat(depth));
        text(&word).unwrap();
    }
    assert!(text(&"${unset:-".repeat(depth)).is_err());
}

#[test]
fn no_pattern_takes_exponential_time() {
    let stars = "*a".repeat(200);
    let value = "a".repeat(5_000);
    let word = format!("${{v##{stars}b}}${{v//{stars}b/x}}");
    let expanded = expand(&word, &|_: &str| Some(value.clone()), '\\').unwrap();
    assert_eq!(expanded.text.len(), 10_000);
}

/// Variables made of variables grow no further than a process could take (`MAX_ARG_STRLEN`, 128 KiB); a file may be longer.
#[test]
fn what_variables_come_to_is_bounded() {
    let most = 128 << 10;
    let long = |length: usize| move |_: &str| Some("x".repeat(length));
    assert_eq!(expand("a$V", &long(most), '\\').unwrap().text.len(), most + 1);
    for word in ["$V$V", "${V}$V", "${V:-a}$V", "${V:+$V$V}", "\"$V$V\"", "${V#a}$V", "${V/x/y}$V"]
    {
        let error = expand(word, &long(most), '\\').unwrap_err();
        assert!(error.message.contains("longer than 128 KiB"), "{word}: {error}");
        assert!(expand_words(word, &long(most), '\\').is_err(), "{word}");
    }
    // Each letter by all of them.
    assert!(expand("${V//x/$V}", &long(60_000), '\\').is_err());
    assert_eq!(expand("${V//x/yy}", &long(60_000), '\\').unwrap().text.len(), 120_000);
    assert!(Expander::heredoc_body().expand("$V$V", &long(most)).is_ok());
    assert!(Expander::heredoc_body().expand(&"$V".repeat(10), &long(most)).is_err());
    // Text that is written out is as long as it is.
    let written = "x".repeat(1 << 20);
    assert_eq!(expand(&written, &long(0), '\\').unwrap().text, written);
}
