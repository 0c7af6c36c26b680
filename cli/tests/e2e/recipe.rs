//! The recipes of `docs/ci.md`, as they stand there: taken out of the document, and run as the CI would.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bucket::Bucket;
use crate::private::{PASSWORD, Server};
use crate::support::{Answer, Context, Store, prepared, scratch, text};

const DOCUMENT: &str = include_str!("../../../docs/ci.md");

const RANDOM: &str = "cat /proc/sys/kernel/random/uuid";

/// The block of this language in the section.
fn block(heading: &str, language: &str) -> &'static str {
    let section = DOCUMENT.split(&format!("\n## {heading}\n")).nth(1).expect("the section");
    let block = section.split(&format!("```{language}\n")).nth(1).expect("a block");
    block.split("```").next().expect("its end")
}

/// YAML as another program reads it.
fn yaml(text: &str) -> Value {
    let program =
        "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout, default=str)";
    let mut python = Command::new(prepared("LAPSTRAKE_TEST_S3_PYTHON"));
    python.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().expect("start Python");
    python.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("write");
    let output = python.wait_with_output().expect("wait");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A script and the variables that it has beside those of the job.
struct Script {
    text: String,
    variables: BTreeMap<String, String>,
}

impl Script {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), variables: BTreeMap::new() }
    }
}

/// What a job of GitLab runs: all lines in one shell.
fn gitlab(text: &str) -> Vec<Script> {
    let document = yaml(text);
    let job = &document["image"];
    let lines =
        ["before_script", "script"].iter().flat_map(|name| job[name].as_array().expect("lines"));
    let lines: Vec<&str> = lines.map(|line| line.as_str().expect("a line")).collect();
    vec![Script::new(lines.join("\n"))]
}

/// What a workflow of GitHub's runs: each step in a shell of its own.
fn github(text: &str) -> Vec<Script> {
    let document = yaml(text);
    let job = &document["jobs"]["image"];
    let variables = |value: &Value| -> BTreeMap<String, String> {
        let pairs = value.as_object().into_iter().flatten();
        pairs
            .map(|(name, value)| (name.clone(), expression(value.as_str().expect("text"))))
            .collect()
    };
    let steps = job["steps"].as_array().expect("steps").iter();
    let scripts = steps.filter_map(|step| {
        let text = step["run"].as_str()?.to_owned();
        let mut all = variables(&job["env"]);
        all.extend(variables(&step["env"]));
        Some(Script { text, variables: all })
    });
    scripts.collect()
}

/// What GitHub puts in the place of an expression.
fn expression(text: &str) -> String {
    match text {
        "${{ github.token }}" => PASSWORD.trim().to_owned(),
        text => {
            assert!(!text.contains("${{"), "{text}");
            text.to_owned()
        }
    }
}

/// A job on a new store: what its scripts said, and the store.
fn job(scripts: &[Script], context: &Context, variables: &[(&str, String)]) -> (String, Store) {
    let store = Store::new();
    let program = Path::new(env!("CARGO_BIN_EXE_lap")).parent().expect("a folder");
    let path = format!("{}:{}", text(program), std::env::var("PATH").expect("a path"));
    let mut said = String::new();
    for script in scripts {
        let mut shell = Command::new("sh");
        shell.args(["-ec", &script.text]).current_dir(context.path()).stdin(Stdio::null());
        shell.env("PATH", &path).env("LAPSTRAKE_ROOT", store.root());
        shell.env("LAPSTRAKE_CONFIG", prepared("LAPSTRAKE_CONFIG"));
        shell.env("DOCKER_CONFIG", store.beside("docker")).env("HOME", store.beside("home"));
        // The job's own last: it is in another registry than the document says.
        shell.envs(&script.variables).envs(variables.iter().map(|(name, value)| (name, value)));
        said += &Answer::of(&mut shell).ends_with(0).stderr;
    }
    (said, store)
}

/// A stage, a copy from it, a command behind it.
fn project() -> Context {
    let dockerfile = format!(
        "FROM busybox AS tool\nRUN {RANDOM} > /tool\n\
         FROM busybox\nCOPY --from=tool /tool /tool\nRUN {RANDOM} > /id\n"
    );
    Context::new(&dockerfile)
}

