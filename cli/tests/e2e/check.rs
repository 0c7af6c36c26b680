//! What `lap build` says of a Dockerfile that can be built.

use crate::support::{Answer, Context, Store};

/// With two things to say of it: the case of `as`, and `ENV A b`.
const ODD: &str = "FROM scratch as base\nENV A b\nCOPY f /f\n";

fn built(dockerfile: &str, flags: &[&str]) -> Answer {
    let context = Context::new(dockerfile);
    context.write("f", "");
    Store::new().try_build("odd", context.path(), flags)
}

#[test]
fn warnings_stand_behind_the_build() {
    let answer = built(ODD, &[]).ends_with(0);
    let at = |text: &str| answer.stderr.find(text).unwrap_or_else(|| panic!("{}", answer.stderr));
    assert!(at("writing image") < at("warning[FromAsCasing]"));
    assert!(at("Dockerfile:1:14") < at("warning[LegacyKeyValueFormat]"));
    assert_eq!(answer.stderr.matches("warning[").count(), 2, "{}", answer.stderr);
    assert_eq!(built(ODD, &["--quiet"]).ends_with(0).stderr, "");
}

#[test]
fn a_file_says_which_checks_it_wants() {
    let answer = built(&format!("# check=skip=FromAsCasing\n{ODD}"), &[]).ends_with(0);
    assert!(!answer.stderr.contains("FromAsCasing"), "{}", answer.stderr);
    let failed = built(&format!("# check=error=true\n{ODD}"), &[]).ends_with(1);
    let failed = failed.says(&["error[FromAsCasing]", "error[LegacyKeyValueFormat]"]);
    assert!(!failed.stderr.contains("COPY f /f\n#"), "it was built: {}", failed.stderr);
    built(&format!("# check=skip=all;error=true\n{ODD}"), &[]).ends_with(0);
    built(&format!("# check=skip=A;wat=1\n{ODD}"), &[]).ends_with(1).says(&["Dockerfile:1:16"]);
}

#[test]
fn build_arguments_take_the_place_of_directives() {
    let arguments = "BUILDKIT_DOCKERFILE_CHECK=skip=FromAsCasing;error=true";
    let file = format!("# check=wat\n{ODD}");
    let failed = built(&file, &["--build-arg", arguments]).ends_with(1);
    assert!(!failed.stderr.contains("FromAsCasing"), "{}", failed.stderr);
    failed.says(&["error[LegacyKeyValueFormat]"]);
    let flags = ["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=wat"];
    built(ODD, &flags).ends_with(1).says(&["BUILDKIT_DOCKERFILE_CHECK", "wat"]);
    let foreign = format!("# syntax=example.com/other\n{ODD}");
    built(&foreign, &[]).ends_with(0).says(&["foreign-syntax", "example.com/other"]);
    let own = ["--build-arg", "BUILDKIT_SYNTAX=docker/dockerfile:1"];
    let answer = built(&foreign, &own).ends_with(0);
    assert!(!answer.stderr.contains("example.com/other is"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("foreign-syntax"), "{}", answer.stderr);
    let other = ["--build-arg", "BUILDKIT_SYNTAX=example.com/other"];
    built(ODD, &other).ends_with(0).says(&["BUILDKIT_SYNTAX", "example.com/other"]);
}

#[test]
fn warnings_are_told_beside_a_failure() {
    let failed = built("FROM scratch as base\nRUM x\n", &[]).ends_with(1);
    failed.says(&["warning[FromAsCasing]", "error[unknown-instruction]"]);
    let failed = built("FROM scratch as base\nCOPY missing /f\n", &[]).ends_with(1);
    failed.says(&["warning[FromAsCasing]", "missing"]);
}

#[test]
fn what_a_base_image_sets_is_known() {
    let file = "FROM busybox\nLABEL a=$PATH b=$nothing\nCMD x\n";
    let answer =
        built(file, &[]).ends_with(0).says(&["`nothing` is not defined", "Dockerfile:3:5"]);
    assert_eq!(answer.stderr.matches("warning[").count(), 2, "{}", answer.stderr);
}

#[test]
fn a_copy_of_what_is_left_out_is_told() {
    let context = Context::new("FROM scratch\nCOPY f g /\n");
    context.write("f", "");
    context.write("g", "");
    context.write(".dockerignore", "g\n");
    let answer = Store::new().try_build("odd", context.path(), &[]).ends_with(1);
    answer.says(&["warning[CopyIgnoredFile]", "Dockerfile:2:8"]);
}

#[test]
fn the_configuration_above_the_dockerfile_counts() {
    let context = Context::new("FROM scratch\n");
    context.write("f", "");
    context.write("docker/Dockerfile", ODD);
    let file = context.path().join("docker/Dockerfile");
    let flags = ["-f", file.to_str().expect("a name")];
    let built = |flags: &[&str]| Store::new().try_build("odd", context.path(), flags);
    let names = |answer: &Answer, level: &str| {
        ["FromAsCasing", "LegacyKeyValueFormat"]
            .map(|name| answer.stderr.contains(&format!("{level}[{name}]")))
    };
    context.write("lapstrake.toml", "[lint]\nignored = [\"FromAsCasing\"]\n");
    assert_eq!(names(&built(&flags).ends_with(0), "warning"), [false, true]);
    let checked =
        Store::new().try_build("odd", context.path(), &[&flags[..], &["--check"]].concat());
    let checked = checked.ends_with(1).stdout;
    assert!(!checked.contains("FromAsCasing") && checked.contains("LegacyKeyValueFormat"));
    context.write("lapstrake.toml", "[lint.override]\ninfo = [\"FromAsCasing\", \"DL4000\"]\n");
    assert_eq!(names(&built(&flags).ends_with(0), "info"), [true, false]);
    // The nearest one counts, and what it calls an error is one.
    context.write("docker/lapstrake.toml", "[lint.override]\nerror = [\"FromAsCasing\"]\n");
    let failed = built(&flags).ends_with(1);
    assert_eq!(names(&failed, "error"), [true, false]);
    // A configuration with a fault is told about, and nothing is built differently.
    context.write("docker/lapstrake.toml", "[lint]\nignored = [\"Wibble\"]\n");
    let told = built(&flags).ends_with(0);
    assert_eq!(names(&told, "warning"), [true, true]);
    told.says(&["there is no rule `Wibble`"]);
}

#[test]
fn build_arguments_that_nothing_takes_are_told() {
    let text = "ARG ONE\nFROM scratch\nARG TWO\nLABEL a=$TWO\n";
    let given = ["ONE=1", "TWO=2", "THREE=3", "HTTP_PROXY=http://localhost", "TARGETARCH=arm64"];
    let flags: Vec<&str> = given.iter().flat_map(|pair| ["--build-arg", pair]).collect();
    let said = built(text, &flags).ends_with(0).stderr;
    assert!(said.contains("no ARG takes the build argument THREE\n"), "{said}");
    let flags = &flags[..4];
    assert!(!built(text, flags).ends_with(0).stderr.contains("no ARG takes"));
}
