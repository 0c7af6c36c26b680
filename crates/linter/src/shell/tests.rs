//! What commands are found in which text.

use std::time::Duration;

use super::*;

fn read(text: &str, place: impl Fn(Range<usize>) -> Span) -> Option<Script> {
    let mut script = Script::default();
    script.read(text, None, &place)?;
    Some(script)
}

/// The commands, a line each, their words joined by `_`.
fn commands(text: &str) -> Option<Vec<String>> {
    let script = read(text, |range| Span::new(range.start, range.end))?;
    let words = |command: &Command| {
        let arguments = command.arguments().iter().map(|word| word.text.as_str());
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
        (
            "f() { a; }; function g { b; }; h ( ) { c; }; function i () { d; }",
            &["a", "b", "c", "d"],
        ),
        ("cat <<E > f\nrm x\nE\nb", &["cat", "b"]),
        ("a # b\n# c\nd", &["a", "d"]),
        ("x=(a b) c", &["c"]),
        ("! a; time b; exec c d; command e", &["a", "b", "c_d", "e"]),
        ("diff <(a) <(b)", &["a", "b", "diff_${VAR}_${VAR}"]),
        ("a $((1 + 2)) ${#x} $@", &["a_${VAR}_${x}_${@}"]),
        ("rm -f !(a|b) *.c", &["rm_-f_!(a|b)_*.c"]),
        ("set -ex; \\\n a", &["set_-ex", "a"]),
        ("make 2&> /log", &["make_2"]),
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
    assert_eq!(&text[command.arguments()[1].span.range()], "'in''stall'");
    assert_eq!(command.arguments()[1].text, "install");
}

#[test]
fn flags_and_operands_are_told_apart() {
    let script = read("a -xy -t v --long=1 --next w -- -z op", |_| Span::default()).unwrap();
    let command = &script.commands[0];
    assert!(command.has_flag("x") && command.has_flag("long") && !command.has_flag("z"));
    let operands: Vec<_> = command.operands(&["t", "next"]).iter().map(|word| &word.text).collect();
    assert_eq!(operands, ["-z", "op"]);
}

/// The pieces of the words of the first command, as they are written.
fn pieces(text: &str) -> Vec<String> {
    let script = read(text, |range| Span::new(range.start, range.end)).unwrap();
    let words = script.commands[script.commands.len() - 1].arguments();
    let pieces = words.iter().flat_map(|word| &word.pieces);
    let kind = |piece: &Piece| match &piece.kind {
        PieceKind::Literal(_) => "literal",
        PieceKind::Single(_) | PieceKind::DollarSingle(_) => "single",
        PieceKind::Double(_) => "double",
        PieceKind::Parameter(_) => "parameter",
        PieceKind::Substitution { .. } => "substitution",
        PieceKind::Arithmetic(_) => "arithmetic",
        PieceKind::Glob(_) => "glob",
        PieceKind::Braces(_) => "braces",
        PieceKind::Process(_) => "process",
        PieceKind::Array(_) => "array",
    };
    pieces.map(|piece| format!("{} {}", kind(piece), &text[piece.span.range()])).collect()
}

#[test]
fn words_are_made_of_pieces() {
    for (text, expected) in [
        ("a b'c'\"d$e\"$'f'", &["literal b", "single 'c'", "double \"d$e\"", "single $'f'"][..]),
        ("a $b${c:-d}e", &["parameter $b", "parameter ${c:-d}", "literal e"]),
        (
            "a $(b)`c`$((1 + d))",
            &["substitution $(b)", "substitution `c`", "arithmetic $((1 + d))"],
        ),
        ("a *.[ch] b?", &["glob *", "literal .", "glob [ch]", "literal b", "glob ?"]),
        ("a [[:alpha:]] [a b] [", &["glob [[:alpha:]]", "literal [a", "literal b]", "literal ["]),
        (
            "a {b,c}d {} {e..f} {g}",
            &["braces {b,c}", "literal d", "literal {}", "braces {e..f}", "literal {g}"],
        ),
        ("a <(b) c\\ d", &["process <(b)", "literal c\\ d"]),
        ("declare a=(b c)", &["literal a=", "array (b c)"]),
    ] {
        assert_eq!(pieces(text), expected, "{text}");
    }
}

#[test]
fn parameters_know_their_form() {
    let text = "a ${b} ${#c} ${!d} ${e%%/*} ${f:-\"$g\"} $# ${h[@]}";
    let script = read(text, |range| Span::new(range.start, range.end)).unwrap();
    let words = script.commands[0].arguments().iter();
    let parameters = words.map(|word| match &word.pieces[0].kind {
        PieceKind::Parameter(one) => (one.sign, one.name.as_str(), one.modifier.as_str()),
        other => panic!("{other:?}"),
    });
    let parameters: Vec<_> = parameters.collect();
    assert_eq!(
        parameters,
        [
            (None, "b", ""),
            (Some('#'), "c", ""),
            (Some('!'), "d", ""),
            (None, "e", "%%/*"),
            (None, "f", ":-\"$g\""),
            (None, "#", ""),
            (None, "h", "[@]"),
        ]
    );
}

/// Texts of which each form is made by repeating something. Ten times as long may take ten times as long,
/// not a hundred times.
#[test]
fn time_grows_with_the_length() {
    let time = |text: &str| {
        let start = time_on_processor();
        let script = read(text, |range| Span::new(range.start, range.end));
        if let Some(script) = script {
            let part = &script.parts[0];
            flow::split(&script, part, &|_| false, false);
        }
        time_on_processor() - start
    };
    for (prefix, repeated) in [
        ("a ", "$b \"$c\" "),
        ("a ", "[["),
        ("a ", "{a"),
        ("a ", "{$({"),
        ("a ", "((("),
        ("", "((a) "),
        ("a ", "$(("),
        ("a ", "`b` "),
        ("a ", "\"${a:-"),
        ("", "a=b; "),
        ("", "if a; then b=c; fi; "),
        ("", "a && "),
        ("", "case a in b) c=d;; esac; "),
        ("", "for a in b; do "),
        ("", "[[ a =~ (("),
        ("a ", "[a"),
        ("", "cat <<E\n"),
        ("", "a | "),
        ("", "a() { b=c; }; "),
        ("a=", "(b "),
        ("", "((: '((' );:);"),
        ("a ", "$((b)) "),
        ("a ", "@(("),
    ] {
        let text = |count: usize| format!("{prefix}{}", repeated.repeat(count));
        assert_grows(repeated, &|count| time(&text(count)));
    }
    let numbered =
        |count: usize, text: &dyn Fn(usize) -> String| (0..count).map(text).collect::<String>();
    let elif = |at| format!("elif a; then a{at}=b; ");
    assert_grows("elif", &|count| time(&format!("if a; then b; {}fi", numbered(count, &elif))));
    let arm = |at| format!("{at}) a{at}=b ;; ");
    assert_grows("arms", &|count| time(&format!("case a in {}esac", numbered(count, &arm))));
    let function = |at: usize| format!("f{at}() {{ a{at}=b; f{}; }}; ", at.wrapping_sub(1));
    assert_grows("functions", &|count| time(&numbered(count, &function)));
    let call = |_| "f; ".to_owned();
    let set = |at| format!("a{at}=b; ");
    assert_grows("calls", &|count| {
        time(&format!("f() {{ {}}}; {}", numbered(count, &set), numbered(count, &call)))
    });
}

/// Ten short texts are as much work as one that is ten times as long, so what else runs on the machine makes both slower;
/// where time grows with the square, the long one takes ten times as long as they do. The best of several counts.
fn assert_grows(what: &str, time: &dyn Fn(usize) -> Duration) {
    let mut measured = Vec::new();
    for _ in 0..5 {
        let short: Duration = (0..10).map(|_| time(500)).sum();
        let long = time(5_000);
        if long < short * 4 + Duration::from_millis(20) {
            return;
        }
        measured.push((short, long));
    }
    panic!("{what}: ten short ones, then one of the same length, take {measured:?}");
}

#[test]
fn brackets_of_arithmetic_and_of_subshells_are_told_apart() {
    for (text, expected) in [
        ("((a) || (b))", &["a", "b"][..]),
        ("(((1 + a) * 2)) && b", &["b"]),
        ("$((a) | b)", &["a", "b", ""]),
        ("a $(( (1) + 2 ))", &["a_${VAR}"]),
        ("((: '((' );:);a", &[":_((", ":", "a"]),
    ] {
        let found = commands(text).unwrap_or_default();
        assert_eq!(found, expected, "{text}");
    }
}

/// How long this thread has run so far.
fn time_on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
