//! When a step is executed and when its earlier result is taken, row by row as ARCHITECTURE.md's
//! table of keys says, in both directions.

use std::fs;

use crate::support::Bench;
use lapstrake_solver::Error;
use lapstrake_solver::event::Outcome::{Cached, Executed, Failed};

#[test]
fn an_unchanged_build_executes_nothing_and_gives_the_same_image() {
    let bench = Bench::new();
    bench.file("a.txt", "a");
    let dockerfile = "FROM base\nWORKDIR /w\nCOPY a.txt .\nRUN write b 1\nENV X=1\nCMD x\n";
    let first = bench.build(dockerfile);
    assert!(first.steps.iter().all(|(_, outcome)| *outcome == Executed), "{:?}", first.steps);
    assert_eq!(bench.executed(), ["write b 1"]);
    let second = bench.build(dockerfile);
    assert!(second.steps.iter().all(|(_, outcome)| *outcome == Cached), "{:?}", second.steps);
    assert!(bench.executed().is_empty());
    assert_eq!(first.built().id, second.built().id);
    assert_eq!(first.built().document, second.built().document);
}

#[test]
fn a_copy_depends_on_content_and_mode_but_not_on_times_or_neighbours() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.file("d/a", "one");
    bench.file("d/sub/b", "two");
    let dockerfile = "FROM base\nCOPY d /d\n";
    let copied = || bench.build(dockerfile).outcome("COPY d");
    assert_eq!(copied(), Executed);
    bench.file("other", "not copied");
    bench.file("d/a", "one");
    assert_eq!(copied(), Cached, "same content, new time");
    let path = bench.context().join("d/a");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(copied(), Executed, "mode");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(copied(), Cached, "as it was");
    bench.file("d/a", "uno");
    assert_eq!(copied(), Executed, "content");
    fs::rename(bench.context().join("d/sub/b"), bench.context().join("d/sub/c")).unwrap();
    assert_eq!(copied(), Executed, "name");
    std::os::unix::fs::symlink("a", bench.context().join("d/link")).unwrap();
    assert_eq!(copied(), Executed, "link");
    assert_eq!(copied(), Cached);
}

#[test]
fn what_a_copy_leaves_out_does_not_count() {
    let bench = Bench::new();
    bench.file("d/a", "a");
    bench.file("d/sub/b", "b");
    bench.file("d/sub/c", "c");
    let excluding =
        || bench.build("FROM base\nCOPY --exclude=sub --exclude=*.md d /d\n").outcome("COPY");
    let keeping = || bench.build("FROM base\nCOPY --parents d/sub/b /d/\n").outcome("COPY");
    assert_eq!((excluding(), keeping()), (Executed, Executed));
    bench.file("d/sub/c", "changed");
    bench.file("d/new.md", "new");
    assert_eq!((excluding(), keeping()), (Cached, Cached));
    bench.file("d/sub/b", "changed");
    assert_eq!((excluding(), keeping()), (Cached, Executed));
    bench.file("d/a", "changed");
    assert_eq!((excluding(), keeping()), (Executed, Cached));
    fs::rename(bench.context().join("d"), bench.context().join("e")).unwrap();
    let moved = bench.build("FROM base\nCOPY --exclude=sub --exclude=*.md e /d\n");
    assert_eq!(moved.outcome("COPY"), Cached, "the folder itself does not count");
    let kept = bench.build("FROM base\nCOPY --parents e/sub/b /d/\n");
    assert_eq!(kept.outcome("COPY"), Executed, "here it does");
}

#[test]
fn what_a_copy_from_a_stage_leaves_out_does_not_count() {
    let bench = Bench::new();
    let dockerfile = |noise: &str| {
        format!(
            "FROM base AS b\nRUN write noise {noise}\nRUN write out 1\nFROM base\n\
             COPY --from=b --exclude=noise / /o/\nCOPY --from=b --parents o* /p/\n"
        )
    };
    bench.build(&dockerfile("x")).built();
    let again = bench.build(&dockerfile("y"));
    assert_eq!(again.outcome("write noise"), Executed);
    assert_eq!(again.outcome("--exclude"), Cached);
    assert_eq!(again.outcome("--parents"), Cached);
}

