//! Caches in buckets: `type=s3`. The server refuses what botocore would not have signed the same way, and
//! objects are changed by requests that boto3 signs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Answer, Context, Store, prepared, scratch, text, tool};

const RANDOM: &str = "cat /proc/sys/kernel/random/uuid";

/// A bucket of its own for one test, and a project of two stages.
pub(crate) struct Bucket {
    name: String,
    context: Context,
}

impl Bucket {
    pub(crate) fn new(test: &str) -> Self {
        let bucket = Self { name: format!("{test}-{}", std::process::id()), context: project() };
        bucket.object("make", &[]);
        bucket
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What somebody's environment has who may use the server's buckets.
    pub(crate) fn variables() -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", prepared("LAPSTRAKE_TEST_S3_KEY_ID")),
            ("AWS_SECRET_ACCESS_KEY", prepared("LAPSTRAKE_TEST_S3_SECRET")),
            ("AWS_REGION", "eu-test-1".to_owned()),
            ("AWS_ENDPOINT_URL", prepared("LAPSTRAKE_TEST_S3")),
        ]
    }

    /// The flag's value with more fields.
    fn flag(&self, more: &str) -> String {
        let endpoint = prepared("LAPSTRAKE_TEST_S3");
        format!("type=s3,bucket={},region=eu-test-1,endpoint_url={endpoint}{more}", self.name)
    }

    fn object(&self, deed: &str, rest: &[&str]) {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/s3/object.py");
        let settings =
            ["", "_KEY_ID", "_SECRET"].map(|name| prepared(&format!("LAPSTRAKE_TEST_S3{name}")));
        let [endpoint, id, secret] = settings.each_ref().map(String::as_str);
        let fixed = [&text(&program), endpoint, id, secret, deed, &self.name];
        tool(&prepared("LAPSTRAKE_TEST_S3_PYTHON"), &[&fixed[..], rest].concat());
    }

    fn read(&self, key: &str) -> Vec<u8> {
        let folder = scratch();
        let file = folder.path().join("object");
        self.object("get", &[key, &text(&file)]);
        fs::read(file).expect("an object")
    }

    fn write(&self, key: &str, bytes: &[u8]) {
        let folder = scratch();
        let file = folder.path().join("object");
        fs::write(&file, bytes).expect("write");
        self.object("put", &[key, &text(&file)]);
    }

    /// Keys of the layers' blobs.
    fn layers(&self) -> Vec<String> {
        let manifest = self.read("manifests/lapstrake");
        let manifest: Value = serde_json::from_slice(&manifest).expect("a manifest");
        let layers = manifest["layers"].as_array().expect("layers").iter();
        let layers = layers.filter(|one| one["mediaType"].to_string().contains("image.layer"));
        layers.map(|one| format!("blobs/{}", one["digest"].as_str().expect("a digest"))).collect()
    }

    /// What the server was asked for: method and key of each request that went well.
    fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(prepared("LAPSTRAKE_TEST_S3_LOG")).expect("the server's log");
        let own = format!("/{}/", self.name);
        let lines = log.lines().filter(|line| line.contains(&own) && line.ends_with(" 200"));
        lines.map(|line| line.replace(&own, "").replace("%3A", ":").replace(" 200", "")).collect()
    }

    fn build(&self, store: &Store, flags: &[&str]) -> Answer {
        self.try_build(store, flags).ends_with(0)
    }

    /// A build by somebody who has the key in the environment.
    fn try_build(&self, store: &Store, flags: &[&str]) -> Answer {
        let context = text(self.context.path());
        let fixed = ["build", "--progress", "plain", "-t", "app"];
        let mut lap = store.lap(&[&fixed[..], flags, &[context.as_str()]].concat());
        Answer::of(signed(&mut lap))
    }
}

fn signed(lap: &mut Command) -> &mut Command {
    lap.env("AWS_ACCESS_KEY_ID", prepared("LAPSTRAKE_TEST_S3_KEY_ID"));
    lap.env("AWS_SECRET_ACCESS_KEY", prepared("LAPSTRAKE_TEST_S3_SECRET"))
}

