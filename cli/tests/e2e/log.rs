//! What the steps of builds wrote is kept, and what a step that failed had begun with.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::rootless::{RANGES, User};
use crate::support::{Answer, Background, Context, Store, text, wait_for};

/// Its last step writes more than is shown of it, and fails.
const FAILING: &str = "FROM busybox\n\
    ENV GIVEN=value\n\
    RUN echo before > /file; printf first\n\
    WORKDIR /work\n\
    USER 1000:1000\n\
    RUN echo half > /tmp/half; seq 100000; printf 'no line end'; exit 7\n";

/// What `seq 100000` and `printf` write.
fn expected() -> String {
    let mut lines = (1..=100_000).fold(String::new(), |mut text, number| {
        writeln!(text, "{number}").expect("a string takes all");
        text
    });
    lines.push_str("no line end");
    lines
}

/// The words of the command that the error of a build names.
fn named(answer: &Answer, command: &str) -> Vec<String> {
    let line = answer.stderr.lines().find_map(|line| line.split_once(command));
    let (_, rest) = line.unwrap_or_else(|| panic!("no {command:?} in {}", answer.stderr));
    let words = [command, rest].concat();
    words.split_whitespace().skip(1).map(str::to_owned).collect()
}

/// Runs the commands that the error of the build names.
fn follow(failed: &Answer, lap: impl Fn(&[&str]) -> Answer) {
    let logs = named(failed, "lap build logs");
    let logs: Vec<&str> = logs.iter().map(String::as_str).collect();
    assert!(lap(&logs).ends_with(0).stdout == expected(), "the log is not whole");
    let [_, _, build, step] = logs.as_slice() else { panic!("{logs:?}") };
    let error = format!("#{step} ERROR: the command ended with exit status 7");
    assert!(failed.stderr.contains(&error), "no {error:?} in {}", failed.stderr);
    let all = lap(&["build", "logs", build]).ends_with(0).stdout;
    let first = "--- #2 [2/4] RUN echo before > /file; printf first (done after ";
    assert!(all.starts_with(first) && all.contains("\nfirst\n--- #3 "), "{all:.400}");
    assert!(all.contains("(failed after ") && all.ends_with(&expected()), "{all:.400}");
    assert!(lap(&["build", "logs", "last"]).ends_with(0).stdout.ends_with("no line end"));
    let listed = lap(&["build", "logs"]).ends_with(0).stdout;
    let line = listed.lines().find(|line| line.starts_with(build)).expect("the build");
    assert!(line.contains("failed") && line.contains("Dockerfile"), "{line}");

    let run = named(failed, "lap run");
    let [run_word, terminal, flag, key] = run.as_slice() else { panic!("{run:?}") };
    assert_eq!((run_word.as_str(), terminal.as_str(), flag.as_str()), ("run", "-it", "--step"));
    let script = "pwd; id -u; echo $GIVEN; cat /file; ls /tmp/half";
    let seen = lap(&["run", "--rm", flag, key, "sh", "-c", script]);
    assert_eq!(seen.stdout, "/work\n1000\nvalue\nbefore\n", "{seen:?}");
    assert_eq!(seen.code, Some(1), "what the failed step wrote is there");
}

#[test]
fn the_error_says_where_to_look_and_the_commands_work() {
    let store = Store::new();
    let context = Context::new(FAILING);
    let failed = store.try_build("x", context.path(), &[]).ends_with(1);
    follow(&failed, |words| store.answer(words));
}

