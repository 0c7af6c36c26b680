//! `lap lint`: which files it looks at, what it says, and what it exits with.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Answer, Background, Store, prepared, testdata};

/// With one thing to say of it: the case of `as`.
const ODD: &str = "FROM scratch as base\n";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("make a folder");
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path)).expect("make its folder");
        fs::write(path, content).expect("write a file");
    }
    folder
}

fn lint(folder: &Path, arguments: &[&str]) -> Answer {
    let mut command = Store::new().lap(&[&["lint"], arguments].concat());
    Answer::of(command.current_dir(folder))
}

#[test]
fn folders_are_looked_at_as_git_sees_them() {
    let folder = folder(&[
        ("Dockerfile", ODD),
        ("a/dev.Dockerfile", "FROM scratch\n"),
        (".devcontainer/Dockerfile.x", ODD),
        ("b/Containerfile", ODD),
        ("gone/Dockerfile", ODD),
        ("a/Dockerfile.dockerignore", "FROM\n"),
        (".gitignore", "gone/\n"),
    ]);
    let said = lint(folder.path(), &["--format", "short"]).ends_with(1).stdout;
    let files: Vec<&str> = said.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(files, [".devcontainer/Dockerfile.x", "Dockerfile", "b/Containerfile", "4 files"]);
    let said = lint(folder.path(), &["--format", "short", "gone/Dockerfile", "a"]).ends_with(1);
    assert!(said.stdout.starts_with("gone/Dockerfile:1:14: warning[FromAsCasing]"), "{said:?}");
    lint(folder.path(), &["a"]).ends_with(0).says(&["a/dev.Dockerfile: nothing found"]);
}

#[test]
fn exit_codes_tell_what_happened() {
    let files = [("odd/Dockerfile", ODD), ("broken/Dockerfile", "FROM a as b\nCPOY a b\n")];
    let folder = folder(&files);
    fs::create_dir(folder.path().join("empty")).expect("make a folder");
    let ends = |arguments: &[&str], code| lint(folder.path(), arguments).ends_with(code);
    ends(&["odd", "--failure-threshold", "error"], 0).says(&["FromAsCasing"]);
    ends(&["odd", "--failure-threshold", "none"], 0);
    ends(&["odd"], 1);
    ends(&["odd", "--wibble"], 2);
    ends(&["odd", "--failure-threshold", "wibble"], 2);
    ends(&["empty"], 3).says(&["no Dockerfile found"]);
    // A file that does not parse, or is not there, keeps no other from being looked at.
    let said = ends(&["odd", "broken"], 4).says(&["error[unknown-instruction]", "FromAsCasing"]);
    assert_eq!(said.stdout.matches("warning[FromAsCasing]").count(), 2, "{}", said.stdout);
    ends(&["odd", "missing/Dockerfile"], 2)
        .says(&["cannot read missing/Dockerfile", "FromAsCasing"]);
}