#[test]
fn a_linked_copy_does_not_depend_on_what_is_below() {
    let bench = Bench::new();
    bench.file("a", "a");
    let build = |below: &str, flag: &str| {
        bench.build(&format!("FROM base\nRUN write f {below}\nCOPY {flag} a /d/\nRUN write g 1\n"))
    };
    let first = build("1", "--link");
    assert_eq!(first.outcome("COPY"), Executed);
    let second = build("2", "--link");
    assert_eq!(second.outcome("write f"), Executed);
    assert_eq!(second.outcome("COPY"), Cached, "another base");
    assert_eq!(second.outcome("write g"), Executed, "which sees that base");
    let layer =
        |outcomes: &crate::support::Outcomes| bench.config(outcomes.built()).rootfs.diff_ids[1];
    assert_eq!(layer(&first), layer(&second));
    assert_eq!(build("1", "--link --chown=1:2").outcome("COPY"), Executed, "owner");
    assert_eq!(build("1", "--link --exclude=x").outcome("COPY"), Cached, "nothing left out");
    assert_eq!(build("1", "--link --chmod=644").outcome("COPY"), Executed, "a plain copy");
    assert_eq!(build("3", "--link --chmod=644").outcome("COPY"), Executed, "so its base counts");
    assert_eq!(build("1", "").outcome("COPY"), Executed);
    assert_eq!(build("1", "--link=false").outcome("COPY"), Cached);
    bench.file("a", "changed");
    assert_eq!(build("1", "--link").outcome("COPY"), Executed, "content");
}

#[test]
fn stages_share_a_linked_copy() {
    let bench = Bench::new();
    bench.file("a", "a");
    let outcomes = bench.build(
        "FROM base AS b\nRUN write f 1\nCOPY --link a /d/\nFROM base\nRUN write f 2\n\
         COPY --link a /d/\nCOPY --from=b /f /g\n",
    );
    let copies = outcomes.steps.iter().filter(|(name, _)| name.contains("--link"));
    assert_eq!(copies.count(), 1);
    assert_eq!(bench.config(outcomes.built()).rootfs.diff_ids.len(), 3);
}

#[test]
fn the_folder_that_a_source_lies_in_does_not_count() {
    let bench = Bench::new();
    bench.file("one/f", "f");
    assert_eq!(bench.build("FROM base\nCOPY one/f /f\n").outcome("COPY"), Executed);
    fs::rename(bench.context().join("one"), bench.context().join("two")).unwrap();
    assert_eq!(bench.build("FROM base\nCOPY two/f /f\n").outcome("COPY"), Cached);
    assert_eq!(bench.build("FROM base\nCOPY two/f /g\n").outcome("COPY"), Executed);
}

#[test]
fn a_command_depends_on_its_words_its_environment_and_what_is_below() {
    let bench = Bench::new();
    let run =
        |before: &str| bench.build(&format!("FROM base\n{before}\nRUN write f 1\n")).outcome("RUN");
    assert_eq!(run("LABEL a=1"), Executed);
    assert_eq!(run("LABEL a=2\nEXPOSE 80\nCMD x"), Cached, "metadata that no process sees");
    assert_eq!(run("ENV A=1"), Executed);
    assert_eq!(run("ENV A=2"), Executed);
    assert_eq!(run("ARG A=2"), Cached, "the same variable from elsewhere");
    assert_eq!(run("USER 5"), Executed);
    assert_eq!(run("WORKDIR /x"), Executed);
    assert_eq!(run("SHELL [\"/bin/other\", \"-c\"]"), Executed);
    assert_eq!(run("ARG NEVER_GIVEN"), Cached, "an argument without a value is not there");
}

#[test]
fn proxies_reach_a_command_but_not_its_key() {
    let mut bench = Bench::new();
    let dockerfile = "FROM base\nRUN write f 1\n";
    assert_eq!(bench.build(dockerfile).outcome("RUN"), Executed);
    bench.arguments = vec![("HTTP_PROXY", "http://127.0.0.1:1")];
    assert_eq!(bench.build(dockerfile).outcome("RUN"), Cached);
    bench.arguments = vec![("OTHER", "1")];
    assert_eq!(bench.build(dockerfile).outcome("RUN"), Cached, "not declared");
    let declared = "FROM base\nARG OTHER\nRUN write f 1\n";
    assert_eq!(bench.build(declared).outcome("RUN"), Executed, "declared");
}

#[test]
fn a_step_that_ran_again_and_wrote_the_same_leaves_what_follows_cached() {
    let bench = Bench::new();
    let first = bench.build("FROM base\nRUN write f 1\nRUN write g 2\nRUN write h 3\n");
    assert_eq!(first.outcome("write g"), Executed);
    let second =
        bench.build("FROM base\nRUN write f 1 # a comment\nRUN write g 2\nRUN write h 3\n");
    assert_eq!(second.outcome("write f"), Executed);
    assert_eq!(second.outcome("write g"), Cached);
    assert_eq!(second.outcome("write h"), Cached);
    // And the layer is the earlier one, so all that differs is the history.
    let diff_ids = |built| bench.config(built).rootfs.diff_ids;
    assert_eq!(diff_ids(first.built()), diff_ids(second.built()));
    let third = bench.build("FROM base\nRUN write f 9\nRUN write g 2\n");
    assert_eq!(third.outcome("write g"), Executed);
}