/// In whatever order they begin: `N NAME (STATE)` of each in the order of the Dockerfile.
#[test]
fn steps_have_the_numbers_of_plain_progress_and_say_whether_they_began() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox AS slow\nRUN sleep 30; echo slow\nRUN echo after slow\n\
         FROM busybox AS quick\nRUN echo quick\nRUN sleep 0.2; echo failing; exit 3\nRUN echo never\n\
         FROM busybox\nCOPY --from=slow /etc/passwd /a\nCOPY --from=quick /etc/group /b\n",
    );
    let failed = store.try_build("x", context.path(), &[]).ends_with(1);
    let listed = store.ok(&["build", "logs", "last"]);
    let headings: Vec<&str> = listed.lines().filter_map(|line| line.strip_prefix("--- ")).collect();
    assert!(headings.len() > 6, "{listed}");
    for heading in headings {
        let (name, state) = heading.rsplit_once(" (").expect("a state");
        let has_begun = failed.stderr.contains(&format!("{name}\n"));
        assert_eq!(state == "not begun)", !has_begun, "{heading}\n{}", failed.stderr);
        assert_eq!(name.starts_with('#'), has_begun, "{heading}\n{}", failed.stderr);
    }
    for name in ["[slow 3/3] RUN echo after slow", "[quick 4/4] RUN echo never"] {
        assert!(listed.contains(&format!("--- {name} (not begun)\n")), "{listed}");
    }
    let line = failed.stderr.lines().find(|line| line.contains("ERROR: ")).expect("the step");
    let number = line.split([' ', '#']).nth(1).expect("its number");
    assert_eq!(named(&failed, "lap build logs").last().map(String::as_str), Some(number));
    for number in [number, &format!("#{number}")] {
        assert_eq!(store.ok(&["build", "logs", "last", number]), "failing");
    }
    store
        .answer(&["build", "logs", "last", "99"])
        .ends_with(1)
        .says(&["no step 99", "lists those"]);
    // It has a place and a text as well.
    for name in ["3/4", "quick 3/4", "[quick 3/4]", "RUN sleep 0.2", "[3/4] run sleep"] {
        assert_eq!(store.ok(&["build", "logs", "last", name]), "failing", "{name}");
    }
    let several = store.answer(&["build", "logs", "last", "run sleep"]).ends_with(1);
    several.says(&["stands for several steps", "[slow 2/3] RUN sleep", &format!("#{number} [")]);
    for name in ["[slow 3/3] RUN echo after slow", "9/9", ""] {
        let answer = store.answer(&["build", "logs", "last", name]).ends_with(1);
        answer.says(&["has no step", name, "lists those that began"]);
    }
}

/// The store's name has what a shell would read.
#[test]
fn the_commands_name_the_store_that_the_command_line_named() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo \"it's\" here; exit 3\n");
    let root = text(&store.beside("it's a $(store)"));
    let mut lap = store.lap(&["--root", &root, "build", &text(context.path())]);
    let failed = Answer::of(lap.env_remove("LAPSTRAKE_ROOT")).ends_with(1);
    let typed = |begins: &str, more: &str| {
        let mut lines = failed.stderr.lines().filter(|line| line.contains(begins));
        let line = lines.next().and_then(|line| Some(line.split_at(line.find("lap --root ")?).1));
        let line = line.unwrap_or_else(|| panic!("no {begins:?} in {}", failed.stderr));
        let script =
            format!("lap() {{ \"$0\" \"$@\"; }}; {}{more}", line.replace(" -it ", " --rm "));
        let lap = store.lap(&[]);
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(lap.get_program()).stdin(Stdio::null());
        shell.envs(lap.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Answer::of(shell.env_remove("LAPSTRAKE_ROOT")).ends_with(0).stdout
    };
    assert_eq!(typed(" build logs ", ""), "it's here\n");
    assert_eq!(typed(" run -it --step ", " echo reached"), "reached\n");
}

#[test]
fn the_commands_work_for_an_ordinary_user() {
    let user = User::new(RANGES);
    let context = user.context(FAILING);
    let failed = user.lap_behind(&[], &["build", &context]).ends_with(1);
    follow(&failed, |words| user.lap_behind(&[], words));
}

#[test]
fn only_builds_that_execute_something_have_a_log() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo one\n");
    store.build("x", context.path());
    let first = store.ok(&["build", "logs"]);
    assert_eq!(first.lines().count(), 2, "{first}");
    assert!(first.contains("built"), "{first}");
    store.build("x", context.path());
    assert_eq!(store.ok(&["build", "logs"]).lines().count(), 2, "a cached build left a log");
    context.write("Dockerfile", "FROM busybox\nRUN echo one\nRUN echo two\n");
    store.build("x", context.path());
    let last = store.ok(&["build", "logs", "last"]);
    assert!(last.contains("(cached)") && last.ends_with("\ntwo"), "{last}");
}