#[test]
fn findings_are_data() {
    let folder = folder(&[("Dockerfile", "FROM scratch\nMAINTAINER é\n")]);
    let said = lint(folder.path(), &["--format", "json"]).ends_with(1).stdout;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let found = &said["findings"][0];
    assert_eq!(said["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["file"], "Dockerfile");
    assert_eq!(found["code"], "MaintainerDeprecated");
    assert_eq!(found["aliases"][0], "DL4000");
    assert_eq!(found["severity"], "warning");
    assert_eq!((&found["start"]["line"], &found["start"]["column"]), (&2.into(), &1.into()));
    assert_eq!((&found["start"]["offset"], &found["end"]["offset"]), (&13.into(), &23.into()));
    let edit = &found["fix"]["edits"][0];
    assert_eq!(edit["text"], "LABEL org.opencontainers.image.authors=\"é\"");
    assert_eq!(edit["end"]["offset"], 26);
}

/// As GitHub's "Workflow commands" describes them: `%`, line ends, and in properties `:` and `,` are
/// escaped; columns only within one line.
#[test]
fn findings_are_shown_beside_the_lines_by_github() {
    let folder =
        folder(&[("a,b%/Dockerfile", ODD), ("c/Dockerfile", "FROM scratch\nONBUILD FROM a\n")]);
    let said = lint(folder.path(), &["--format", "github", "a,b%"]).ends_with(1).stdout;
    let start = "::warning file=a%2Cb%25/Dockerfile,line=1,endLine=1,col=14,endColumn=16,title=FromAsCasing::";
    assert!(said.starts_with(start), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let said = lint(folder.path(), &["--format", "github", "c"]).ends_with(4).stdout;
    let line = "::error file=c/Dockerfile,line=2,endLine=2,col=9,endColumn=13,title=forbidden-trigger::\
        FROM cannot be an ONBUILD trigger%0A";
    assert!(said.starts_with(line), "{said}");
}

#[test]
fn faults_of_the_syntax_have_the_ids_of_hadolint() {
    let files = [
        ("trigger/Dockerfile", "FROM scratch\nONBUILD FROM a\n"),
        ("early/Dockerfile", "LABEL a=b\nFROM scratch\n"),
        ("other/Dockerfile", "FROM scratch\nWIBBLE now\n"),
    ];
    let folder = folder(&files);
    for (name, id) in [("trigger", "DL3043"), ("early", "DL3061"), ("other", "DL1000")] {
        let said = lint(folder.path(), &["--format", "json", name]).ends_with(4).stdout;
        let said: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said["findings"][0]["aliases"][0], id, "{name}");
    }
}

#[test]
fn standard_input_is_a_file() {
    let mut command = Store::new().lap(&["lint", "-", "--format", "short"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("start lap");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(ODD.as_bytes()).expect("write to it");
    drop(stdin);
    let output = child.wait_with_output().expect("wait for lap");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("-:1:14: warning[FromAsCasing]"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn rules_have_pages() {
    let folder = folder(&[]);
    lint(folder.path(), &["--explain", "DL4000"]).ends_with(0).says(&["A label in place of"]);
    lint(folder.path(), &["--explain", "wibble"]).ends_with(2);
    lint(folder.path(), &["--rules"]).ends_with(0).says(&["MaintainerDeprecated", "DL4000"]);
}

#[test]
fn presets_choose_rules() {
    let folder = folder(&[("Dockerfile", "FROM debian\nRUN cd /x && apk add a\nMAINTAINER a\n")]);
    let codes = |preset: &str| {
        let flags = ["--format", "json", "--preset", preset];
        let said = lint(folder.path(), &flags).ends_with(1).stdout;
        let said: Value = serde_json::from_str(&said).expect("JSON");
        let found = said["findings"].as_array().cloned().unwrap_or_default();
        let names = found.iter().map(|one| one["aliases"][0].as_str().unwrap_or("").to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(codes("buildkit"), ["DL4000"]);
    assert_eq!(codes("recommended"), ["DL3019", "DL4000"]);
    assert_eq!(codes("hadolint"), ["DL3006", "DL3003", "DL3019", "DL3018", "DL4000"]);
    assert_eq!(codes("strict"), codes("hadolint"));
}

#[test]
fn comments_of_both_dialects_silence_rules() {
    let file = "# hadolint global ignore=DL3006\nFROM debian\n\
        # hadolint ignore=DL3018,DL3019 # the newest is wanted\nRUN apk add a\n\
        # check=skip=DL4000\nMAINTAINER a\nRUN cd /x\n# hadolint ignore=DL3018\n\nRUN apk add a=1 b\n";
    let folder = folder(&[("Dockerfile", file)]);
    let flags = ["--format", "short", "--preset", "hadolint"];
    let said = lint(folder.path(), &flags).ends_with(1).stdout;
    let codes = said.lines().filter_map(|line| line.split(['[', ']']).nth(1));
    let expected =
        ["cd-in-run", "unchecked-cd", "consecutive-runs", "apk-index-kept", "unpinned-apk-package"];
    assert_eq!(codes.collect::<Vec<_>>(), expected);
}

#[test]
fn the_configuration_is_found_above_the_file() {
    let folder = folder(&[
        ("odd/a/Dockerfile", ODD),
        ("odd/lapstrake.toml", "[lint]\nignored = [\"FromAsCasing\"]\n"),
        ("odd/.hadolint.yaml", "wibble: 1\n"),
        ("plain/Dockerfile", ODD),
        ("hadolint/Dockerfile", "FROM quay.io/a:1 as b\n# hadolint ignore=DL3026\nUSER root\n"),
        (
            "hadolint/.hadolint.yml",
            "trustedRegistries: [docker.io]\nfailure-threshold: error\noverride: {info: [DL3002]}\n",
        ),
        ("edge/.hadolint.yaml", "ignored: [FromAsCasing]\n"),
        ("edge/.git/HEAD", ""),
        ("edge/a/.git", ""),
        ("edge/a/Dockerfile", ODD),
    ]);
    let short = |arguments: &[&str], code| {
        let arguments = [&["--format", "short"], arguments].concat();
        lint(folder.path(), &arguments).ends_with(code).stdout
    };
    // The nearest one counts, and ours before that of hadolint.
    assert_eq!(short(&["odd"], 0).lines().count(), 1);
    assert!(
        short(&["odd", "plain"], 1).starts_with("plain/Dockerfile:1:14: warning[FromAsCasing]")
    );
    assert!(short(&["odd", "--no-config"], 1).contains("FromAsCasing"));
    // Above a repository nothing counts.
    assert!(short(&["edge"], 1).contains("FromAsCasing"));
    // A rule that the configuration names looks in every preset.
    let said = short(&["hadolint"], 1);
    assert!(said.contains("Dockerfile:1:6: error[untrusted-registry]"), "{said}");
    assert!(said.contains("Dockerfile:3:6: info[last-user-root]"), "{said}");
    let said = short(&["plain", "--config", "hadolint/.hadolint.yml"], 0);
    assert!(said.contains("warning[FromAsCasing]"), "{said}");
    short(&["plain", "--config", "hadolint/.hadolint.yml", "--failure-threshold", "info"], 1);
}

#[test]
fn a_wrong_configuration_shows_its_place() {
    let folder = folder(&[
        ("Dockerfile", ODD),
        ("lapstrake.toml", "[lint]\nignored = [\"FromAsCassing\"]\n"),
        ("broken.yaml", "ignored: [a\n"),
        ("unknown.yaml", "a: 1\nfailure-treshold: error\n"),
    ]);
    let said = lint(folder.path(), &[]).ends_with(2).stderr;
    for part in ["lapstrake.toml:2:12", "no rule `FromAsCassing`", "did you mean `FromAsCasing`?"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let with = |name: &str| lint(folder.path(), &["--config", name]).ends_with(2).stderr;
    assert!(with("broken.yaml").contains("broken.yaml:"), "{}", with("broken.yaml"));
    let said = with("unknown.yaml");
    assert!(
        said.contains("did you mean `failure-threshold`?") && said.contains("unknown.yaml:2:1")
    );
    assert!(with("missing.toml").contains("cannot read the configuration missing.toml"));
    assert!(with("Dockerfile").contains("its form is not known"));
    lint(folder.path(), &["--config", "broken.yaml", "--no-config"]).ends_with(2);
}

#[test]
fn our_own_comments_silence_rules_until_a_day() {
    let file = "FROM debian:12\n# lap: ignore=DL4000 until=2020-01-01 nobody knows\nMAINTAINER a\n\
        # lap: ignore=MaintainerDeprecated until=9998-12-31 for long\nMAINTAINER a\n\
        # lap: ignore=DL3019\nRUN true\n";
    let folder = folder(&[("Dockerfile", file)]);
    let said = lint(folder.path(), &["--format", "short"]).ends_with(1).stdout;
    let places = said.lines().filter_map(|line| line.rsplit_once(']').map(|(place, _)| place));
    let expected = [
        "Dockerfile:2:1: info[unused-suppression",
        "Dockerfile:3:1: warning[MaintainerDeprecated",
        "Dockerfile:6:15: info[unused-suppression",
    ];
    assert_eq!(places.collect::<Vec<_>>(), expected, "{said}");
}

#[test]
fn findings_go_into_several_files_at_once() {
    let folder = folder(&[("Dockerfile", ODD), ("clean/Dockerfile", "FROM scratch\n")]);
    let forms = [
        "sarif",
        "gitlab",
        "codeclimate",
        "checkstyle",
        "junit",
        "rdjson",
        "rdjsonl",
        "json",
        "sonarqube",
        "markdown",
        "gnu",
        "codacy",
    ];
    let outputs: Vec<String> =
        forms.iter().map(|form| format!("--output={form}={form}.txt")).collect();
    let arguments: Vec<&str> =
        outputs.iter().map(String::as_str).chain(["--format", "short"]).collect();
    let said = lint(folder.path(), &arguments).ends_with(1).stdout;
    assert!(said.starts_with("Dockerfile:1:14: warning[FromAsCasing]"), "{said}");
    for form in forms {
        let text = fs::read_to_string(folder.path().join(format!("{form}.txt"))).expect(form);
        assert!(text.contains("FromAsCasing"), "{form}: {text}");
        // The same as on standard output.
        let said = lint(folder.path(), &["--format", form]).ends_with(1).stdout;
        assert_eq!(said, text, "{form}");
    }
    // By the names that hadolint has for them.
    for (name, own) in [("gitlab_codeclimate", "gitlab"), ("tty", "short")] {
        let said = lint(folder.path(), &["--format", name]).ends_with(1).stdout;
        assert_eq!(said, lint(folder.path(), &["--format", own]).ends_with(1).stdout);
    }
    lint(folder.path(), &["--output", "sarif=missing/a"])
        .ends_with(2)
        .says(&["cannot write the findings"]);
    lint(folder.path(), &["--output", "srif=a"]).ends_with(2).says(&["forms are human, short"]);
    lint(folder.path(), &["--output", "sarif"]).ends_with(2).says(&["the file is missing"]);
}

/// Whether a log is what OASIS's schema wants, and with how many findings or for which reasons not.
fn validated(log: &str) -> Answer {
    let script = testdata("../sarif/validate.py");
    let mut child = Command::new(prepared("LAPSTRAKE_TEST_SARIF_PYTHON"));
    child.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Background::of(child);
    child.input().write_all(log.as_bytes()).expect("write the log");
    child.answer()
}

#[test]
fn sarif_is_what_its_schema_wants() {
    // Fixes, other places, other files, faults of the syntax, names that are no URI as they are, nothing at all.
    let folder = folder(&[
        ("a b%/ä.Dockerfile", "FROM debian AS one\nFROM debian as ONE\nRUN <<E\nmake\nmake x\nE\n"),
        ("Dockerfile", "FROM scratch\nCOPY . /\nENV a b\nCMD a\nCMD b\nRUN sh /run.sh\n"),
        (".dockerignore", "*.log\n"),
        ("src/a.log", ""),
        (".env", "A=b"),
        ("run.sh", "rm $1\n"),
        ("broken/Dockerfile", "FROM a\nCPOY a b\nRUN --muont=a b\n"),
        ("empty/Dockerfile", ""),
        ("utf/Dockerfile", "FROM scratch as a\nLABEL ü ß\n"),
        ("clean/Dockerfile", "FROM scratch\n"),
    ]);
    let form = ["--no-store", "--preset", "strict", "--format", "sarif"];
    let log = lint(folder.path(), &form).ends_with(4).stdout;
    let parsed: Value = serde_json::from_str(&log).expect("JSON");
    let count = parsed["runs"][0]["results"].as_array().map_or(0, Vec::len);
    assert!(count > 20, "{count} findings");
    assert_eq!(validated(&log).ends_with(0).stdout.trim(), count.to_string());
    let log = lint(folder.path(), &[&form[..], &["clean"]].concat()).ends_with(1).stdout;
    validated(&log).ends_with(0);
    // What is no such log is told of.
    validated(&log.replacen("\"results\"", "\"findings\"", 1)).ends_with(1);
    validated(&log.replacen("\"uri\": \"", "\"uri\": \" {", 1)).ends_with(1).says(&["uri"]);
    for part in
        ["\"replacements\"", "\"relatedLocations\"", "a%20b%25/%C3%A4.Dockerfile", "\"run.sh\""]
    {
        let log = parsed.to_string();
        assert!(log.contains(part), "{part} in {log}");
    }
}

#[test]
fn what_was_known_before_is_left_out() {
    let folder = folder(&[("Dockerfile", ODD), ("broken/Dockerfile", "FROM a\nCPOY a b\n")]);
    lint(folder.path(), &["Dockerfile", "--output", "gitlab=known.json"]).ends_with(1);
    let again = ["Dockerfile", "--format", "short", "--baseline", "known.json"];
    let said = lint(folder.path(), &again).ends_with(0).stdout;
    assert_eq!(
        said,
        "Dockerfile: nothing found, 1 known before (with context: without base images)\n"
    );
    // Other lines above do not make it new; the same once more is.
    let more = format!("# why\n\n{ODD}{ODD}");
    fs::write(folder.path().join("Dockerfile"), more).expect("write it again");
    let said = lint(folder.path(), &again).ends_with(1).stdout;
    assert!(said.starts_with("Dockerfile:4:14: warning[FromAsCasing]"), "{said}");
    // A file that cannot be read as one stays so.
    lint(folder.path(), &["broken", "--output", "gitlab=known.json"]).ends_with(4);
    lint(folder.path(), &["broken", "--baseline", "known.json"])
        .ends_with(4)
        .says(&["unknown-instruction"]);
    lint(folder.path(), &["--baseline", "missing.json"])
        .ends_with(2)
        .says(&["cannot read the baseline"]);
    let long = fs::File::create(folder.path().join("long.json")).expect("make a file");
    long.set_len((256 << 20) + 1).expect("make it long");
    lint(folder.path(), &["--baseline", "long.json"])
        .ends_with(2)
        .says(&["cannot read the baseline long.json", "it is larger than 256 MiB"]);
    lint(folder.path(), &["--baseline", "Dockerfile"])
        .ends_with(2)
        .says(&["cannot read the baseline"]);
}

#[test]
fn fixes_are_made_shown_and_stay_made() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let odd = "FROM scratch as base\r\nENV a b\r\nCOPY --form=x:1 y z\r\n";
    let safe = "FROM scratch AS base\r\nENV a=b\r\nMAINTAINER me\r\n";
    let folder = folder(&[
        ("Dockerfile", &odd.replace("COPY --form=x:1 y z", "MAINTAINER me")),
        ("broken/Dockerfile", odd),
    ]);
    let path = folder.path().join("Dockerfile");
    let text = || fs::read_to_string(&path).expect("read it");
    let before = text();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set its mode");
    symlink("Dockerfile", folder.path().join("link.Dockerfile")).expect("link it");
    let said = lint(folder.path(), &["Dockerfile", "--diff"]).ends_with(1).stdout;
    assert!(said.starts_with("--- a/Dockerfile\n+++ b/Dockerfile\n@@ "), "{said}");
    assert!(
        said.contains("-FROM scratch as base\r\n+") || said.contains("-FROM scratch as base\r\n-"),
        "{said}"
    );
    assert_eq!(text(), before);
    // The difference is one that `patch` can make.
    fs::write(folder.path().join("diff"), &said).expect("write the difference");
    let patch = ["-p1", "--binary", "-o", "patched", "-i", "diff"];
    let status =
        std::process::Command::new("patch").args(patch).current_dir(folder.path()).output();
    assert!(status.expect("run patch").status.success());
    lint(folder.path(), &["link.Dockerfile", "--fix"])
        .ends_with(0)
        .says(&["nothing found, 3 fixes made"]);
    assert_eq!(text(), fs::read_to_string(folder.path().join("patched")).expect("read it"));
    let label = "LABEL org.opencontainers.image.authors=\"me\"";
    assert_eq!(text(), safe.replace("MAINTAINER me", label));
    let metadata = fs::symlink_metadata(folder.path().join("link.Dockerfile")).expect("look at it");
    assert!(metadata.is_symlink());
    assert_eq!(fs::metadata(&path).expect("look at it").permissions().mode() & 0o777, 0o640);
    lint(folder.path(), &["Dockerfile", "--diff"]).ends_with(0);
    lint(folder.path(), &["Dockerfile", "--fix"])
        .ends_with(0)
        .says(&["Dockerfile: nothing found (with context"]);
    // What is a guess is made when it is asked for.
    lint(folder.path(), &["broken", "--fix"]).ends_with(4);
    lint(folder.path(), &["broken", "--fix", "--unsafe"]).ends_with(0);
    let mended = fs::read_to_string(folder.path().join("broken/Dockerfile")).expect("read it");
    assert!(mended.ends_with("COPY --from=x:1 y z\r\n"), "{mended}");
    lint(folder.path(), &["--unsafe"]).ends_with(2).says(&["is for `--fix` and `--diff`"]);
    fs::write(&path, b"FROM scratch as a\n# \xff\n").expect("write it");
    lint(folder.path(), &["Dockerfile", "--fix"]).ends_with(1);
    assert_eq!(fs::read(&path).expect("read it"), b"FROM scratch as a\n# \xff\n");
}

/// Its findings stand where they are in the file, whichever way the text came to ShellCheck.
#[test]
fn shellcheck_looks_for_what_is_not_built_in() {
    let file = "FROM debian:12\nENV SET=1\nRUN true && \\\n    # a comment\n    é=1 && ls /x \\\n    | grep \"$SET$unset\"\n\
        RUN <<EOF\nset -e\n  read HOME\nEOF\nRUN cat > /x <<EOF && bash <<END\nread HOME\nEOF\nread HOME\nEND\n\
        # hadolint ignore=SC2010\nRUN ls | grep a\nSHELL [\"pwsh\"]\nRUN ls | grep a\nONBUILD RUN ls | grep a\n";
    let folder = folder(&[("a/Dockerfile", file), ("b/Dockerfile", "FROM a:1\nRUN ls | grep a\n")]);
    let said = lint(folder.path(), &["--shellcheck", "--format", "short", "a", "b"]).ends_with(1);
    let heads = said.stdout.lines().filter_map(|line| line.split("]: ").next());
    let heads: Vec<&str> = heads.filter(|head| head.contains('[')).collect();
    assert_eq!(
        heads,
        [
            "a/Dockerfile:5:12: warning[SC2010",
            "a/Dockerfile:6:17: warning[SC2154",
            "a/Dockerfile:9:3: info[SC2162",
            "a/Dockerfile:14:1: info[SC2162",
            "b/Dockerfile:2:5: warning[SC2010",
        ]
    );
    lint(folder.path(), &["a", "b"]).ends_with(0);
    // With fixes it looks at what they leave.
    fs::write(folder.path().join("b/Dockerfile"), "FROM a:1 as b\nRUN ls | grep a\n")
        .expect("write");
    let said = lint(folder.path(), &["--shellcheck", "--fix", "--format", "short", "b"]);
    let said = said.ends_with(1).stdout;
    let expected = "b/Dockerfile:2:5: warning[SC2010]";
    assert!(said.starts_with(expected) && said.contains("1 warning, 1 fix made"), "{said}");
}

#[test]
fn a_heredoc_that_is_no_script_is_not_for_shellcheck() {
    let unreadable = "RUN cat <<EOF > /x && if true\nread HOME\nEOF\n";
    let folder = folder(&[("Dockerfile", &format!("FROM a:1\n{unreadable}"))]);
    let said = lint(folder.path(), &["--shellcheck", "--format", "short"]);
    assert!(!said.stdout.contains("SC2162"), "{}", said.stdout);
    assert!(said.stdout.contains("Dockerfile:2:"), "{}", said.stdout);
}

#[test]
fn shellcheck_has_to_be_there() {
    let folder = folder(&[("Dockerfile", "FROM a:1\nRUN ls | grep a\n"), ("empty/x", "")]);
    let with_path = |path: &Path| {
        let mut command = Store::new().lap(&["lint", "--shellcheck"]);
        Answer::of(command.current_dir(folder.path()).env("PATH", path))
    };
    let said = with_path(&folder.path().join("empty")).ends_with(2);
    said.says(&[
        "`--shellcheck` needs shellcheck, which is not installed",
        "apt-get install shellcheck",
    ]);
    let program = folder.path().join("bin/shellcheck");
    fs::create_dir(folder.path().join("bin")).expect("make a folder");
    fs::write(&program, "#!/bin/sh\necho odd >&2\nexit 4\n").expect("write a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("make it a program");
    let said = with_path(&folder.path().join("bin")).ends_with(2);
    said.says(&["shellcheck ended with exit status: 4: odd"]);
    // It has looked at a part only.
    fs::write(&program, "#!/bin/sh\necho '{\"comments\":[]}'\nexit 2\n").expect("write a program");
    let said = with_path(&folder.path().join("bin")).ends_with(2);
    said.says(&["shellcheck ended with exit status: 2"]);
    lint(folder.path(), &["--shellcheck", "--diff"]).ends_with(2);
}

#[test]
fn the_context_is_looked_at() {
    let folder = folder(&[
        ("Dockerfile", "FROM scratch\nCOPY a.md src/ /\nCOPY scr/x /\n"),
        (".dockerignore", "# none\n*.md\n"),
        ("a.md", ""),
        ("src/x", ""),
    ]);
    let said = lint(folder.path(), &["--no-store", "--format", "short"]).ends_with(1).stdout;
    let missing = "Dockerfile:3:6: warning[copy-source-missing]: `scr/x` is not in the context\n";
    let hidden = "Dockerfile:2:6: warning[copy-source-missing]: line 2 of .dockerignore leaves `a.md` \
        out of the context\n";
    let summary = "Dockerfile: 2 warnings (with context: without base images)\n";
    assert_eq!(said, format!("{hidden}{missing}{summary}"));
    let drawn = lint(folder.path(), &["--no-store"]).ends_with(1).stdout;
    let [own, other] = ["╭─[Dockerfile:2:6]", "╭─[.dockerignore:2:1]"].map(|text| drawn.find(text));
    assert!(own.is_some() && own < other && other < drawn.find("help:"), "{drawn}");
    let said = lint(folder.path(), &["--no-store", "--format", "json"]).ends_with(1).stdout;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let place = &said["findings"][0]["elsewhere"][0];
    assert_eq!((&place["file"], &place["start"]["offset"]), (&".dockerignore".into(), &7.into()));
}

#[test]
fn the_context_is_the_one_that_is_named_or_fits() {
    let file = "FROM scratch\nCOPY src/x /\n";
    let folder =
        folder(&[("docker/Dockerfile", file), ("src/x", ""), ("wibble", file), ("odd", "")]);
    let level = |arguments: &[&str], code| {
        let said = lint(folder.path(), &[&["--no-store"], arguments].concat()).ends_with(code);
        said.stdout.lines().last().unwrap_or_default().to_owned()
    };
    // None of what it copies is beside it: the folder is not what it is built with.
    let nothing = "docker/Dockerfile: nothing found";
    let is_static = format!("{nothing} (static: without context and base images)");
    assert_eq!(level(&["docker"], 0), is_static);
    assert!(level(&["wibble"], 0).contains("static"));
    // What copies all of a folder fits any; then it has to be that of a project.
    let whole = folder.path().join("docker/whole.Dockerfile");
    fs::write(whole, "FROM scratch\nCOPY . /\n").expect("write");
    assert!(level(&["docker/whole.Dockerfile"], 0).contains("(static"));
    fs::write(folder.path().join("docker/go.mod"), "").expect("write");
    assert!(level(&["docker/whole.Dockerfile"], 0).contains("(with context"));
    fs::remove_file(folder.path().join("docker/whole.Dockerfile")).expect("remove");
    let with_context = format!("{nothing} (with context: without base images)");
    assert_eq!(level(&["--context", ".", "docker"], 0), with_context);
    assert!(level(&["--context", "docker", "wibble"], 1).contains("1 warning"));
    lint(folder.path(), &["--context", "odd", "docker"]).ends_with(2).says(&["odd is no folder"]);
    // The ignore file of the Dockerfile alone comes first.
    let own = folder.path().join("docker/Dockerfile.dockerignore");
    fs::write(own, "src\n").expect("write an ignore file");
    fs::write(folder.path().join(".dockerignore"), "").expect("write an ignore file");
    lint(folder.path(), &["--context", ".", "docker"])
        .ends_with(1)
        .says(&["line 1 of docker/Dockerfile.dockerignore leaves `src/x` out of the context"]);
}

#[test]
fn findings_may_be_in_other_files() {
    let folder = folder(&[
        ("Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("dev.Dockerfile", "FROM scratch\nCOPY . /\n"),
        (".dockerignore", "*.log\n"),
        ("src/a.log", ""),
        (".env", "A=b"),
    ]);
    let said = lint(folder.path(), &["--no-store", "--format", "short"]).ends_with(1).stdout;
    let secret = "2:6: warning[secret-copied]: `.env` goes into the image\n";
    let expected = format!(
        "Dockerfile:{secret}dev.Dockerfile:{secret}\
         .dockerignore:1:1: warning[dockerignore-lint]: `*.log` counts from the root, so `src/a.log` stays in \
         the context\n3 files: 3 warnings (with context: without base images)\n"
    );
    assert_eq!(said, expected);
    let said = lint(folder.path(), &["--no-store", "--format", "sarif"]).ends_with(1).stdout;
    assert!(said.contains("\"uri\": \".dockerignore\""), "{said}");
    let config = "[lint]\nignored = [\"dockerignore-lint\", \"secret-copied\"]\n";
    fs::write(folder.path().join("lapstrake.toml"), config).expect("write a configuration");
    lint(folder.path(), &["--no-store"]).ends_with(0);
}

#[test]
fn scripts_that_are_copied_and_executed_are_looked_at() {
    let folder = folder(&[
        ("a.Dockerfile", "FROM scratch\nCOPY bin/run.sh /\nENTRYPOINT [\"/run.sh\"]\n"),
        ("b.Dockerfile", "FROM scratch\nCOPY bin /\nRUN sh /run.sh\n"),
        ("bin/run.sh", "#!/bin/sh\nset -e\nrm $1\n"),
        ("bin/other.sh", "#!/bin/sh\nrm $1\n"),
    ]);
    let run = folder.path().join("bin/run.sh");
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).expect("make it a program");
    let arguments = ["--no-store", "--format", "short", "--preset", "strict"];
    let said = lint(folder.path(), &arguments).ends_with(1).stdout;
    assert_eq!(said.matches("bin/run.sh:3:4: info[unquoted-variable]: `$1`").count(), 1, "{said}");
    assert!(!said.contains("other.sh"), "{said}");
}

/// `git` in a folder, as somebody.
fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]);
    Answer::of(command.args(arguments)).ends_with(0);
}

/// A repository with these files, committed.
fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = folder(files);
    git(folder.path(), &["init", "--quiet", "--initial-branch", "main"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "-m", "one"]);
    folder
}

#[test]
fn only_changed_lines_are_told_of() {
    let two = format!("{ODD}COPY a /\n{ODD}COPY a /\n");
    let folder = repository(&[
        ("Dockerfile", &format!("{ODD}COPY a /\n")),
        ("below/a b.Dockerfile", &two.replace('\n', "\r\n")),
        ("lapstrake.toml", "[lint]\nignored = [\"copy-source-missing\", \"DuplicateStageName\"]\n"),
        ("old.Dockerfile", &format!("{two}# one\n# two\n# three\n")),
        ("a", ""),
    ]);
    let lint = |below: &str, arguments: &[&str]| {
        let fixed = ["--format", "short", "--no-store", "--diff-base", "main"];
        lint(&folder.path().join(below), &[&fixed, arguments].concat())
    };
    let said = lint("", &[]).ends_with(0).stdout;
    assert_eq!(
        said,
        "3 files: nothing found, 5 on lines that did not change (with context: without base images)\n"
    );
    // A line in front is no change of those behind it, and neither is another end of lines.
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("write");
    write("Dockerfile", &format!("# why\n{ODD}COPY a /\nFROM scratch as two\nCOPY a /\n"));
    write("below/a b.Dockerfile", &two);
    git(folder.path(), &["mv", "old.Dockerfile", "below/new.Dockerfile"]);
    write("below/new.Dockerfile", &format!("{two}# one\n# two\n# three\n{ODD}"));
    write("below/untracked.Dockerfile", ODD);
    let expected = "Dockerfile:4:14: warning[FromAsCasing]: `FROM` and `as` are written in different cases\n\
         below/new.Dockerfile:8:14: warning[FromAsCasing]: `FROM` and `as` are written in different cases\n\
         below/untracked.Dockerfile:1:14: warning[FromAsCasing]: `FROM` and `as` are written in different cases\n\
         4 files: 3 warnings, 5 on lines that did not change";
    let told = |said: &str| said.split(" (with").next().unwrap_or_default().to_owned();
    assert_eq!(told(&lint("", &[]).ends_with(1).stdout), expected);
    // What is committed since counts as well, from wherever one looks.
    git(folder.path(), &["checkout", "--quiet", "-b", "topic"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "-m", "two"]);
    let said = lint("below", &[".."]).ends_with(1).stdout;
    assert!(said.starts_with("../Dockerfile:4:14: warning[FromAsCasing]"), "{said}");
    assert!(said.contains("../below/new.Dockerfile:8:14: warning[FromAsCasing]"), "{said}");
    lint("", &["--failure-threshold", "error"]).ends_with(0);
    // A baseline takes its own beside.
    let known = ["--no-store", "--output", "gitlab=known.json", "below"];
    self::lint(folder.path(), &known).ends_with(1);
    let said = lint("", &["--baseline", "known.json"]).ends_with(1).stdout;
    assert!(said.contains("4 files: 1 warning, 6 known before, 1 on lines that did not"), "{said}");
    // A file that cannot be read as one stays so.
    write("broken.Dockerfile", "FROM a\nCPOY a b\n");
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--amend", "-m", "two"]);
    let head = ["--diff-base", "HEAD", "broken.Dockerfile"];
    self::lint(folder.path(), &head).ends_with(4).says(&["unknown-instruction"]);
}

#[test]
fn findings_in_scripts_have_changed_lines_too() {
    let folder = repository(&[
        ("below/Dockerfile", "FROM scratch\nCOPY run.sh /\nRUN sh /run.sh\n"),
        ("below/run.sh", "rm $1\n"),
    ]);
    fs::write(folder.path().join("below/run.sh"), "rm $1\nrm $2\n").expect("write the script");
    let arguments =
        ["--no-store", "--preset", "strict", "--format", "short", "--diff-base", "HEAD", "below"];
    let said = lint(folder.path(), &arguments).ends_with(1).stdout;
    let line = "below/run.sh:2:4: info[unquoted-variable]";
    assert!(said.starts_with(line) && !said.contains("run.sh:1:"), "{said}");
}

#[test]
fn a_revision_has_to_be_there() {
    let repository = repository(&[("Dockerfile", ODD)]);
    let elsewhere = folder(&[("Dockerfile", ODD)]);
    let ends = |folder: &Path, arguments: &[&str], words: &str| {
        lint(folder, arguments).ends_with(2).says(&[words]);
    };
    ends(repository.path(), &["--diff-base", "gone"], "`gone` is no revision of the repository");
    ends(repository.path(), &["--diff-base", "gone"], "a shallow clone has the newest commits");
    ends(repository.path(), &["--diff-base=--all"], "`--all` is no revision");
    ends(repository.path(), &["--diff-base", "HEAD:Dockerfile"], "is no revision");
    ends(elsewhere.path(), &["--diff-base", "HEAD"], "Dockerfile is in no git repository");
    ends(repository.path(), &["--diff-base", "HEAD", "-"], "standard input has no lines of an");
    ends(repository.path(), &["--diff-base", "HEAD", "--fix"], "cannot be used with");
    // Nothing of the caller's repository counts: a hook names it.
    let mut command = Store::new().lap(&["lint", "--diff-base", "HEAD"]);
    command.current_dir(repository.path()).env("GIT_DIR", elsewhere.path());
    Answer::of(&mut command).ends_with(0);
    let mut command = Store::new().lap(&["lint", "--diff-base", "HEAD"]);
    command.current_dir(repository.path()).env("PATH", "");
    Answer::of(&mut command).ends_with(2).says(&["needs git, which is not installed"]);
    fs::remove_file(repository.path().join(".git/HEAD")).expect("break the repository");
    ends(repository.path(), &["--diff-base", "HEAD"], "git cannot use the repository");
}

#[test]
fn who_builds_a_file_is_known() {
    let dockerfile = "FROM scratch AS dev\nCOPY a /a\nFROM scratch AS other\nCOPY a /a\n\
                      FROM scratch\nARG VERSION\nLABEL v=$VERSION\nCOPY --from=docs /a /a\n";
    let compose = "services:\n  app:\n    build:\n      context: app\n      target: dev\n      args:\n        \
                   - VERSON=1\n      additional_contexts: { docs: ./docs }\n";
    let workflow = "jobs:\n  a:\n    steps:\n    - uses: docker/build-push-action@v6\n      with:\n        \
                    context: app\n        target: tset\n    - run: |\n        echo é\n        \
                    docker buildx build --build-arg \"REV=${{ github.sha }}\" app\n";
    let bake = "variable \"DIR\" { default = \"app\" }\ntarget \"_all\" { context = DIR }\n\
                target \"app\" {\n  inherits = [\"_all\"]\n  args = { VRESION = \"${DIR}\" }\n}\n";
    let pipeline =
        "build:\n  before_script: [cd app]\n  script:\n    - docker build --target prod .\n";
    let folder = folder(&[
        (".git/HEAD", ""),
        ("app/Dockerfile", dockerfile),
        ("app/a", ""),
        ("compose.yaml", compose),
        (".github/workflows/ci.yml", workflow),
        ("docker-bake.hcl", bake),
        (".gitlab-ci.yml", pipeline),
    ]);
    let said =
        lint(folder.path(), &["--format", "short", "--preset", "strict"]).ends_with(1).stdout;
    for line in [
        "app/Dockerfile:3:17: info[unreached-stage]: only `--target other` builds this stage",
        "compose.yaml:7:11: warning[dead-stage-or-arg]: no ARG takes `VERSON`: it is given for nothing",
        ".github/workflows/ci.yml:7:17: warning[dead-stage-or-arg]: there is no stage `tset`",
        ".github/workflows/ci.yml:10:42: warning[dead-stage-or-arg]: no ARG takes `REV`: it is given for nothing",
        "docker-bake.hcl:5:12: warning[dead-stage-or-arg]: no ARG takes `VRESION`: it is given for nothing",
        ".gitlab-ci.yml:4:29: warning[dead-stage-or-arg]: there is no stage `prod`",
    ] {
        assert!(said.contains(line), "{line} in:\n{said}");
    }
    assert!(!said.contains("--target dev") && !said.contains("unknown-from"), "{said}");
    // What hadolint says depends on no other file.
    let said = lint(folder.path(), &["--format", "short", "--preset", "hadolint"]).stdout;
    assert!(!said.contains("compose.yaml"), "{said}");
}

#[test]
fn a_pipe_beside_a_file_is_not_waited_for() {
    let folder = folder(&[("Dockerfile", "FROM scratch\nCOPY a /\n"), ("a", "")]);
    for name in ["docker-bake.hcl", "compose.yaml", ".dockerignore", "lapstrake.toml"] {
        let made = Command::new("mkfifo").arg(folder.path().join(name)).status().expect("mkfifo");
        assert!(made.success(), "{name}");
    }
    lint(folder.path(), &["Dockerfile"]).ends_with(0);
}

#[test]
fn the_context_is_the_one_that_a_file_is_built_from() {
    let workflow = "jobs:\n  a:\n    steps:\n    - run: docker build -f docker/app.Dockerfile .\n";
    let folder = folder(&[
        (".git/HEAD", ""),
        (".github/workflows/ci.yml", workflow),
        (".dockerignore", "hidden\n"),
        ("docker/app.Dockerfile", "FROM scratch\nCOPY src/a hidden /\nCOPY src/b /\n"),
        ("src/a", ""),
        ("hidden", ""),
    ]);
    let expected = [
        "app.Dockerfile:2:12: warning[copy-source-missing]: line 1 of ",
        "app.Dockerfile:3:6: warning[copy-source-missing]: `src/b` is not in the context",
    ];
    for (from, path) in [("", "docker"), ("docker", "app.Dockerfile")] {
        let said = lint(&folder.path().join(from), &[path, "--format", "short"]).ends_with(1);
        let lines: Vec<&str> = said.stdout.lines().collect();
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.contains(expected), "{expected} in:\n{}", said.stdout);
        }
        assert!(said.stdout.contains("with context"), "{}", said.stdout);
    }
    // Where builds do not agree nobody knows.
    fs::write(
        folder.path().join("compose.yaml"),
        "services: { a: { build: { context: src, dockerfile: ../docker/app.Dockerfile } } }",
    )
    .expect("write");
    let said = lint(folder.path(), &["docker", "--format", "short"]).stdout;
    assert!(!said.contains("copy-source-missing"), "{said}");
}
