//! Shared caches of every kind on servers that are not well: a build with one is as right as without, and
//! ends in bounded time.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::faulty::{Fault, Faulty, Part};
use crate::support::{Answer, Context, Store, prepared, registry_address, scratch, text};

/// The longest that a silent server is waited for, twice: for the config and for a layer, with room for a
/// busy machine.
const PATIENCE: Duration = Duration::from_secs(110);

fn project() -> Context {
    let dockerfile = "FROM busybox AS tool\nCOPY tool.txt /in\nRUN tr a-z A-Z < /in > /tool\n\
                      FROM busybox\nCOPY src /src\nCOPY --from=tool /tool /tool\nRUN cat /src/a.txt > /b\n";
    Context::new(dockerfile).file("tool.txt", "tool\n").file("src/a.txt", "one\n")
}

/// Somebody who may use the buckets builds.
fn build(store: &Store, context: &Path, flags: &[&str]) -> Answer {
    let context = text(context);
    let fixed = ["build", "--progress", "plain", "-t", "app"];
    let mut lap = store.lap(&[&fixed[..], flags, &[context.as_str()]].concat());
    lap.envs(Bucket::variables());
    Answer::of(&mut lap)
}

/// The image is what the Dockerfile says.
#[track_caller]
fn is_right(store: &Store) {
    assert_eq!(store.prints("app", &["cat", "/tool", "/b", "/src/a.txt"]), "TOOL\none\none");
}

fn executed(answer: &Answer) -> bool {
    let reasons = ["first build of this step", "has its result, and that cannot be used"];
    reasons.iter().any(|reason| answer.stderr.contains(reason))
}

/// A cache on a server: how it is written, and how it is read at another address of the server.
struct Kept {
    name: &'static str,
    server: String,
    from: Box<dyn Fn(&str) -> String + Sync>,
}

/// One in the registry, one in an image there, one in a bucket.
fn kept(context: &Context, bucket: &Bucket) -> Vec<Kept> {
    let registry = registry_address();
    let place = format!("backend/app-{}", std::process::id());
    let image = format!("{registry}/{place}:image");
    let mut lap = Store::new().lap(&["build", "--push", "-t", &image, "--cache-to", "type=inline"]);
    Answer::of(lap.arg(context.path())).ends_with(0);
    let to = format!("type=registry,ref={registry}/{place}:cache,mode=max");
    build(&Store::new(), context.path(), &["--cache-to", &to]).ends_with(0);
    let objects = prepared("LAPSTRAKE_TEST_S3").replace("http://", "");
    let flag = format!("type=s3,bucket={}", bucket.name());
    build(&Store::new(), context.path(), &["--cache-to", &format!("{flag},mode=max")]).ends_with(0);
    let at = |tag: &'static str| {
        let place = place.clone();
        move |address: &str| format!("type=registry,ref={address}/{place}:{tag}")
    };
    vec![
        Kept { name: "registry", server: registry.clone(), from: Box::new(at("cache")) },
        Kept { name: "inline", server: registry, from: Box::new(at("image")) },
        Kept {
            name: "s3",
            server: objects,
            from: Box::new(move |address| format!("{flag},endpoint_url=http://{address}")),
        },
    ]
}

/// Whatever is wrong with a server, what it says is a warning and the image is right.
#[test]
fn a_server_that_is_not_well_is_a_warning() {
    let (context, bucket) = (project(), Bucket::new("backend"));
    let kept = kept(&context, &bucket);
    let faults = [
        Fault::Silence,
        Fault::Stalled,
        Fault::Truncated,
        Fault::Tampered,
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(404),
        Fault::Status(500),
    ];
    std::thread::scope(|scope| {
        for kept in &kept {
            for fault in faults {
                for part in [Part::Manifests, Part::Config, Part::Layers] {
                    let context = &context;
                    scope.spawn(move || check(kept, fault, part, context.path()));
                }
            }
        }
    });
    // And where nothing is wrong, nothing is executed.
    for kept in &kept {
        let store = Store::new();
        let from = (kept.from)(&kept.server);
        let answer = build(&store, context.path(), &["--cache-from", &from]).ends_with(0);
        assert_eq!(executed(&answer), kept.name == "inline", "{}: {}", kept.name, answer.stderr);
    }
}