fn project() -> Context {
    let dockerfile = format!(
        "FROM busybox AS tool\nCOPY tool.txt /in\nRUN {RANDOM} > /tool && cat /in >> /tool\n\
         FROM busybox\nWORKDIR /app\nCOPY src src\nCOPY --from=tool /tool /tool\nRUN {RANDOM} > /id\n"
    );
    Context::new(&dockerfile).file("tool.txt", "one\n").file("src/a.txt", "one\n")
}

fn ids(store: &Store) -> String {
    store.prints("app", &["cat", "/tool", "/id"])
}

/// Whether a step was executed: only those say why.
fn executed(answer: &Answer) -> bool {
    ["first build of this step", " changed", "follows "]
        .iter()
        .any(|why| answer.stderr.contains(why))
}

#[test]
fn a_fresh_store_executes_nothing() {
    for compression in ["zstd", "gzip", "uncompressed"] {
        let bucket = Bucket::new(&format!("fresh-{compression}"));
        let more = format!(",prefix=team/a b+c/,name=main;v1,mode=max,compression={compression}");
        let first = Store::new();
        bucket.build(&first, &["--cache-to", &bucket.flag(&more)]).says(&["cache s3://"]);
        for name in ["main", "v1", "gone;v1"] {
            let from = bucket.flag(&format!(",prefix=team/a b+c/,name={name}"));
            let second = Store::new();
            let answer = bucket.build(&second, &["--cache-from", &from]);
            assert!(!executed(&answer), "{}", answer.stderr);
            assert_eq!(ids(&second), ids(&first), "{name}");
            let id = |store: &Store| store.ok(&["inspect", "--format", "{{.Id}}", "app"]);
            assert_eq!(id(&second), id(&first));
        }
    }
}

#[test]
fn min_has_the_steps_of_the_image_and_max_all() {
    let bucket = Bucket::new("modes");
    for (mode, layers) in [("min", 4), ("max", 5)] {
        bucket.build(&Store::new(), &["--cache-to", &bucket.flag(&format!(",mode={mode}"))]);
        assert_eq!(bucket.layers().len(), layers, "{mode}");
    }
}

/// Each blob is what its key says, to an independent tool; the second export writes none of them again.
#[test]
fn what_is_there_is_not_written_again() {
    let bucket = Bucket::new("again");
    let (store, flag) = (Store::new(), bucket.flag(",mode=max"));
    bucket.build(&store, &["--cache-to", &flag]);
    let folder = scratch();
    let written: Vec<String> = bucket.requests();
    let blobs = written.iter().filter_map(|line| line.strip_prefix("PUT blobs/sha256:"));
    for digest in blobs.clone() {
        let file = text(&folder.path().join("blob"));
        bucket.object("get", &[&format!("blobs/sha256:{digest}"), &file]);
        assert_eq!(tool("sha256sum", &[&file]).get(..64), Some(digest));
    }
    // Two of the six steps came to the same layer: five layers, a manifest for each, what the keys were made
    // of, and the config.
    assert_eq!(blobs.count(), 12);
    bucket.build(&store, &["--cache-to", &flag]).says(&["0 of them written"]);
    let puts = |lines: &[String]| lines.iter().filter(|line| line.starts_with("PUT blobs")).count();
    assert_eq!(puts(&bucket.requests()), 12);
    // What is older than that gets a new time, by a copy onto itself.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let flag = bucket.flag(",mode=max,touch_refresh=1s");
    bucket.build(&store, &["--cache-to", &flag]).says(&["0 of them written"]);
    assert_eq!(puts(&bucket.requests()), 24);
    let second = Store::new();
    let answer = bucket.build(&second, &["--cache-from", &flag.replace(",mode=max", "")]);
    assert!(!executed(&answer), "{}", answer.stderr);
    assert_eq!(ids(&second), ids(&store));
}

/// Only what a missing step stands on is read.
#[test]
fn layers_come_when_they_are_needed() {
    let bucket = Bucket::new("lazy");
    let flag = bucket.flag(",mode=max");
    let first = Store::new();
    bucket.build(&first, &["--cache-to", &flag]);
    let read = || bucket.requests().iter().filter(|line| line.starts_with("GET blobs")).count();
    let begin = read();
    let second = Store::new();
    let from = bucket.flag("");
    let answer = bucket.build(&second, &["--cache-from", &from, "--target", "tool"]);
    assert!(!executed(&answer), "{}", answer.stderr);
    // The config, two layers, two manifests, and what their keys were made of.
    assert_eq!(read() - begin, 6);
}

