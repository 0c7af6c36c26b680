//! `lap cache why`: what made a layer, what a step's key is made of, what holds it.

use serde_json::Value;

use crate::support::{Answer, Context, Store, text};

const STAGES: &str = "FROM busybox AS build\nARG VERSION=1\nRUN echo $VERSION > /v && sleep 0.3\n\
                      COPY src /src\nRUN --mount=type=cache,target=/c cat /src/app.py > /out\n\
                      FROM busybox\nCOPY --from=build /out /out\n";

fn why(store: &Store, subject: &str) -> String {
    store.ok(&["cache", "why", subject])
}

fn object(store: &Store, subject: &str) -> Value {
    serde_json::from_str(&store.ok(&["cache", "why", "--format", "json", subject])).expect("JSON")
}

/// The key of the step of this name that was recorded last, by way of the image of its stage.
fn key(store: &Store, context: &Context, target: &str) -> String {
    store.build_with("asked", context.path(), &["--target", target]);
    let layers = object(store, "asked")["Layers"].clone();
    let last = layers.as_array().and_then(|layers| layers.last()).expect("a layer").clone();
    last["Records"][0]["Key"].as_str().expect("a key").to_owned()
}

#[track_caller]
fn has(told: &str, lines: &[&str]) {
    for line in lines {
        assert!(told.lines().any(|told| told.trim_start().starts_with(line)), "{line}\n{told}");
    }
}

#[test]
fn an_image_says_what_made_its_layers_and_what_holds_them() {
    let store = Store::new();
    let context = Context::new(STAGES).file("src/app.py", "1");
    store.build("app", context.path());
    store.ok(&["tag", "app", "other"]);
    let told = why(&store, "app");
    assert!(told.starts_with("app: ") && told.contains(" for linux/amd64, 2 layers\n"), "{told}");
    has(
        &told,
        &["1  sha256-", "2  blake3-", "made by   [stage-1 2/2] COPY --from=build /out /out"],
    );
    has(&told, &["held by   the images app:latest, other:latest\n".trim_end()]);
    has(&told, &["freed by  lap rmi app:latest other:latest, then lap cache prune"]);
    has(&told, &["key       none: it came with an image"]);

    let layers = object(&store, "app")["Layers"].clone();
    let layer = &layers[1];
    let records = layer["Records"].as_array().expect("records");
    // The command wrote the same, and copies from a stage have a second key.
    assert_eq!(records.len(), 3, "{layer}");
    has(
        &told,
        &["also by   [build 4/4] RUN --mount=type=cache,target=/c cat /src/app.py > /out ("],
    );
    assert_eq!(layer["Size"], Value::from(1));
    assert_eq!(layer["IsHere"], Value::from(true));
    assert!(layers[0]["HeldBy"]["Steps"].to_string().contains("RUN echo $VERSION"), "{layers}");
    // The advice is right: that frees it.
    store.ok(&["rmi", "app", "other"]);
    let id = layer["Layer"].as_str().expect("an id");
    store.answer(&["cache", "why", &id[..20]]).ends_with(1).says(&["stands for several steps"]);
    let copy = records[0]["Key"].as_str().expect("a key");
    has(&why(&store, copy), &["held by    nothing but its record", "freed by   lap cache prune"]);
    assert!(store.root().join("layers").join(id).exists());
    store.ok(&["cache", "prune"]);
    assert!(!store.root().join("layers").join(id).exists());
}