fn check(kept: &Kept, fault: Fault, part: Part, context: &Path) {
    let what = format!("{} {part:?} {fault:?}", kept.name);
    let server = Faulty::new(&kept.server, fault, part);
    let (store, begin) = (Store::new(), Instant::now());
    let from = (kept.from)(&server.address);
    let answer = build(&store, context, &["--cache-from", &from]).ends_with(0);
    assert!(begin.elapsed() < PATIENCE, "{what} took {:?}", begin.elapsed());
    is_right(&store);
    if (fault, part) == (Fault::Tampered, Part::Manifests) {
        // Nobody can know: what a name stands for has no digest. What it leads to has.
        return;
    }
    assert!(answer.stderr.contains("warning: "), "{what}: {}", answer.stderr);
    let is_layer = part == Part::Layers;
    assert_eq!(
        answer.stderr.contains("cannot use the cache"),
        !is_layer,
        "{what}: {}",
        answer.stderr
    );
    assert!(executed(&answer), "{what}: {}", answer.stderr);
}

/// A host that takes the connection, and never says a word: to a writer as well.
#[test]
fn a_silent_server_is_not_waited_for_for_long_by_who_writes() {
    let context = project();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its number");
    std::thread::spawn(move || {
        // Kept open.
        let _all: Vec<_> = listener.incoming().collect();
    });
    let flags = [
        format!("type=registry,ref={address}/n/cache:t"),
        format!("type=s3,bucket=b,region=r,endpoint_url=http://{address}"),
    ];
    std::thread::scope(|scope| {
        for flag in &flags {
            for may_fail in [false, true] {
                let context = &context;
                scope.spawn(move || {
                    let (store, begin) = (Store::new(), Instant::now());
                    let flag = format!("{flag},ignore-error={may_fail}");
                    let answer = build(&store, context.path(), &["--cache-to", &flag]);
                    let answer = answer.ends_with(i32::from(!may_fail));
                    assert!(begin.elapsed() < PATIENCE, "{flag} took {:?}", begin.elapsed());
                    answer.says(&["cannot write the cache"]);
                    is_right(&store);
                });
            }
        }
    });
}

/// Settings that are not whole (a job of a fork has no secrets) are what a server that is not there is: a
/// warning to a reader, and to a writer that may fail.
#[test]
fn settings_that_are_not_whole_are_no_reason_to_fail() {
    let context = project();
    for (flag, variables, words) in [
        ("type=s3", &[][..], "lacks a bucket"),
        ("type=s3,bucket=", &[], "lacks a bucket"),
        ("type=s3,bucket=b", &[], "lacks a region"),
        ("type=s3,bucket=b,region=", &[("AWS_ACCESS_KEY_ID", "")], "lacks a region"),
        ("type=s3,bucket=b,region=r,access_key_id=a", &[], "lacks the secret_access_key"),
        ("type=s3,bucket=b,region=r", &[("AWS_SECRET_ACCESS_KEY", "s")], "lacks the access_key_id"),
        ("type=s3,bucket=b,region=r", &[("AWS_PROFILE", "nobody")], "no AWS profile"),
        ("type=s3,bucket=b,region=r,prefix=/a/", &[], "is no key for an object"),
        ("type=s3,bucket=b,region=r,endpoint_url=ftp://h", &[], "is no URL"),
        ("type=registry,ref=h/n:a/b", &[], "no name in a registry"),
    ] {
        let lap = |flags: &[&str]| {
            let store = Store::new();
            let path = text(context.path());
            let mut lap = store.lap(&[&["build", "-t", "app"], flags, &[path.as_str()]].concat());
            lap.env("HOME", "/nowhere").envs(variables.iter().copied());
            (Answer::of(&mut lap), store)
        };
        let (answer, store) = lap(&["--cache-from", flag]);
        answer.ends_with(0).says(&["warning: cannot use the cache ", words]);
        is_right(&store);
        let (answer, store) = lap(&["--cache-to", &format!("{flag},ignore-error=true")]);
        answer.ends_with(0).says(&["warning: cannot write the cache ", words]);
        is_right(&store);
        let (answer, _) = lap(&["--cache-to", flag]);
        let answer = answer.ends_with(1).says(&["error: ", words]);
        assert!(!executed(&answer), "{}", answer.stderr);
    }
}