#[test]
fn secrets_are_not_in_the_log() {
    let store = Store::new();
    let secret = "a-secret-0123456789";
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=secret,id=s,env=S echo \"<$S>\"; printf %s $S | base64; \
         echo $S | head -c 9; exit 3\n",
    );
    let mut lap = store.lap(&["build", "--secret", "id=s,env=S", &text(context.path())]);
    let failed = Answer::of(lap.env("S", secret)).ends_with(1);
    let logs = named(&failed, "lap build logs");
    let logs: Vec<&str> = logs.iter().map(String::as_str).collect();
    assert_eq!(store.ok(&logs), "<****>\n****Q==\na-secret-");
}

#[test]
fn what_a_killed_build_wrote_is_there() {
    let store = Store::new();
    let seconds = crate::support::unusual_sleep();
    let script = format!("echo early; sleep 1.2; echo late; sleep {seconds}");
    let context = Context::new(&format!("FROM busybox\nRUN {script}\nRUN never\n"));
    let build = Background::of(store.lap(&["build", "--progress", "plain", &text(context.path())]));
    wait_for("a log", || store.ok(&["build", "logs"]).contains("running").then_some(()));
    let listed = || store.ok(&["build", "logs", "last"]);
    wait_for("the second line", || listed().contains("\nlate").then_some(()));
    build.signal(Signal::SIGKILL);
    let killed = build.answer();
    assert_eq!(killed.code, None);
    assert!(store.ok(&["build", "logs"]).contains("killed"));
    let listed = listed();
    let line = listed.lines().find(|line| line.ends_with(" (not ended)")).expect("the step");
    let shown = line.trim_start_matches("--- ").trim_end_matches(" (not ended)");
    assert!(killed.stderr.contains(&format!("{shown}\n")), "{shown} in {}", killed.stderr);
    assert!(listed.ends_with("\nearly\nlate\n--- [3/3] RUN never (not begun)"), "{listed}");
    let number = shown.split(' ').next().expect("its number");
    assert_eq!(store.ok(&["build", "logs", "last", number]), "early\nlate");
}

#[test]
fn logs_go_with_all_that_is_known_and_what_is_missing_is_said() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo x > /x\nRUN exit 3\n");
    let failed = store.try_build("x", context.path(), &[]).ends_with(1);
    let run = named(&failed, "lap run");
    let key = run.last().expect("a key");
    let step = |words: &[&str]| store.answer(&[&["run", "--rm", "--step", key], words].concat());
    step(&["cat", "/x"]).ends_with(0).says(&["x"]);
    store.ok(&["cache", "prune"]);
    step(&["true"]).ends_with(125).says(&["are gone", "build again"]);
    assert_eq!(store.ok(&["build", "logs"]).lines().count(), 2);
    let pruned = store.ok(&["cache", "prune", "--all"]);
    assert!(pruned.contains("internal") && pruned.contains("Dockerfile"), "{pruned}");
    assert_eq!(store.ok(&["build", "logs"]).lines().count(), 1);
    step(&["true"]).ends_with(125).says(&["no step with the key"]);
    store.answer(&["build", "logs", "last"]).ends_with(1).says(&["no log of a build last"]);
    store.build("x", Context::new("FROM busybox\nRUN true\n").path());
    store
        .answer(&["build", "logs", "last", "9"])
        .ends_with(1)
        .says(&["has no step 9", "lists those"]);
}

#[test]
fn logs_of_a_store_that_is_not_there_make_none() {
    let store = Store::new();
    let listed = store.ok(&["build", "logs"]);
    assert_eq!(listed.lines().count(), 1, "{listed}");
    store.answer(&["build", "logs", "last"]).ends_with(1).says(&["there is no log"]);
    assert!(!store.root().exists());
    std::fs::create_dir(store.root()).expect("make a folder");
    store.ok(&["build", "logs"]);
    assert_eq!(std::fs::read_dir(store.root()).expect("list").count(), 0);
}