#[test]
fn a_step_says_what_its_key_is_made_of_and_why_it_ran() {
    let store = Store::new();
    let context = Context::new(STAGES).file("src/app.py", "1");
    let first = "FROM busybox AS build\nARG VERSION=1\nRUN echo $VERSION > /v && sleep 0.3\n";
    let first = key(&store, &Context::new(first), "build");
    let told = why(&store, &first[..12]);
    has(&told, &["[build 2/2] RUN echo $VERSION", "ran        because: first build of this step"]);
    has(
        &told,
        &["the command              echo $VERSION > /v && sleep 0.3", "VERSION                  1"],
    );
    has(&told, &["the base image           ", "the network              default"]);
    let took = object(&store, &first)["Record"]["Milliseconds"].as_u64().expect("a time");
    assert!((300..60_000).contains(&took), "{took}");

    let before = key(&store, &context, "build");
    has(&why(&store, &before), &["[build 4/4] RUN --mount=type=cache,target=/c cat"]);
    store.build("app", context.path());
    context.write("src/app.py", "2");
    store.build("app", context.path());
    let layers = object(&store, "app")["Layers"].clone();
    let copy = layers[1]["Records"][0]["Key"].as_str().expect("a key").to_owned();
    has(&why(&store, &copy), &["ran        because: /out changed"]);
    let origins = key(
        &store,
        &Context::new(&STAGES.replace("RUN --mount", "FROM build AS last\nRUN --mount"))
            .file("src/app.py", "2"),
        "build",
    );
    let told = why(&store, &origins);
    has(&told, &["[build 3/4] COPY src /src", "what builds on it: "]);
    assert!(told.contains("RUN --mount=type=cache,target=/c cat /src/app.py > /out"), "{told}");
    let second = layers[1]["Records"][2]["Key"].as_str().expect("a second key");
    has(&why(&store, second), &[&format!("{} is a second key of this step", &second[..12])]);

    let other = Context::new(&STAGES.replace("VERSION=1", "VERSION=2")).file("src/app.py", "2");
    store.build_with("v", other.path(), &["--target", "build"]);
    let steps = object(&store, "v")["Layers"].clone();
    let run = steps[1]["Records"][0]["Key"].as_str().expect("a key");
    has(&why(&store, run), &["ran        because: "]);
    assert!(object(&store, run)["Parts"].to_string().contains(r#""Subject":"VERSION","Text":"2""#));
}

#[test]
fn a_changed_file_and_argument_are_named() {
    let store = Store::new();
    let dockerfile = "FROM busybox\nARG VERSION=1\nCOPY src /src\nRUN echo $VERSION\n";
    let context = Context::new(dockerfile).file("src/app.py", "1").file("src/b", "b");
    store.build("x", context.path());
    context.write("src/app.py", "2");
    store.build_with("x", context.path(), &["--build-arg", "VERSION=7"]);
    let layers = object(&store, "x")["Layers"].clone();
    let key =
        |number: usize| layers[number]["Records"][0]["Key"].as_str().expect("a key").to_owned();
    has(
        &why(&store, &key(1)),
        &["ran        because: src/app.py changed", "what is copied           src (2 files)"],
    );
    has(&why(&store, &key(2)), &["ran        because: VERSION changed: 1 → 7"]);
}

#[test]
fn what_is_gone_failed_or_unknown() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo 1 > /one\nRUN exit 3\n");
    let failed = store.try_build("x", context.path(), &[]).ends_with(1);
    let key = failed.stderr.split("lap run -it --step ").nth(1).expect("the key of the step");
    let key = key.split_whitespace().next().expect("a word");
    has(&why(&store, key), &["record     none: its command failed", "log        lap build logs "]);

    let good = Context::new("FROM busybox\nRUN echo 1 > /one\n");
    store.build("good", good.path());
    let evicted = object(&store, "good")["Layers"][1]["Records"][0]["Key"].clone();
    let evicted = evicted.as_str().expect("a key");
    store.ok(&["rmi", "good"]);
    store.ok(&["cache", "prune", "--all"]);
    has(&why(&store, &evicted[..10]), &["record     evicted "]);

    let unknown = |name: &str| -> Answer { store.answer(&["cache", "why", name]).ends_with(1) };
    store.build("app", good.path());
    unknown("apq").says(&["there is no image and no step apq", "did you mean app?"]);
    unknown("0123456789").says(&["there is no image and no step 0123456789", "lap images"]);
    unknown("").says(&["there is no image and no step"]);
    unknown("../etc").says(&["there is no image and no step ../etc"]);
}

/// What a container uses is held by it, and said so.
#[test]
fn a_running_container_holds_layers() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo 1 > /one\n");
    store.build("x", context.path());
    let layer = object(&store, "x")["Layers"][1]["Layer"].as_str().expect("an id").to_owned();
    let shared = store.beside("shared");
    std::fs::create_dir(&shared).expect("create a folder");
    let volume = format!("{}:/v", text(&shared));
    let script = "echo > /v/begun; while [ ! -e /v/go ]; do sleep 0.05; done";
    let container = store.background(&["run", "--rm", "-v", &volume, "x", "sh", "-c", script]);
    crate::support::wait_for("the container", || shared.join("begun").exists().then_some(()));
    store.ok(&["rmi", "x"]);
    let told = why(&store, &layer);
    assert!(told.contains("; a running build or container\n"), "{told}");
    has(&told, &["freed by   the end of what runs, then lap "]);
    assert_eq!(object(&store, &layer)["HeldBy"]["InUse"], Value::from(true));
    std::fs::write(shared.join("go"), "").expect("let it go on");
    container.answer().ends_with(0);
    assert_eq!(object(&store, &layer)["HeldBy"]["InUse"], Value::from(false));
}

/// Also to a program: what reads it mostly shows it to somebody.
#[test]
fn names_move_no_cursor() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nENV A=\"x\u{1b}[2Jy\u{202e}\"\nLABEL l=\"\u{1b}]0;t\u{7}\"\nRUN echo \"\u{1b}[31mred\" > /f\n",
    );
    store.build("x", context.path());
    let key = object(&store, "x")["Layers"][1]["Records"][0]["Key"].clone();
    let key = key.as_str().expect("a key");
    for told in [why(&store, "x"), why(&store, key)] {
        assert!(!told.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{told:?}");
        assert!(told.contains("red"), "{told}");
    }
    assert!(why(&store, key).contains("xy"), "the value is told");
    // Whoever takes JSON has all of it.
    assert!(object(&store, key).to_string().contains("\\u001b[2J"));
    // A name of a cache mount is whatever somebody wrote.
    let (folder, archive) = (store.beside("empty"), store.beside("empty.tar"));
    std::fs::create_dir(&folder).expect("create a folder");
    crate::support::tool("tar", &["-cf", &text(&archive), "-C", &text(&folder), "."]);
    let name = "a\u{1b}[2Jb\nc";
    let told = store.ok(&["cache", "mounts", "import", name, "-i", &text(&archive)]);
    assert_eq!(told, "ab\\nc holds 0 files of 0B");
    let told = store.ok(&["cache", "mounts", "rm", "a\u{1b}[2Jb"]);
    assert!(told.contains(" ab\nTotal: "), "{told}");
}

