//! Named contexts and triggers: what stands in the place of what, and what a base leaves behind.

use crate::support::{Bench, Outcomes};
use lapstrake_solver::Error;
use lapstrake_solver::event::Outcome::{Cached, Executed};
use lapstrake_solver::lower::NamedContext;

fn image(name: &str) -> NamedContext {
    NamedContext::Image(name.parse().unwrap())
}

/// The image that the result was built on.
fn base_of(bench: &Bench, outcomes: &Outcomes) -> Option<String> {
    bench.config(outcomes.built()).config.labels.get("name").cloned()
}

#[test]
fn a_context_replaces_an_image_in_all_spellings_of_its_name() {
    let mut bench = Bench::new();
    bench.images.0.insert("other:latest", Vec::new());
    for context in ["busybox", "busybox:latest", "docker.io/library/busybox"] {
        bench.contexts = Default::default();
        bench.name(context, image("other"));
        for name in
            ["busybox", "busybox:latest", "docker.io/busybox", "docker.io/library/busybox:latest"]
        {
            let outcomes = bench.build(&format!("FROM {name}\n"));
            assert_eq!(
                base_of(&bench, &outcomes).as_deref(),
                Some("other:latest"),
                "{context} {name}"
            );
        }
        for name in ["busybox:1", "r.example/busybox"] {
            let outcomes = bench.build(&format!("FROM {name}\n"));
            assert!(matches!(outcomes.result, Err(Error::Image { .. })), "{context} {name}");
        }
    }
}

#[test]
fn a_replaced_stage_runs_nothing_and_its_base_is_not_asked_for() {
    let mut bench = Bench::new();
    bench.images.0.insert("other:latest", vec!["RUN write trigger 1"]);
    bench.name("mid", image("other"));
    let dockerfile = "FROM nowhere AS up\nRUN fail 1\nFROM up AS Mid\nRUN fail 2\n\
                      ONBUILD RUN fail 3\nFROM mid\nRUN write f 1\n";
    let outcomes = bench.build(dockerfile);
    assert_eq!(base_of(&bench, &outcomes).as_deref(), Some("other:latest"));
    assert_eq!(bench.executed(), ["write f 1"]);
}

#[test]
fn a_context_replaces_image_and_stage_of_its_name() {
    let mut bench = Bench::new();
    bench.images.0.insert("other:latest", Vec::new());
    bench.name("base", image("other"));
    // The FROM of the stage itself means the image, so it is replaced; so is the stage.
    let outcomes = bench.build("FROM base AS base\nRUN write f 1\nFROM base\n");
    assert_eq!(base_of(&bench, &outcomes).as_deref(), Some("other:latest"));
    assert!(bench.executed().is_empty());
}

#[test]
fn scratch_may_stand_in_for_an_image_but_nothing_for_scratch() {
    let mut bench = Bench::new();
    bench.name("busybox", NamedContext::Scratch);
    bench.name("scratch", image("nowhere"));
    let outcomes = bench
        .build("FROM busybox AS b\nFROM scratch\nCOPY --from=b / /x\nCOPY --from=scratch / /y\n");
    assert_eq!(base_of(&bench, &outcomes), None);
    assert_eq!(bench.config(outcomes.built()).config.working_dir, "/");
}

#[test]
fn files_of_a_context_are_copied_with_its_own_key() {
    let mut bench = Bench::new();
    bench.named_file("extra", "d/f", "one");
    bench.name("extra", NamedContext::Files);
    let dockerfile = "FROM base\nCOPY --from=extra d /d\nCOPY --from=extra:latest d/f /f\n";
    assert_eq!(bench.build(dockerfile).outcome("extra d "), Executed);
    bench.named_file("extra", "other", "not copied");
    let again = bench.build(dockerfile);
    assert_eq!((again.outcome("extra d "), again.outcome("d/f")), (Cached, Cached));
    bench.named_file("extra", "d/f", "two");
    assert_eq!(bench.build(dockerfile).outcome("d/f"), Executed);
}