#[test]
fn a_rebuilt_stage_with_the_same_artefact_leaves_the_copy_cached() {
    let bench = Bench::new();
    let dockerfile = |noise: &str| {
        format!(
            "FROM base AS b\nRUN write noise {noise}\nRUN write out 1\nFROM base\nCOPY --from=b /out /o\n"
        )
    };
    assert_eq!(bench.build(&dockerfile("x")).outcome("COPY"), Executed);
    let again = bench.build(&dockerfile("y"));
    assert_eq!(again.outcome("noise"), Executed);
    assert_eq!(again.outcome("COPY"), Cached);
}

#[test]
fn each_distinct_step_is_executed_once_and_unneeded_stages_never() {
    let bench = Bench::new();
    let dockerfile = "FROM base AS a\nRUN write f 1\nFROM base AS b\nRUN write f 1\nRUN write g 2\n\
                      FROM base AS unneeded\nRUN write h 3\n\
                      FROM base\nCOPY --from=a /f /a\nCOPY --from=b /g /b\n";
    bench.build(dockerfile).built();
    let mut executed = bench.executed();
    executed.sort();
    assert_eq!(executed, ["write f 1", "write g 2"]);
}

#[test]
fn builds_that_meet_on_one_store_execute_each_step_once() {
    let bench = Bench::new();
    let dockerfile = "FROM base\nRUN sleep 30\nRUN write f 1\n";
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| bench.build(dockerfile).built().id);
        }
    });
    assert_eq!(bench.executed(), ["sleep 30", "write f 1"]);
}

#[test]
fn an_image_whose_history_claims_the_same_steps_is_no_cache() {
    let honest = Bench::new();
    honest.file("a.txt", "a");
    let steps = "COPY a.txt /\nRUN write b 1\n";
    let built = honest.build(&format!("FROM base\n{steps}"));
    let history = honest.config(built.built()).history;
    assert_eq!(history.iter().filter(|entry| !entry.empty_layer).count(), 2, "{history:?}");

    let mut bench = Bench::new();
    bench.file("a.txt", "a");
    bench.images.1 = history;
    // First the image itself is used, so that all there is to be known of it is known.
    bench.build("FROM base\nRUN write c 2\n").built();
    assert_eq!(bench.executed(), ["write c 2"]);
    let built = bench.build(&format!("FROM base\n{steps}"));
    assert_eq!((built.outcome("COPY"), built.outcome("RUN")), (Executed, Executed));
    assert_eq!(bench.executed(), ["write b 1"]);
}

#[test]
fn a_changed_healthcheck_or_trigger_is_in_the_image_though_no_step_runs_again() {
    let bench = Bench::new();
    let configured = |check: &str, trigger: &str| {
        let text =
            format!("FROM base\nHEALTHCHECK CMD [\"{check}\"]\nONBUILD {trigger}\nRUN write f 1\n");
        let built = bench.build(&text);
        let config = bench.config(built.built()).config;
        let test = config.healthcheck.map(|check| check.test).unwrap_or_default();
        (built.outcome("RUN"), test.join(" "), config.on_build.join(" "))
    };
    let expected =
        |outcome, check: &str, trigger: &str| (outcome, format!("CMD {check}"), trigger.to_owned());
    assert_eq!(configured("old", "RUN a"), expected(Executed, "old", "RUN a"));
    assert_eq!(configured("new", "RUN a"), expected(Cached, "new", "RUN a"));
    assert_eq!(configured("new", "RUN b"), expected(Cached, "new", "RUN b"));
}

#[test]
fn a_failed_step_names_itself_shows_its_output_and_leaves_nothing() {
    let bench = Bench::new();
    let outcomes = bench.build("FROM base\nRUN write f 1\nRUN fail 3\nRUN write g 2\n");
    assert_eq!(outcomes.outcome("fail"), Failed);
    match outcomes.result {
        Err(Error::Command { name, span, status, log, .. }) => {
            assert_eq!(name, "[3/4] RUN fail 3");
            assert_eq!(span.map(|span| span.start), Some(24));
            assert_eq!(status.code(), 3);
            assert_eq!(log, b"it went wrong\n");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.executed(), ["write f 1", "fail 3"]);
    assert_eq!(fs::read_dir(bench.store.root().join("tmp")).unwrap().count(), 0);
    assert!(bench.store.tags().unwrap().is_empty());
    let again = bench.build("FROM base\nRUN write f 1\nRUN write g 2\n");
    assert_eq!(again.outcome("write f"), Cached);
}

#[test]
fn the_first_failure_stops_its_siblings() {
    let bench = Bench::new();
    let dockerfile = "FROM base AS a\nRUN wait\nFROM base AS b\nRUN sleep 20\nRUN fail 1\n\
                      FROM base\nCOPY --from=a / /a\nCOPY --from=b / /b\n";
    let outcomes = bench.build(dockerfile);
    assert!(matches!(outcomes.result, Err(Error::Command { .. })), "{:?}", outcomes.result);
}