/// Runs the job twice, each time on a new store: the second time no step is executed.
#[track_caller]
fn twice(
    scripts: &[Script],
    variables: &[(&str, String)],
    between: impl FnOnce(),
) -> (String, String) {
    let context = project();
    let (first, _store) = job(scripts, &context, variables);
    assert!(first.contains("first build of this step"), "{first}");
    between();
    let (second, _store) = job(scripts, &context, variables);
    assert!(!second.contains("first build of this step"), "{second}");
    assert_eq!(second.matches("CACHED").count(), 3, "{second}");
    assert!(second.contains("0 of them written"), "{second}");
    (first, second)
}

/// A job that pushes: the second time nothing is uploaded but names.
fn pushes(scripts: &[Script], variables: impl FnOnce(&str) -> Vec<(&'static str, String)>) {
    let folder = Store::new();
    let server = Server::with_password(&folder);
    let log = || fs::read_to_string(folder.beside("requests")).expect("the registry's log");
    let mut begin = 0;
    let variables = variables(&server.address());
    twice(scripts, &variables, || begin = log().len());
    let log = log();
    let (first, second) = log.split_at(begin);
    let uploads = |log: &str| {
        let is_upload =
            |line: &&str| line.contains("\"PUT /v2/") && line.contains("/blobs/uploads/");
        log.lines().filter(is_upload).count()
    };
    assert!(uploads(first) > 0, "{first}");
    assert_eq!(uploads(second), 0, "{second}");
    assert!(second.contains("\"PUT /v2/team/app/manifests/c0ffee"), "{second}");
}

fn secret() -> String {
    PASSWORD.trim().to_owned()
}

#[test]
fn plain_shell() {
    pushes(&[Script::new(block("Plain shell", "sh"))], |registry| {
        vec![
            ("REGISTRY", registry.to_owned()),
            ("USER_NAME", "me".to_owned()),
            ("PASSWORD", secret()),
            ("BRANCH", "feature/topic".to_owned()),
            ("COMMIT", "c0ffee".to_owned()),
        ]
    });
}

#[test]
fn gitlab_ci() {
    pushes(&gitlab(block("GitLab CI", "yaml")), |registry| {
        vec![
            ("CI_REGISTRY", registry.to_owned()),
            ("CI_REGISTRY_IMAGE", format!("{registry}/team/app")),
            ("CI_REGISTRY_USER", "me".to_owned()),
            ("CI_REGISTRY_PASSWORD", secret()),
            ("CI_COMMIT_SHA", "c0ffee".to_owned()),
            ("CI_COMMIT_REF_SLUG", "a-topic".to_owned()),
            ("CI_DEFAULT_BRANCH", "main".to_owned()),
        ]
    });
}

/// What GitHub sets for every job.
fn runner(temporary: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("GITHUB_ACTOR", "me".to_owned()),
        ("GITHUB_REPOSITORY", "Team/App".to_owned()),
        ("GITHUB_SHA", "c0ffee".to_owned()),
        ("GITHUB_REF_NAME", "a/topic".to_owned()),
        ("RUNNER_TEMP", text(temporary)),
    ]
}

#[test]
fn github_with_a_registry() {
    let temporary = scratch();
    pushes(&github(block("GitHub Actions with a registry", "yaml")), |registry| {
        let mut all = runner(temporary.path());
        all.push(("REGISTRY", registry.to_owned()));
        all
    });
}

/// The folder is what `actions/cache` would keep from one job to the next.
#[test]
fn github_with_its_own_cache() {
    let temporary = scratch();
    let block = block("GitHub Actions with its own cache", "yaml");
    let document = yaml(block);
    let kept = document["jobs"]["image"]["steps"][1]["with"]["path"].as_str();
    assert_eq!(kept, Some("${{ runner.temp }}/lap"));
    let context = project();
    let variables = runner(temporary.path());
    let (first, _store) = job(&github(block), &context, &variables);
    assert!(first.contains("first build of this step"), "{first}");
    // Only that folder is kept.
    let next = scratch();
    fs::rename(temporary.path().join("lap"), next.path().join("lap")).expect("keep the folder");
    let (second, _store) = job(&github(block), &context, &runner(next.path()));
    assert!(!second.contains("first build of this step"), "{second}");
    assert_eq!(second.matches("CACHED").count(), 3, "{second}");
    let left: Vec<_> = fs::read_dir(next.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn github_with_a_bucket() {
    let (temporary, bucket) = (scratch(), Bucket::new("recipe"));
    let mut variables = runner(temporary.path());
    variables.extend(Bucket::variables());
    variables.push(("BUCKET", bucket.name().to_owned()));
    twice(&github(block("GitHub Actions with a bucket", "yaml")), &variables, || {});
}