/// Logs are read by more people than builds are made by, and only values of today are hidden in them.
#[test]
fn a_variable_that_is_called_like_a_secret_is_told_without_its_values() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nARG PGPASSWORD\nRUN true\n");
    let build = |value: &str| {
        let argument = format!("PGPASSWORD={value}");
        store.build_with("app", context.path(), &["--build-arg", &argument])
    };
    build("hunter22");
    let answer = build("hunter33").says(&["PGPASSWORD changed\n"]);
    let told = answer.stderr.clone() + &why(&store, "app");
    assert!(!told.contains("hunter"), "{told}");
}

/// Of many images and steps the first are named, and as many more are counted.
#[test]
fn what_holds_a_layer_is_told_in_a_line() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo > /f\n");
    for name in ["a", "b", "c", "d", "e"] {
        store.build(name, context.path());
    }
    let told = why(&store, "a");
    let held = "held by   the images a:latest, b:latest, c:latest and 2 more images";
    has(&told, &[held, "freed by  lap rmi of these 5 images, then lap cache prune"]);
    let layers = object(&store, "a")["Layers"].clone();
    let images = layers[1]["HeldBy"]["Images"].as_array().expect("all images");
    assert_eq!(images.len(), 5, "{layers}");
}

/// As a build shows it.
#[test]
fn a_step_is_known_by_its_name_its_place_and_its_text() {
    let store = Store::new();
    let context = Context::new(STAGES).file("src/app.py", "1");
    store.build("app", context.path());
    context.write("src/app.py", "2");
    store.build("app", context.path());
    for (asked, name) in [
        ("[build 2/4] RUN echo $VERSION", "[build 2/4] RUN echo $VERSION > /v && sleep 0.3"),
        ("RUN echo", "[build 2/4] RUN echo $VERSION > /v && sleep 0.3"),
        ("build 3/4", "[build 3/4] COPY src /src"),
        ("[3/4]", "[build 3/4] COPY src /src"),
        ("copy src", "[build 3/4] COPY src /src"),
        ("2/2", "[stage-1 2/2] COPY --from=build /out /out"),
    ] {
        let told = why(&store, asked);
        assert!(told.starts_with(name), "{asked}: {told}");
    }
    // Of several executions the last.
    has(&why(&store, "3/4"), &["ran        because: src/app.py changed"]);
    let several = store.answer(&["cache", "why", "RUN"]).ends_with(1);
    several.says(&["RUN stands for several steps", "is [build 2/4] RUN echo $VERSION"]);
    // Two Dockerfiles of one folder.
    context.write("Other", "FROM busybox\nRUN echo $VERSION > /w\n");
    store.build_with("w", context.path(), &["-f", &text(&context.path().join("Other"))]);
    let folder = context.path().canonicalize().expect("the folder");
    let [first, second] =
        ["Dockerfile", "Other"].map(|file| format!(" of {file} in {}", folder.display()));
    let several = store.answer(&["cache", "why", "RUN echo $VERSION"]).ends_with(1);
    several.says(&["stands for several steps", &first, &second]);
    store
        .answer(&["cache", "why", "9/9"])
        .ends_with(1)
        .says(&["there is no image and no step 9/9"]);
    // The project of the folder is meant.
    let other = Context::new("FROM busybox\nCOPY src /src\n").file("src/app.py", "3");
    store.build("other", other.path());
    store.answer(&["cache", "why", "COPY src"]).ends_with(1).says(&["stands for several steps"]);
    let here = store.lap(&["cache", "why", "COPY src"]).current_dir(other.path()).output();
    let told = String::from_utf8(here.expect("run lap").stdout).expect("text");
    assert!(told.starts_with("[2/2] COPY src /src\n"), "{told}");
    // A command that failed is in the log alone.
    let bad = Context::new("FROM busybox\nRUN exit 3\n");
    store.try_build("bad", bad.path(), &[]).ends_with(1);
    has(&why(&store, "RUN exit"), &["record     none: its command failed"]);
}

/// What is kept later says less than the build did.
#[test]
fn a_step_ran_for_the_reason_that_the_build_said() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo one > /f\n");
    store.build("app", context.path());
    context.write("Dockerfile", "FROM busybox\nRUN echo two > /f\n");
    let reason = "the command changed: echo one > /f → echo two > /f";
    store.build_with("app", context.path(), &["--explain"]).says(&[reason]);
    has(&why(&store, "RUN echo two"), &[&format!("ran        because: {reason}")]);
    store.build_with("app", context.path(), &["--no-cache"]);
    has(&why(&store, "RUN echo two"), &["ran        because: asked to run again"]);
}