#[test]
fn a_damaged_object_is_built_again_and_written_again() {
    for how in ["tampered", "truncated", "missing"] {
        let bucket = Bucket::new(&format!("damaged-{how}"));
        let flag = bucket.flag(",mode=max");
        let first = Store::new();
        bucket.build(&first, &["--cache-to", &flag]);
        for key in bucket.layers() {
            let mut bytes = bucket.read(&key);
            let middle = bytes.len() / 2;
            match how {
                "tampered" => bytes[middle] ^= 0x55,
                "truncated" => bytes.truncate(middle),
                _ => {
                    bucket.object("remove", &[&key]);
                    continue;
                }
            }
            bucket.write(&key, &bytes);
        }
        let second = Store::new();
        let from = bucket.flag("");
        let answer = bucket.build(&second, &["--cache-from", &from, "--cache-to", &flag]);
        let answer = answer.says(&["warning: a layer of the cache s3://", "cannot be used"]);
        assert!(executed(&answer), "{how}: {}", answer.stderr);
        assert_ne!(ids(&second), ids(&first), "{how}");
        assert_eq!(second.prints("app", &["cat", "/app/src/a.txt"]), "one", "{how}");
        let third = Store::new();
        let answer = bucket.build(&third, &["--cache-from", &from]);
        assert!(!executed(&answer), "{how}: {}", answer.stderr);
        assert_eq!(ids(&third), ids(&second), "{how}");
    }
}

#[test]
fn a_manifest_that_is_none_is_a_warning() {
    let bucket = Bucket::new("other");
    // What BuildKit keeps under such a name begins so.
    for bytes in [&br#"{"layers":[],"records":[]}"#[..], b"", b"{", b"\xff\xfe"] {
        bucket.write("manifests/lapstrake", bytes);
        let answer = bucket.build(&Store::new(), &["--cache-from", &bucket.flag("")]);
        answer.says(&["warning: cannot use the cache s3://"]);
    }
}

/// Wrong key, secret, region, bucket, server: a warning to a reader, an error to a writer unless it may
/// fail; and nothing that was to be secret is shown.
#[test]
fn what_is_wrong_is_said_and_nothing_secret() {
    let bucket = Bucket::new("wrong");
    let (token, secret) = ("a-token-of-some-length", "a/secret+of/some-length");
    let id = prepared("LAPSTRAKE_TEST_S3_KEY_ID");
    let cases = [
        (format!(",access_key_id=nobody,secret_access_key={secret}"), "InvalidAccessKeyId"),
        (
            format!(",access_key_id={id},secret_access_key={secret},session_token={token}"),
            "SignatureDoesNotMatch",
        ),
        (",region=us-east-1".to_owned(), "expecting 'eu-test-1'"),
        (",bucket=there-is-no-such-bucket".to_owned(), "NoSuchBucket"),
        (",endpoint_url=http://127.0.0.1:9".to_owned(), "cannot reach http://127.0.0.1:9"),
    ];
    for (more, words) in cases {
        let flag = bucket.flag(&more);
        let store = Store::new();
        let answer = bucket.try_build(&store, &["--cache-from", &flag]).ends_with(0);
        hides(&answer.says(&["warning: cannot use the cache s3://", words]), &[secret, token]);
        let answer = bucket.try_build(&store, &["--cache-to", &flag]).ends_with(1);
        hides(&answer.says(&["cannot write the cache s3://", words]), &[secret, token]);
        let flag = format!("{flag},ignore-error=true");
        let answer = bucket.try_build(&store, &["--cache-to", &flag]).ends_with(0);
        hides(&answer.says(&["warning: cannot write the cache", words]), &[secret, token]);
        for secret in [secret, token] {
            let found = Command::new("grep").args(["-rlF", secret]).arg(store.root()).output();
            assert_eq!(found.expect("grep").stdout, b"", "{more}");
        }
    }
}

