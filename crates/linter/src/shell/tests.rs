//! What commands are found in which text.

use super::*;

/// The commands, a line each, their words joined by `_`.
fn commands(text: &str) -> Option<Vec<String>> {
    let script = read(text, |range| Span::new(range.start, range.end))?;
    let words = |command: &Command| {
        let arguments = command.arguments.iter().map(|word| word.text.as_str());
        [command.name()].into_iter().chain(arguments).collect::<Vec<_>>().join("_")
    };
    Some(script.commands.iter().map(words).collect())
}

#[test]
fn commands_are_found_wherever_they_stand() {
    for (text, expected) in [
        ("a b && c; d & e || f\ng", &["a_b", "c", "d", "e", "f", "g"][..]),
        ("A=1 B='x y' a \"b c\"'d'\\ e", &["a_b cd e"]),
        ("a | b |& c", &["a", "b", "c"]),
        ("(a; b) > x && { c; } 2>&1", &["a", "b", "c"]),
        ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]),
        ("for x in a $(b); do c $x; done && d", &["b", "c_${x}", "d"]),
        ("while a; do b; done; until c\ndo d\ndone", &["a", "b", "c", "d"]),
        ("case $x in a|b) c ;; *) d;; esac", &["c", "d"]),
        (
            "a $(b \"$(c)\") `d e` ${f:-$(g)}",
            &["c", "b_${VAR}", "d_e", "g", "a_${VAR}_${VAR}_${f}"],
        ),
        ("[ -f a ] && [[ a == b ]] && ((1 + 2)) && b", &["[_-f_a_]", "b"]),
        ("f() { a; }; function g { b; }", &["a", "b"]),
        ("cat <<E > f\nrm x\nE\nb", &["cat", "b"]),
        ("a # b\n# c\nd", &["a", "d"]),
        ("x=(a b) c", &["c"]),
        ("! a; time b; exec c d; command e", &["a", "b", "c_d", "e"]),
        ("diff <(a) <(b)", &["a", "b", "diff"]),
        ("a $((1 + 2)) ${#x} $@", &["a_${VAR}_${x}_${@}"]),
        ("rm -f !(a|b) *.c", &["rm_-f_!(a|b)_*.c"]),
        ("set -ex; \\\n a", &["set_-ex", "a"]),
    ] {
        let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(commands(text), Some(expected), "{text}");
    }
}

#[test]
fn what_is_no_script_has_no_commands() {
    let deep = "(".repeat(100_000);
    for text in
        ["a 'b", "a \"b", "if a; then b", "a )", "(a", "a && ", "fi", "$x = f(1); a(b)", &deep]
    {
        assert_eq!(commands(text), None, "{}", text.get(..20).unwrap_or(text));
    }
}

#[test]
fn words_know_their_places() {
    let text = "x && apt-get -y 'in''stall' \"$(echo a)\"";
    let script = read(text, |range| Span::new(range.start, range.end)).unwrap();
    let echo = script.commands.iter().find(|command| command.name() == "echo").unwrap();
    assert_eq!(&text[echo.span().range()], "echo a");
    let command = script.commands.iter().find(|command| command.name() == "apt-get").unwrap();
    assert_eq!(&text[command.arguments[1].span.range()], "'in''stall'");
    assert_eq!(command.arguments[1].text, "install");
}

#[test]
fn flags_and_operands_are_told_apart() {
    let script = read("a -xy -t v --long=1 --next w -- -z op", |_| Span::default()).unwrap();
    let command = &script.commands[0];
    assert!(command.has_flag("x") && command.has_flag("long") && !command.has_flag("z"));
    let operands: Vec<_> = command.operands(&["t", "next"]).iter().map(|word| &word.text).collect();
    assert_eq!(operands, ["-z", "op"]);
}