/// Three caches that say nothing are waited for together.
#[test]
fn caches_are_asked_at_the_same_time() {
    let context = project();
    let begin = Instant::now();
    let servers: Vec<Faulty> =
        (0..3).map(|_| Faulty::new(&registry_address(), Fault::Silence, Part::Manifests)).collect();
    let flags: Vec<String> =
        servers.iter().map(|server| format!("--cache-from={}/n/c:t", server.address)).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let store = Store::new();
    let answer = build(&store, context.path(), &flags).ends_with(0);
    assert_eq!(answer.stderr.matches("cannot use the cache").count(), 3, "{}", answer.stderr);
    assert!(begin.elapsed() < Duration::from_secs(75), "{:?}", begin.elapsed());
    answer.says(&["waiting for the answer of a cache"]);
    // A build that lacks nothing does not wait for them.
    let begin = Instant::now();
    let answer = build(&store, context.path(), &flags).ends_with(0);
    assert!(!executed(&answer), "{}", answer.stderr);
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}

/// BuildKit's `reset=true` and `digest=`.
#[test]
fn a_folder_can_be_cleaned_and_read_by_digest() {
    let (context, folder) = (project(), scratch());
    let place = folder.path().join("cache");
    let index = || fs::read_to_string(place.join("index.json")).expect("an index");
    let digest = || {
        let index: serde_json::Value = serde_json::from_str(&index()).expect("JSON");
        index["manifests"][0]["digest"].as_str().expect("a digest").to_owned()
    };
    let blobs = || fs::read_dir(place.join("blobs/sha256")).expect("blobs").count();
    let to = format!("type=local,dest={},mode=max", text(&place));
    let from = format!("type=local,src={}", text(&place));
    build(&Store::new(), context.path(), &["--cache-to", &to]).ends_with(0);
    let (first, few) = (digest(), blobs());
    context.write("src/a.txt", "two\n");
    build(&Store::new(), context.path(), &["--cache-to", &to]).ends_with(0);
    let many = blobs();
    assert!(many > few, "{many} blobs");
    // The old one has lost its name, and is still there.
    context.write("src/a.txt", "one\n");
    let by_digest = format!("{from},digest={first}");
    let answer = build(&Store::new(), context.path(), &["--cache-from", &by_digest]).ends_with(0);
    assert!(!executed(&answer), "{}", answer.stderr);
    let store = Store::new();
    let reset = format!("{to},reset=true");
    let flags = ["--cache-from", &by_digest, "--cache-to", &reset];
    let answer = build(&store, context.path(), &flags).ends_with(0);
    answer.says(&["blobs (", "removed"]);
    assert_eq!(blobs(), few);
    is_right(&store);
    let again = Store::new();
    let answer = build(&again, context.path(), &["--cache-from", &from]).ends_with(0);
    assert!(!executed(&answer), "{}", answer.stderr);
    let none = format!("{from},digest=sha256:{}", "0".repeat(64));
    let answer = build(&Store::new(), context.path(), &["--cache-from", &none]).ends_with(0);
    answer.says(&["warning: cannot use the cache"]);
}

