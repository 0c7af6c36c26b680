//! `lap fmt`: which files it writes, what it says, and what it exits with.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;

use crate::support::{Answer, Context, Store};

const ODD: &str = "from scratch as base\n";
const GOOD: &str = "FROM scratch AS base\n";

fn fmt(folder: &Path, arguments: &[&str]) -> Answer {
    let mut command = Store::new().lap(&[&["fmt"], arguments].concat());
    Answer::of(command.current_dir(folder))
}

/// What a file of the context holds.
fn text(context: &Context, name: &str) -> String {
    fs::read_to_string(context.path().join(name)).expect("read a file")
}

#[test]
fn files_are_written_in_their_place() {
    let context = Context::new(ODD)
        .file("a/dev.Dockerfile", ODD)
        .file("gone/Dockerfile", ODD)
        .file("real", ODD)
        .file("good/Dockerfile", GOOD)
        .file(".gitignore", "gone/\n");
    let folder = context.path();
    context.set_mode("a/dev.Dockerfile", 0o640);
    symlink("real", folder.join("link.Dockerfile")).expect("make a link");
    let untouched = fs::metadata(folder.join("good/Dockerfile")).expect("look at a file");
    let answer = fmt(folder, &[]).ends_with(0);
    assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("", ""));
    for name in ["Dockerfile", "a/dev.Dockerfile", "real", "good/Dockerfile"] {
        assert_eq!(text(&context, name), GOOD, "{name}");
    }
    assert_eq!(text(&context, "gone/Dockerfile"), ODD, "git ignores it");
    let mode = fs::metadata(folder.join("a/dev.Dockerfile")).expect("look at a file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
    assert!(folder.join("link.Dockerfile").is_symlink());
    let after = fs::metadata(folder.join("good/Dockerfile")).expect("look at a file");
    assert_eq!(untouched.modified().ok(), after.modified().ok(), "it was right before");
    fmt(folder, &["--check"]).ends_with(0);
    fmt(folder, &["gone/Dockerfile"]).ends_with(0);
    assert_eq!(text(&context, "gone/Dockerfile"), GOOD, "it was named");
}

#[test]
fn what_would_change_is_told_and_nothing_is_changed() {
    let context = Context::new(ODD).file("good/Dockerfile", GOOD).file("x/Dockerfile", ODD);
    let told = fmt(context.path(), &["--check"]).ends_with(1).stdout;
    assert_eq!(told, "Dockerfile\nx/Dockerfile\n");
    let told = fmt(context.path(), &["--diff", "x"]).ends_with(1).stdout;
    let diff = format!("--- a/x/Dockerfile\n+++ b/x/Dockerfile\n@@ -1 +1 @@\n-{ODD}+{GOOD}");
    assert_eq!(told, diff);
    assert_eq!(text(&context, "x/Dockerfile"), ODD);
    assert_eq!(fmt(context.path(), &["--diff", "good"]).ends_with(0).stdout, "");
}

#[test]
fn a_file_that_is_no_dockerfile_stays_and_the_others_do_not() {
    let broken = "from a as b\nCPOY a b\n";
    let context = Context::new(ODD).file("x/Dockerfile", broken);
    fs::write(context.path().join("y.Dockerfile"), b"from a\n# \xff\n").expect("write a file");
    fs::create_dir(context.path().join("empty")).expect("make a folder");
    fmt(context.path(), &[]).ends_with(4).says(&[
        "unknown-instruction",
        "x/Dockerfile stays as it is: it is no Dockerfile",
        "y.Dockerfile stays as it is: it is not UTF-8",
    ]);
    assert_eq!(text(&context, "x/Dockerfile"), broken);
    assert_eq!(text(&context, "Dockerfile"), GOOD);
    fmt(context.path(), &["none/Dockerfile"]).ends_with(2).says(&["cannot read none/Dockerfile"]);
    fmt(context.path(), &["empty"]).ends_with(3).says(&["no Dockerfile found"]);
    fmt(context.path(), &["--wibble"]).ends_with(2);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let given = |arguments: &[&str], text: &str| {
        let mut command = Store::new().lap(&[&["fmt", "-"], arguments].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start lap");
        let mut input = child.stdin.take().expect("it was asked for");
        input.write_all(text.as_bytes()).expect("lap reads");
        drop(input);
        let output = child.wait_with_output().expect("wait for lap");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(given(&[], ODD), (Some(0), GOOD.to_owned()));
    assert_eq!(given(&[], GOOD), (Some(0), GOOD.to_owned()));
    assert_eq!(given(&["--check"], ODD), (Some(1), "-\n".to_owned()));
    assert_eq!(given(&[], "CPOY a\n"), (Some(4), String::new()));
}
