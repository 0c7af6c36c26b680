//! Text that would drive the terminal it is shown on (S43), on a terminal and elsewhere.

use super::{Ground, on_both_sides};
use crate::support::text;

/// Sets the title, the clipboard, clears the screen, answers back; as a C1 control; turns text around.
const EVIL: &str =
    "\u{1b}]0;t1tle\u{7}\u{1b}]52;c;AAAA\u{7}\u{1b}[2J\u{1b}[6n\u{1b}P+q\u{1b}\\\u{9b}2J\u{202e}";

/// `lap` on a terminal; all that it wrote there.
fn on_terminal(ground: &Ground, arguments: &[&str]) -> String {
    let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let wanted = words.join(" ");
    let program = match ground.is_root() {
        true => env!("CARGO_BIN_EXE_lap").to_owned(),
        false => text(&ground.path("../lap")),
    };
    // `script` brings the terminal, and has no quotes to spare.
    let command = format!("exec {program} {wanted}");
    let starter = ["sh", "-c", "exec script -qec \"$0\" /dev/null", &command];
    ground.lap_behind(&starter, arguments).stdout
}

#[track_caller]
fn is_harmless(shown: &str, of: &[&str]) {
    for evil in ["\u{1b}]", "\u{7}", "\u{1b}[2J", "\u{1b}[6n", "\u{1b}P", "\u{9b}", "\u{202e}"] {
        assert!(!shown.contains(evil), "{of:?} writes {evil:?}: {shown:?}");
    }
}

#[test]
fn a_build_shows_nothing_that_drives_the_terminal() {
    on_both_sides(|ground| {
        let dockerfile = format!(
            "FROM busybox\nLABEL a=\"{EVIL}\"\nENV B=\"{EVIL}\"\nCOPY a* /x{EVIL}\n\
             RUN printf '{EVIL}begun\\n' && ls / && sleep 0.3\nRUN cat /x*; echo \"{EVIL}\"; exit 3\n"
        );
        for dockerfile in [
            dockerfile.as_str(),
            &format!("FROM busybox\nCOPY none{EVIL} /\n"),
            &format!("FROM busybox\nRUNN {EVIL}\n"),
            &format!("FROM none{EVIL}\n"),
            &format!("# escape={EVIL}\nFROM busybox AS x{EVIL}\nEXPOSE {EVIL}\n"),
        ] {
            let context = ground.context(dockerfile, |folder| {
                std::fs::write(folder.join(format!("a{EVIL}")), EVIL).expect("write");
            });
            let context = text(&context);
            let build = ["build", "--no-cache", context.as_str()];
            let answer = ground.lap(&build);
            assert_eq!(answer.code, Some(1), "{dockerfile}");
            is_harmless(&(answer.stdout + &answer.stderr), &build);
            is_harmless(&on_terminal(ground, &build), &build);
            for check in [["build", "--check", &context], ["build", "--explain", &context]] {
                is_harmless(&on_terminal(ground, &check), &check);
            }
        }
        for logs in [&["build", "logs", "last"][..], &["build", "logs"]] {
            let shown = on_terminal(ground, logs);
            assert!(shown.contains("begun") || shown.contains("failed"), "{shown}");
            is_harmless(&shown, logs);
        }
    });
}

#[test]
fn an_image_shows_nothing_that_drives_the_terminal() {
    on_both_sides(|ground| {
        let dockerfile = format!(
            "FROM busybox\nLABEL a=\"{EVIL}\"\nRUN : \"{EVIL}\" > /a && touch \"/{EVIL}\"\n"
        );
        ground.build("x", &dockerfile, &["--annotation", &format!("a={EVIL}")]).ends_with(0);
        for command in [
            &["inspect", "x"][..],
            &["inspect", "-f", "{{.Config.Labels}}", "x"],
            &["inspect", "-f", "{{json .}}", "x"],
            &["history", "--no-trunc", "x"],
            &["history", "--no-trunc", "--format", "{{.CreatedBy}}", "x"],
            &["history", "--files", "x"],
            &["diff", "busybox", "x"],
            &["images", "--tree"],
            &["run", "--rm", "none\u{1b}[2J"],
        ] {
            is_harmless(&on_terminal(ground, command), command);
        }
        // A program gets what there is.
        let labels = ground.lap(&["inspect", "-f", "{{.Config.Labels.a}}", "x"]).ends_with(0);
        assert_eq!(labels.stdout, format!("{EVIL}\n"));
    });
}
