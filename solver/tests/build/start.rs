//! Commands that do not begin: the fault is at the word that is the reason.

use lapstrake_parser::Diagnostic;
use lapstrake_solver::Error;

use crate::support::Bench;

fn fault(bench: &Bench, dockerfile: &str) -> Diagnostic {
    match bench.build(dockerfile).result {
        Err(Error::Faults(mut faults)) if faults.len() == 1 => faults.remove(0),
        other => panic!("{dockerfile}: {other:?}"),
    }
}

#[test]
fn a_program_that_is_not_there_is_underlined_where_it_is_named() {
    let bench = Bench::new();
    for (dockerfile, underlined, label) in [
        ("FROM base\nRUN [\"tool\", \"lacks program\"]\n", "\"tool\"", None),
        ("FROM base\nRUN lacks program\n", "RUN lacks program", None),
        (
            "FROM base AS a\nSHELL [\"/bin/zsh\", \"-c\"]\nFROM a\nRUN lacks program\n",
            "\"/bin/zsh\"",
            Some("RUN lacks program"),
        ),
    ] {
        let fault = fault(&bench, dockerfile);
        assert_eq!(fault.code, "unknown-program");
        assert_eq!(&dockerfile[fault.span.range()], underlined);
        let labels = fault.labels.iter().map(|(span, _)| &dockerfile[span.range()]);
        assert_eq!(labels.collect::<Vec<_>>(), label.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_user_who_is_not_there_is_underlined_where_he_is_named() {
    let bench = Bench::new();
    let dockerfile = "FROM base\nUSER app:app\nRUN write f 1\nRUN lacks user\n";
    let found = fault(&bench, dockerfile);
    assert_eq!((found.code, &dockerfile[found.span.range()]), ("unknown-user", "app:app"));
    assert_eq!(found.message, "there is no user `app` in the image");
    assert_eq!(&dockerfile[found.labels[0].0.range()], "RUN lacks user");
    // The base's own user stands in no line of the file.
    let found = fault(&bench, "FROM base\nRUN lacks user\n");
    assert_eq!((found.span.range(), found.labels), (10..24, Vec::new()));
}

#[test]
fn a_program_of_which_only_the_loader_is_missing_is_said_to_be_there() {
    let bench = Bench::new();
    bench.file("tool", "");
    let there = "FROM base\nCOPY tool /tool\nRUN [\"/tool\", \"lacks program\"]\n";
    assert_eq!(
        fault(&bench, there).message,
        "`/tool` is in the image, but not what it is started with"
    );
    let absent = "FROM base\nRUN [\"/tool\", \"lacks program\"]\n";
    assert_eq!(fault(&bench, absent).message, "there is no program `/tool` in the image");
}