#[test]
fn a_missing_file_of_a_context_is_looked_for_there() {
    let mut bench = Bench::new();
    bench.named_file("extra", "config.toml", "");
    bench.name("extra", NamedContext::Files);
    let outcomes = bench.build("FROM base\nCOPY --from=extra config.tom /f\n");
    match outcomes.result {
        Err(Error::Faults(faults)) => {
            assert_eq!(faults[0].message, "/config.tom not found");
            assert_eq!(faults[0].help.as_deref(), Some("did you mean /config.toml?"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_the_ignore_file_leaves_out_is_said_to_be_there() {
    let mut bench = Bench::new();
    bench.file("src/main.c", "");
    bench.ignore = "# sources\n*.md\n src/*.c\n!src/other.c\n";
    for (instruction, is_there) in [
        ("COPY src/main.c /", true),
        ("RUN --mount=source=src/main.c,target=/m write f 1", true),
        ("COPY src/gone.c /", false),
    ] {
        match bench.build(&format!("FROM base\n{instruction}\n")).result {
            Err(Error::Faults(faults)) => {
                let help = "`src/*.c` in .dockerignore:3 leaves it out: add `!src/main.c` below \
                            that line";
                assert_eq!(faults[0].help.as_deref(), is_there.then_some(help), "{instruction}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn all_missing_files_of_a_context_are_told_at_once() {
    let mut bench = Bench::new();
    bench.named_file("extra", "there", "");
    bench.name("extra", NamedContext::Files);
    let dockerfile = "FROM base\nCOPY --from=extra there nope /a/\nRUN write g 1\n\
                      COPY --from=extra *.none /b/\nCOPY --from=extra --parents d/./gone /c\n";
    match bench.build(dockerfile).result {
        Err(Error::Faults(faults)) => {
            let told: Vec<_> = faults
                .iter()
                .map(|fault| (&dockerfile[fault.span.range()], fault.message.as_str()))
                .collect();
            assert_eq!(told, [("nope", "/nope not found"), ("d/./gone", "/d not found")]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_context_of_files_can_be_a_base_and_a_stage() {
    let mut bench = Bench::new();
    bench.named_file("files", "f", "f");
    bench.name("files", NamedContext::Files);
    let outcomes = bench.build("FROM files\nRUN write g 1\n");
    let config = bench.config(outcomes.built());
    assert_eq!(config.rootfs.diff_ids.len(), 2);
    assert_eq!(config.history.iter().filter(|entry| !entry.empty_layer).count(), 2);
    assert_eq!(config.config.working_dir, "/");
    // As a stage it is not copied twice.
    let outcomes =
        bench.build("FROM base AS files\nRUN fail 1\nFROM base\nCOPY --from=files f /f\n");
    assert_eq!(outcomes.steps.len(), 1, "{:?}", outcomes.steps);
}

#[test]
fn triggers_of_an_image_run_once_and_may_need_stages_and_images() {
    let mut bench = Bench::new();
    let triggers = vec!["RUN write t 1", "COPY --from=stage /f /g", "COPY --from=third / /third"];
    bench.images.0.insert("parent:latest", triggers);
    bench.images.0.insert("third:latest", Vec::new());
    let dockerfile = "FROM base AS stage\nRUN write f 1\nFROM parent AS child\nRUN write c 1\n\
                      FROM child\nRUN write d 1\n";
    let outcomes = bench.build(dockerfile);
    let mut executed = bench.executed();
    executed.sort();
    assert_eq!(executed, ["write c 1", "write d 1", "write f 1", "write t 1"]);
    assert_eq!(outcomes.outcome("ONBUILD COPY --from=stage"), Executed);
    assert!(bench.config(outcomes.built()).config.on_build.is_empty());
}

#[test]
fn a_trigger_that_names_a_later_stage_is_a_fault_at_the_from() {
    let mut bench = Bench::new();
    bench.images.0.insert("parent:latest", vec!["COPY --from=late / /x"]);
    let dockerfile = "FROM parent AS child\nFROM child AS late\n";
    match bench.build(dockerfile).result {
        Err(Error::Faults(faults)) => {
            let shown: Vec<_> =
                faults.iter().map(|fault| (fault.code, &dockerfile[fault.span.range()])).collect();
            assert_eq!(shown, [("stage-order", "parent")]);
        }
        other => panic!("{other:?}"),
    }
}