/// BuildKit's `force-compression`: also what only another cache has is compressed as is said.
#[test]
fn a_cache_that_is_handed_on_may_be_compressed_anew() {
    let (context, folder) = (project(), scratch());
    let place = |name: &str| folder.path().join(name);
    let to =
        |name: &str, more: &str| format!("type=local,dest={},mode=max{more}", text(&place(name)));
    let from = |name: &str| format!("type=local,src={}", text(&place(name)));
    build(&Store::new(), context.path(), &["--cache-to", &to("gzip", ",compression=gzip")])
        .ends_with(0);
    let kinds = |name: &str| {
        let mut kinds = [0, 0];
        for blob in fs::read_dir(place(name).join("blobs/sha256")).expect("blobs") {
            // RFC 1952, 2.3.1; RFC 8878, 3.1.1.
            let bytes = fs::read(blob.expect("a blob").path()).expect("a blob");
            kinds[0] += usize::from(bytes.starts_with(&[0x1f, 0x8b]));
            kinds[1] += usize::from(bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
        }
        kinds
    };
    // The layers' manifests, and what their keys were made of, are always zstd.
    let [layers, others] = kinds("gzip");
    assert!(layers > 0 && layers + 1 == others, "{layers} {others}");
    for (name, more, expected) in [
        ("kept", ",compression=zstd", [true, true]),
        ("forced", ",compression=zstd,compression-level=9,force-compression=true", [false, true]),
    ] {
        let to = to(name, more);
        let flags = ["--cache-from", &from("gzip"), "--cache-to", &to];
        build(&Store::new(), context.path(), &flags).ends_with(0);
        assert_eq!(kinds(name).map(|count| count > 0), expected, "{name}");
        let store = Store::new();
        let answer = build(&store, context.path(), &["--cache-from", &from(name)]).ends_with(0);
        assert!(!executed(&answer), "{name}: {}", answer.stderr);
        is_right(&store);
    }
}

/// A layout that `-o` writes is as safe from what lies there as a cache is.
#[test]
fn an_image_layout_in_a_folder_is_written_with_care() {
    let (context, folder) = (project(), scratch());
    let place = folder.path().join("layout");
    let output = format!("type=oci,tar=false,dest={}", text(&place));
    let named = |name: &str| {
        let path = text(context.path());
        let mut lap = Store::new().lap(&["build", "-q", "-t", name, "-o", &output, &path]);
        lap.env("SOURCE_DATE_EPOCH", "0");
        lap
    };
    let write = |name: &str| Answer::of(&mut named(name));
    // Several at once: each keeps the others' names.
    std::thread::scope(|scope| {
        for number in 0..4 {
            let write = &write;
            scope.spawn(move || write(&format!("app:{number}")).ends_with(0));
        }
    });
    let index = fs::read_to_string(place.join("index.json")).expect("an index");
    for number in 0..4 {
        assert!(index.contains(&format!("docker.io/library/app:{number}")), "{index}");
    }
    let names =
        fs::read_dir(&place).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["blobs", "index.json", "oci-layout"]);
    // A link in the place of what it is about to write is not followed.
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").expect("write");
    fs::remove_file(place.join("index.json")).expect("remove");
    std::os::unix::fs::symlink(&victim, place.join("index.json")).expect("a link");
    write("app:9").ends_with(1).says(&["index.json"]);
    assert_eq!(fs::read_to_string(&victim).expect("a file"), "precious");
    // What is no file is not waited for.
    for name in ["index.json", "oci-layout"] {
        fs::remove_file(place.join(name)).expect("remove");
        crate::support::tool("mkfifo", &[&text(&place.join(name))]);
        write("app:9").ends_with(1).says(&[name, "is not a regular file"]);
        fs::remove_file(place.join(name)).expect("remove");
        drop(UnixListener::bind(place.join(name)).expect("a socket"));
        write("app:9").ends_with(1).says(&[name, "is not a regular file"]);
        fs::remove_file(place.join(name)).expect("remove");
        fs::write(place.join(name), "{").expect("write");
    }
    // Half an index is told and left.
    fs::write(place.join("index.json"), "{\"schemaVersion\":2,").expect("write");
    write("app:9").ends_with(1).says(&["index.json"]);
    assert_eq!(
        fs::read_to_string(place.join("index.json")).expect("a file"),
        "{\"schemaVersion\":2,"
    );
}