#[track_caller]
fn hides(answer: &Answer, secrets: &[&str]) {
    let all = format!("{}{}", answer.stdout, answer.stderr);
    for word in [secrets, &["X-Amz-", "Signature="]].concat() {
        assert!(!all.contains(word), "{all}");
    }
}

#[test]
fn fields_that_are_wrong_are_refused_before_anything_is_built() {
    let bucket = Bucket::new("fields");
    let secret = "a/secret+of/some-length";
    for (flag, words) in [
        (
            bucket.flag(&format!(",secret_acces_key={secret}")),
            "secret_acces_key=… is not supported",
        ),
        (bucket.flag(&format!(",secret_access_key={secret},mode=all")), "neither min nor max"),
        (
            format!("type=s3,secret_access_key={secret},bucket=b,region=r"),
            "lacks the access_key_id",
        ),
        ("type=s3,region=r".to_owned(), "lacks a bucket"),
        ("type=s3,bucket=b".to_owned(), "lacks a region"),
        (bucket.flag(",prefix=/a/"), "is no key"),
        (bucket.flag(",name=../x"), "is no key"),
        (bucket.flag(",endpoint_url=ftp://h"), "is no URL"),
        (bucket.flag(",endpoint_url=http://me:pass@h"), "the endpoint http://h is no URL"),
    ] {
        let store = Store::new();
        let answer = bucket.try_build(&store, &["--cache-to", &flag]).ends_with(1).says(&[words]);
        hides(&answer, &[secret, "pass"]);
        assert!(!answer.stderr.contains("first build"), "{}", answer.stderr);
    }
}

/// Who has no key in the environment may have it in the files of `aws configure`.
#[test]
fn keys_and_region_may_stand_in_files() {
    let bucket = Bucket::new("files");
    let home = scratch();
    let folder = home.path().join(".aws");
    fs::create_dir(&folder).expect("create the folder");
    let keys = ["_KEY_ID", "_SECRET"].map(|name| prepared(&format!("LAPSTRAKE_TEST_S3{name}")));
    let [id, secret] = keys;
    let credentials = format!("[ci]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(folder.join("credentials"), credentials).expect("write");
    let endpoint = prepared("LAPSTRAKE_TEST_S3");
    let config = format!("[profile ci]\nregion = eu-test-1\nendpoint_url = {endpoint}\n");
    fs::write(folder.join("config"), config).expect("write");
    let flag = format!("type=s3,bucket={},mode=max", bucket.name);
    let context = text(bucket.context.path());
    let store = Store::new();
    let mut lap = store.lap(&["build", "--cache-to", &flag, &context]);
    lap.env("HOME", home.path()).env("AWS_PROFILE", "ci");
    Answer::of(&mut lap).ends_with(0).says(&["layers, 5 of them written"]);
    // Nobody in particular may not write here.
    let mut lap = store.lap(&["build", "--cache-to", &bucket.flag(""), &context]);
    lap.env("HOME", scratch().path());
    Answer::of(&mut lap).ends_with(1).says(&["AccessDenied", "set AWS_ACCESS_KEY_ID"]);
}

/// A layer of many megabytes goes out and comes back without being held in memory.
#[test]
fn large_layers_take_no_memory() {
    let bucket = Bucket::new("large");
    let context = Context::new("FROM scratch\nCOPY big /\n");
    let big = text(&context.path().join("big"));
    tool("dd", &["if=/dev/urandom", &format!("of={big}"), "bs=1M", "count=192", "status=none"]);
    let (to, from) = (bucket.flag(",compression=uncompressed"), bucket.flag(""));
    for (flag, value) in [("--cache-to", to), ("--cache-from", from)] {
        let store = Store::new();
        let lap = store.lap(&["build", "-t", "app", flag, &value, &text(context.path())]);
        let program = lap.get_program().to_owned();
        let arguments: Vec<_> = lap.get_args().map(ToOwned::to_owned).collect();
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "peak %M"]).arg(program).args(arguments);
        timed.envs(lap.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let answer = Answer::of(signed(&mut timed)).ends_with(0);
        let peak = answer.stderr.rsplit("peak ").next().expect("a figure").trim();
        let peak: u64 = peak.parse().expect("kilobytes");
        assert!(peak < 100_000, "{flag}: {peak} kB");
    }
}
