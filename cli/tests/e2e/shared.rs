//! Caches that are shared: two stores, and a folder or registry between them. Steps write random
//! numbers, so the same number in the second store means that the step did not run there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bucket::Bucket;
use crate::support::{Answer, Context, Store, registry_address, scratch, text, tool};

const RANDOM: &str = "cat /proc/sys/kernel/random/uuid";

/// Steps of the project that are shown.
const STEPS: usize = 6;

/// Two stages, a copied file, a directory, a command behind all.
fn project() -> Context {
    let dockerfile = format!(
        "FROM busybox AS tool\nCOPY tool.txt /in\nRUN {RANDOM} > /tool && cat /in >> /tool\n\
         FROM busybox\nWORKDIR /app\nCOPY src src\nCOPY --from=tool /tool /tool\n\
         RUN ln src/a.txt hard && rm -r /home && mkdir /home && {RANDOM} > /id\n"
    );
    Context::new(&dockerfile)
        .file("tool.txt", "one\n")
        .file("src/a.txt", "one\n")
        .file("src/deep/b.txt", "two\n")
}

/// The random numbers of both commands.
fn ids(store: &Store) -> String {
    store.prints("app", &["cat", "/tool", "/id"])
}

fn to(place: &Path, more: &str) -> String {
    format!("type=local,dest={}{more}", text(place))
}

fn from(place: &Path) -> String {
    format!("type=local,src={}", text(place))
}

/// Builds the project on a new store and exports its cache.
fn exported(context: &Context, flag: &str) -> Store {
    let store = Store::new();
    store.build_with("app", context.path(), &["--cache-to", flag]).says(&["cache "]);
    store
}

/// The steps that were executed: only those say why.
fn executed(answer: &Answer) -> usize {
    let reasons = ["first build of this step", " changed", "follows ", "has its result, and"];
    let is_reason = |line: &&str| reasons.iter().any(|reason| line.contains(reason));
    // A step that was stopped for the sake of a lost layer says it twice.
    answer.stderr.lines().filter(is_reason).collect::<BTreeSet<_>>().len()
}

/// Builds the project on a new store with a cache; nothing may be executed.
#[track_caller]
fn reused(context: &Context, flag: &str) -> Store {
    let store = Store::new();
    let answer = store.build_with("app", context.path(), &["--cache-from", flag]);
    assert_eq!(executed(&answer), 0, "{}", answer.stderr);
    assert_eq!(answer.stderr.matches("CACHED").count(), STEPS, "{}", answer.stderr);
    let (came, all) = came(&answer).expect("what came is told");
    assert_eq!(came, all, "{}", answer.stderr);
    // What came is what is said of it, to the times of folders.
    store.ok(&["cache", "verify"]);
    store
}

/// How much of the layers of a cache came, and how much they are, in what was said last.
fn came(answer: &Answer) -> Option<(&str, &str)> {
    let mut lines = answer.stderr.lines().rev();
    let name = |line: &str| Some(line.split_once(" [internal] load layers of")?.0.to_owned());
    let step = lines.clone().find_map(name)?;
    let last = lines.find(|line| line.starts_with(&step) && line.contains(" / "))?;
    last.strip_prefix(&step)?.trim().split_once(" / ")
}

/// The blobs of the layers.
fn layers(cache: &Path) -> Vec<PathBuf> {
    let index: Value = json(&cache.join("index.json"));
    let manifest: Value = json(&blob(cache, &index["manifests"][0]));
    let layers = manifest["layers"].as_array().expect("layers").iter();
    let is_layer = |layer: &&Value| layer["mediaType"].to_string().contains("image.layer");
    layers.filter(is_layer).map(|layer| blob(cache, layer)).collect()
}

fn blob(cache: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().expect("a digest");
    cache.join("blobs").join(digest.replace(':', "/"))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

/// `sha256sum` of everything in a layout's blobs is what its names say.
fn check_blobs(cache: &Path) {
    for file in fs::read_dir(cache.join("blobs/sha256")).expect("blobs") {
        let file = file.expect("a blob").path();
        let sum = tool("sha256sum", &[&text(&file)]);
        assert_eq!(sum.get(..64), file.file_name().and_then(|name| name.to_str()));
    }
}

#[test]
fn a_fresh_store_executes_nothing() {
    let (context, folder) = (project(), scratch());
    for compression in ["zstd", "gzip", "uncompressed"] {
        let place = folder.path().join(compression);
        let flag = to(&place, &format!(",mode=max,compression={compression}"));
        let first = exported(&context, &flag);
        check_blobs(&place);
        let second = reused(&context, &from(&place));
        let again = second.build_with("app", context.path(), &["--cache-from", &from(&place)]);
        assert_eq!(came(&again), None, "what is here comes again");
        assert_eq!(ids(&second), ids(&first), "{compression}");
        let files = ["sh", "-c", "stat -c '%n %a %u %s %Y %h' /app /app/* /app/src/* /home /id"];
        assert_eq!(second.prints("app", &files), first.prints("app", &files));
        // The same image, to the last bit.
        let id = |store: &Store| store.ok(&["inspect", "--format", "{{.Id}}", "app"]);
        assert_eq!(id(&second), id(&first));
        second.ok(&["save", "-o", &text(&second.beside("whole.tar")), "app"]);
    }
}

/// All that a layer can hold, and all ways to a layer.
#[test]
fn every_kind_of_step_comes_as_it_was() {
    let dockerfile = format!(
        "FROM busybox AS tool\nRUN {RANDOM} > /tool\n\
         FROM busybox\nWORKDIR /app\nCOPY --link --chown=7:8 src linked\n\
         COPY <<END /inline\ntext\nEND\n\
         ADD files.tar /unpacked\n\
         RUN --mount=type=bind,source=src,target=/ctx cat /ctx/a.txt > /bound && {RANDOM} >> /bound\n\
         RUN --mount=type=bind,from=tool,target=/t --mount=type=cache,target=/c cp /t/tool /tool\n\
         RUN rm -r /home && mkdir /home && mkfifo /pipe && ln /tool /hard && ln -s tool /soft \\\n\
          && rm /etc/passwd && dd if=/dev/zero of=/sparse bs=1 count=1 seek=5000000 \\\n\
          && chmod 4750 /bound && chown 11:12 /pipe && touch -d '2001-02-03 04:05:06' /soft /inline\n"
    );
    let folder = scratch();
    let context = Context::new(&dockerfile).file("src/a.txt", "one\n");
    let archive = text(&context.path().join("files.tar"));
    tool("tar", &["-C", &text(context.path()), "-cf", &archive, "src"]);
    for epoch in [&[][..], &["--build-arg", "SOURCE_DATE_EPOCH=1000000000"]] {
        let place = folder.path().join(epoch.len().to_string());
        let flag = to(&place, ",mode=max");
        let first = Store::new();
        first.build_with("app", context.path(), &[&["--cache-to", &flag], epoch].concat());
        let second = Store::new();
        let flag = from(&place);
        let flags = [&["--cache-from", &flag], epoch].concat();
        let answer = second.build_with("app", context.path(), &flags);
        assert_eq!(executed(&answer), 0, "{}", answer.stderr);
        let id = |store: &Store| store.ok(&["inspect", "--format", "{{.Id}}", "app"]);
        assert_eq!(id(&second), id(&first), "{epoch:?}");
        // The layers themselves give the tars that the image speaks of.
        second.ok(&["save", "-o", &text(&second.beside("whole.tar")), "app"]);
        // With another time, what the builds made up gets that in both.
        let later = ["--build-arg", "SOURCE_DATE_EPOCH=1100000000"];
        for store in [&first, &second] {
            store.build_with("app", context.path(), &later);
        }
        assert_eq!(id(&second), id(&first), "{epoch:?}, later");
        let seen = second.prints("app", &["stat", "-c", "%n %Y", "/app"]);
        assert_eq!(seen, "/app 1100000000");
    }
}

/// A damaged blob that the next export would write again is written again.
#[test]
fn a_damaged_cache_is_mended() {
    let context = Context::new("FROM busybox\nCOPY f /\n").file("f", "f");
    let folder = scratch();
    exported(&context, &to(folder.path(), ""));
    for layer in layers(folder.path()) {
        damage(&layer, "tampered");
    }
    let (flag, source) = (to(folder.path(), ""), from(folder.path()));
    let flags = ["--cache-from", &source, "--cache-to", &flag];
    Store::new().build_with("app", context.path(), &flags).says(&["cannot be used"]);
    check_blobs(folder.path());
    let last = Store::new().build_with("app", context.path(), &["--cache-from", &source]);
    assert_eq!(executed(&last), 0, "{}", last.stderr);
}

#[test]
fn what_came_is_found_without_the_cache() {
    let (context, folder) = (project(), scratch());
    let place = folder.path().join("cache");
    let first = exported(&context, &to(&place, ""));
    let second = Store::new();
    second.build_with("app", context.path(), &["--cache-from", &from(&place)]);
    // With mode=min the stage `tool` is unknown and has to run; its copy is another one then.
    assert_ne!(ids(&second), ids(&first));
    fs::remove_dir_all(&place).expect("remove the cache");
    let last = second.build("app", context.path());
    assert_eq!(executed(&last), 0, "{}", last.stderr);
}

#[test]
fn min_knows_the_steps_of_the_image() {
    let dockerfile = format!("FROM busybox AS base\nRUN {RANDOM} > /id\nFROM base\nCOPY f /\n");
    let (context, folder) = (Context::new(&dockerfile).file("f", "f"), scratch());
    let first = exported(&context, &to(folder.path(), ",mode=min"));
    assert_eq!(layers(folder.path()).len(), 2);
    let second = Store::new();
    let flags = ["--cache-from", &from(folder.path())];
    let answer = second.build_with("app", context.path(), &flags);
    assert_eq!(executed(&answer), 0, "{}", answer.stderr);
    let id = |store: &Store| store.prints("app", &["cat", "/id"]);
    assert_eq!(id(&second), id(&first));
}

/// What a job says that has nothing but the cache: what a machine would say that built it before.
#[test]
fn a_miss_says_what_differs_from_what_the_cache_has() {
    let dockerfile = "FROM busybox AS tool\nARG VERSION=1.2\nARG NPM_TOKEN=none\nRUN echo $VERSION > /v\n\
                      FROM busybox\nCOPY src /src\n\
                      RUN --mount=type=bind,source=private,target=/p cat /p/key.txt > /o\n\
                      COPY --from=tool /v /v\n";
    let context = Context::new(dockerfile)
        .file("src/app.py", "1")
        .file("src/b", "b")
        .file("private/key.txt", "1");
    let folder = scratch();
    let flag = to(folder.path(), ",mode=max");
    let secret = ["--build-arg", "NPM_TOKEN=hunter22", "--cache-to", &flag];
    Store::new().build_with("app", context.path(), &secret);
    let told = accounts(folder.path());
    assert!(told.contains("src/app.py") && told.contains("NPM_TOKEN"), "{told}");
    assert!(!told.contains("hunter22") && !told.contains("key.txt\u{0}"), "{told}");
    let job = |flags: &[&str]| {
        let from = from(folder.path());
        let token = ["--build-arg", "NPM_TOKEN=hunter22", "--cache-from", &from];
        Store::new().build_with("app", context.path(), &[&token[..], flags].concat())
    };
    assert_eq!(executed(&job(&[])), 0);
    job(&["--build-arg", "VERSION=1.3"]).says(&["VERSION changed: 1.2 → 1.3\n"]);
    let other = job(&["--build-arg", "NPM_TOKEN=other"]);
    other.says(&["NPM_TOKEN may have changed: the cache does not tell\n"]);
    context.write("private/key.txt", "2");
    job(&[]).says(&["private changed, which is mounted at /p\n"]);
    context.write("src/app.py", "2");
    let told = job(&["--explain"]);
    told.says(&["[stage-1 2/4] COPY src /src executed\n    src/app.py changed\n"]);
    // What the build said is said later as well.
    let store = Store::new();
    let flags = ["--build-arg", "NPM_TOKEN=hunter22", "--cache-from", &from(folder.path())];
    store.build_with("app", context.path(), &flags);
    let image = store.ok(&["cache", "why", "--format", "json", "app"]);
    let image: Value = serde_json::from_str(&image).expect("JSON");
    let key = image["Layers"][1]["Records"][0]["Key"].as_str().expect("a key");
    let told = store.ok(&["cache", "why", key]);
    assert!(told.contains("because: src/app.py changed\n"), "{told}");
    // The next job has what this one made, and the cache of the first as well as its own.
    let next = scratch();
    job(&["--cache-to", &to(next.path(), ",mode=max")]);
    context.write("src/b", "c");
    let from = from(next.path());
    let flags = ["--build-arg", "NPM_TOKEN=hunter22", "--cache-from", &from];
    Store::new().build_with("app", context.path(), &flags).says(&["src/b changed\n"]);
}

/// What a cache in a folder tells of its keys, as zstd unpacks it.
fn accounts(cache: &Path) -> String {
    let manifest = json(&blob(cache, &json(&cache.join("index.json"))["manifests"][0]));
    let layers = manifest["layers"].as_array().expect("layers").iter();
    let is_told = |layer: &&Value| layer["mediaType"].to_string().contains("accounts");
    let told: Vec<PathBuf> = layers.filter(is_told).map(|layer| blob(cache, layer)).collect();
    let [told] = &told[..] else { panic!("one blob: {told:?}") };
    let output = std::process::Command::new("zstd").args(["-dc", &text(told)]).output();
    String::from_utf8_lossy(&output.expect("zstd").stdout).into_owned()
}

/// What tells of keys may be damaged like everything else, and nothing depends on it.
#[test]
fn accounts_that_are_damaged_say_nothing() {
    let (context, folder) = (project(), scratch());
    exported(&context, &to(folder.path(), ",mode=max"));
    let manifest =
        json(&blob(folder.path(), &json(&folder.path().join("index.json"))["manifests"][0]));
    let last = manifest["layers"].as_array().and_then(|layers| layers.last()).expect("a layer");
    damage(&blob(folder.path(), last), "tampered");
    reused(&context, &from(folder.path()));
    context.write("src/a.txt", "other\n");
    let flags = ["--cache-from", &from(folder.path())];
    let answer = Store::new().build_with("app", context.path(), &flags);
    answer.says(&["first build of this step"]);
}

/// A step that is not in the cache stands on layers that come for it.
#[test]
fn a_change_runs_what_follows_it() {
    let (context, folder) = (project(), scratch());
    let first = exported(&context, &to(folder.path(), ",mode=max"));
    context.write("src/a.txt", "other\n");
    let second = Store::new();
    let flags = ["--cache-from", &from(folder.path())];
    let answer = second.build_with("app", context.path(), &flags);
    assert_eq!(executed(&answer), 3, "{}", answer.stderr);
    let (one, two) = (ids(&first), ids(&second));
    let (one, two): (Vec<&str>, Vec<&str>) = (one.lines().collect(), two.lines().collect());
    assert_eq!(one.get(..2), two.get(..2), "the stage's command did not run");
    assert_ne!(one.last(), two.last());
    assert_eq!(second.prints("app", &["cat", "/app/hard"]), "other");
}

#[test]
fn a_damaged_layer_is_built_again() {
    for name in ["tampered", "truncated", "missing"] {
        let (context, folder) = (project(), scratch());
        exported(&context, &to(folder.path(), ",mode=max"));
        for layer in layers(folder.path()) {
            damage(&layer, name);
        }
        let second = Store::new();
        let flags = ["--cache-from", &from(folder.path())];
        let answer = second.build_with("app", context.path(), &flags);
        let answer = answer.says(&["warning: a layer of the cache", "cannot be used"]);
        let answer = answer.says(&["has its result, and that cannot be used"]);
        assert_eq!(executed(&answer), STEPS, "{name}: {}", answer.stderr);
        assert_eq!(second.prints("app", &["cat", "/app/hard"]), "one", "{name}");
        assert_eq!(second.prints("app", &["wc", "-l", "/tool", "/id"]).lines().count(), 3);
    }
}

fn damage(layer: &Path, how: &str) {
    let mut bytes = fs::read(layer).expect("a blob");
    let middle = bytes.len() / 2;
    match how {
        "tampered" => bytes[middle] ^= 0x55,
        "truncated" => bytes.truncate(middle),
        _ => return fs::remove_file(layer).expect("remove"),
    }
    fs::write(layer, bytes).expect("write");
}

/// Another file under the same name, with all digests made to fit: the manifest does not.
#[test]
fn a_layer_with_other_files_is_built_again() {
    let dockerfile = format!("FROM busybox\nRUN {RANDOM} > /id\n");
    let (context, folder) = (Context::new(&dockerfile), scratch());
    let place = folder.path().join("cache");
    exported(&context, &to(&place, ",compression=uncompressed"));
    let [layer] = layers(&place).try_into().expect("one layer");
    let old = tool("sha256sum", &[&text(&layer)]);
    let old = old.get(..64).expect("a digest");
    let bytes = fs::read(&layer).expect("a layer");
    let forged: Vec<u8> = forge(&bytes);
    let scratch = folder.path().join("forged");
    fs::write(&scratch, &forged).expect("write");
    let new = tool("sha256sum", &[&text(&scratch)]);
    let new = new.get(..64).expect("a digest");
    fs::rename(&scratch, layer.with_file_name(new)).expect("rename");
    rename(&place, old, new);
    let second = Store::new();
    let answer = second.build_with("app", context.path(), &["--cache-from", &from(&place)]);
    let answer = answer.says(&["a layer holds other files than the cache says"]);
    assert_eq!(executed(&answer), 1, "{}", answer.stderr);
    assert!(!second.prints("app", &["cat", "/id"]).contains("ffffffff"));
}

/// The tar with other digits in its file.
fn forge(tar: &[u8]) -> Vec<u8> {
    let mut forged = tar.to_vec();
    let at = tar.windows(36).position(|text| {
        text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    });
    let at = at.expect("a random number");
    forged[at..at + 8].copy_from_slice(b"ffffffff");
    forged
}

/// Puts one digest in the place of another one in config, manifest and index.
fn rename(cache: &Path, old: &str, new: &str) {
    let index = cache.join("index.json");
    let manifest = blob(cache, &json(&index)["manifests"][0]);
    let config = blob(cache, &json(&manifest)["config"]);
    let mut renamed = vec![(old.to_owned(), new.to_owned())];
    for document in [config, manifest, index.clone()] {
        let mut text = fs::read_to_string(&document).expect("a document");
        for (old, new) in &renamed {
            text = text.replace(old, new);
        }
        fs::write(&document, &text).expect("write");
        let sum = tool("sha256sum", &[&crate::support::text(&document)]);
        let new = sum.get(..64).expect("a digest").to_owned();
        if document != index {
            fs::rename(&document, document.with_file_name(&new)).expect("rename");
            let old = document.file_name().and_then(|name| name.to_str()).expect("a name");
            renamed.push((old.to_owned(), new));
        }
    }
}

#[test]
fn a_cache_that_cannot_be_read_is_a_warning() {
    let (context, folder) = (project(), scratch());
    let store = Store::new();
    let place = folder.path().join("nothing");
    let flags = ["--cache-from", &from(&place), "--cache-from", "127.0.0.1:9/no/cache"];
    let answer = store.build_with("app", context.path(), &flags);
    answer.says(&["warning: cannot use the cache", "there is no folder", "127.0.0.1:9"]);
    // An image layout is no cache.
    let layout = store.layout("app");
    let other = Store::new();
    let flag = format!("{},tag=latest", from(&layout));
    let answer = other.build_with("app", context.path(), &["--cache-from", &flag]);
    answer.says(&["is no build cache of lapstrake"]);
    fs::write(layout.join("index.json"), "{").expect("write");
    let answer = Store::new().build_with("app", context.path(), &["--cache-from", &flag]);
    answer.says(&["warning: cannot use the cache"]);
    fs::remove_file(layout.join("index.json")).expect("remove");
    let answer = Store::new().build_with("app", context.path(), &["--cache-from", &flag]);
    answer.says(&["holds no build cache: it has no index.json"]);
}

#[test]
fn what_is_no_file_is_no_cache_and_is_not_waited_for() {
    let (context, folder) = (single(), scratch());
    let place = folder.path().join("cache");
    exported(&context, &to(&place, ""));
    let pipe = |path: &Path| {
        fs::remove_file(path).expect("remove a file");
        tool("mkfifo", &[&text(path)]);
    };
    layers(&place).iter().for_each(|layer| pipe(layer));
    let store = Store::new();
    let answer = store.build_with("app", context.path(), &["--cache-from", &from(&place)]);
    answer.says(&["is not a regular file"]);
    pipe(&place.join("index.json"));
    let answer = Store::new().build_with("app", context.path(), &["--cache-from", &from(&place)]);
    answer.says(&["warning: cannot use the cache", "index.json is not a regular file"]);
    let answer = Store::new().try_build("app", context.path(), &["--cache-to", &to(&place, "")]);
    answer.ends_with(1).says(&["cannot write the cache", "index.json is not a regular file"]);
}

#[test]
fn warnings_of_caches_are_told_quietly_as_well() {
    let (context, folder) = (single(), scratch());
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("write");
    let store = Store::new();
    let (to, from) = (to(&file, ",ignore-error=true"), from(&folder.path().join("nothing")));
    let flags = ["-q", "--cache-to", &to, "--cache-from", &from];
    let answer = store.build_with("app", context.path(), &flags);
    let answer = answer.says(&["warning: cannot use the cache", "warning: cannot write the cache"]);
    assert_eq!(answer.stderr.lines().count(), 2, "{}", answer.stderr);
    assert_eq!(answer.stdout.lines().count(), 1, "{}", answer.stdout);
    assert!(answer.stdout.starts_with("sha256:"), "{}", answer.stdout);
    // Damage that shows while something is built as well.
    let place = folder.path().join("cache");
    exported(&context, &self::to(&place, ""));
    layers(&place).iter().for_each(|layer| damage(layer, "truncated"));
    let flags = ["-q", "--cache-from", &self::from(&place)];
    let answer = Store::new().build_with("app", context.path(), &flags);
    let answer = answer.says(&["warning: a layer of the cache", "cannot be used: "]);
    assert_eq!(answer.stdout.lines().count(), 1, "{}", answer.stdout);
}

#[test]
fn a_cache_that_cannot_be_written_is_an_error_unless_it_may_fail() {
    let (context, folder) = (project(), scratch());
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("write");
    let store = Store::new();
    let answer = store.try_build("app", context.path(), &["--cache-to", &to(&file, "")]);
    answer.ends_with(1).says(&["cannot write the cache"]);
    let flag = to(&file, ",ignore-error=true");
    let answer = store.build_with("app", context.path(), &["--cache-to", &flag]);
    answer.says(&["warning: cannot write the cache"]);
    for flag in ["type=gha", "type=azblob,name=n"] {
        let refused = store.try_build("app", context.path(), &["--cache-to", flag]);
        let code = refused.code;
        refused.says(&["type=local"]);
        assert_ne!(code, Some(0), "{flag}");
    }
}

/// What another cache has and this build did not need goes on without having been unpacked.
#[test]
fn a_cache_is_handed_on() {
    let (context, folder) = (project(), scratch());
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let first = exported(&context, &to(&one, ",mode=max"));
    let store = Store::new();
    let flag = to(&two, ",mode=max");
    let flags = ["--cache-from", &from(&one), "--cache-to", &flag];
    store.build_with("app", context.path(), &flags);
    check_blobs(&two);
    assert_eq!(layers(&one).len(), layers(&two).len());
    fs::remove_dir_all(&one).expect("remove the first cache");
    assert_eq!(ids(&reused(&context, &from(&two))), ids(&first));
}

/// A blob that cannot be written ends the export before the name is set.
#[test]
fn a_cache_that_is_named_wrong_is_refused_before_anything_is_built() {
    let context = Context::new("FROM scratch\nCOPY a /a\n").file("a", "one\n");
    let store = Store::new();
    for (flag, words) in [
        ("type=local,dest=there,compression=gzip,compression-level=12", "0 to 9"),
        ("type=local,dest=there,tag=x y", "the tag has to be of 1 to 128 letters"),
        ("type=registry,ref=No/Such/Name", "no name in a registry"),
    ] {
        let answer = store.try_build("app", context.path(), &["--cache-to", flag]);
        let answer = answer.ends_with(1).says(&[words]);
        assert!(!answer.stderr.contains("COPY"), "{}", answer.stderr);
    }
    assert_eq!(store.ok(&["images", "-q"]), "");
}

#[test]
fn an_export_that_fails_leaves_the_old_cache() {
    let (context, folder) = (project(), scratch());
    exported(&context, &to(folder.path(), ",mode=max"));
    let index = fs::read(folder.path().join("index.json")).expect("an index");
    let next = Context::new("FROM busybox\nRUN echo next > /next\n");
    let store = Store::new();
    store.build("next", next.path());
    // Whoever may do everything is stopped by no mode, so a folder is in the way of the blob.
    let flag = to(folder.path(), "");
    let aside = scratch();
    let other = to(aside.path(), "");
    store.build_with("next", next.path(), &["--cache-to", &other]);
    let [layer] = layers(aside.path()).try_into().expect("one layer");
    let name = layer.file_name().expect("a name").to_owned();
    let inside = folder.path().join("blobs/sha256").join(name).join("in the way");
    fs::create_dir_all(inside).expect("create a folder");
    let answer = store.try_build("next", next.path(), &["--cache-to", &flag]);
    answer.ends_with(1).says(&["cannot write the cache"]);
    assert_eq!(fs::read(folder.path().join("index.json")).expect("an index"), index);
    reused(&context, &from(folder.path()));
}

/// Neither the layer with the secret nor what was made of it.
#[test]
fn secrets_stay_here() {
    let value = "a-secret-of-some-length-4711";
    let dockerfile = "FROM busybox AS leak\nRUN --mount=type=secret,id=s cp /run/secrets/s /s\n\
         FROM busybox\nRUN echo open > /open\nCOPY --from=leak /s /copied\n";
    let (context, folder) = (Context::new(dockerfile), scratch());
    let (secret, place) = (folder.path().join("secret"), folder.path().join("cache"));
    fs::write(&secret, value).expect("write");
    let secret = format!("id=s,src={}", text(&secret));
    let flag = to(&place, ",mode=max,compression=uncompressed");
    let flags = ["--secret", &secret, "--allow-secret-in-layer", "--cache-to", flag.as_str()];
    let store = Store::new();
    store.build_with("app", context.path(), &flags);
    assert_eq!(store.prints("app", &["cat", "/copied"]), value);
    let layers = layers(&place);
    assert_eq!(layers.len(), 1);
    for file in fs::read_dir(place.join("blobs/sha256")).expect("blobs") {
        let bytes = fs::read(file.expect("a blob").path()).expect("a blob");
        assert!(!bytes.windows(value.len()).any(|window| window == value.as_bytes()));
    }
}

#[test]
fn a_registry_has_a_cache() {
    let context = project();
    let name = format!("{}/cache/app-{}:main", registry_address(), std::process::id());
    let flag = format!("type=registry,ref={name},mode=max");
    let first = exported(&context, &flag);
    // Another tool knows it for what it is.
    let raw =
        tool("skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    let manifest: Value = serde_json::from_str(&raw).expect("a manifest");
    let kind = &manifest["config"]["mediaType"];
    assert_eq!(kind, "application/vnd.lapstrake.cache.config.v1+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    let second = reused(&context, &format!("type=registry,ref={name}"));
    assert_eq!(ids(&second), ids(&first));
    let third = reused(&context, &name);
    assert_eq!(ids(&third), ids(&first));
    // Pushed layers are those of the cache: only the base is sent.
    let image = format!("{}/cache/image-{}:1", registry_address(), std::process::id());
    third.ok(&["tag", "app", &image]);
    let said = third.ok(&["push", &image]);
    assert!(said.contains("layers: 1 sent, 4 mounted"), "{said}");
}

/// One stage, with times that the build makes up.
fn single() -> Context {
    let dockerfile = format!(
        "FROM busybox\nWORKDIR /app\nCOPY --chmod=640 src src\nRUN {RANDOM} > /id\n\
         COPY --link <<END /inline\ntext\nEND\nCMD [\"cat\", \"/id\"]\n"
    );
    Context::new(&dockerfile).file("src/a.txt", "one\n")
}

#[test]
fn an_image_is_a_cache_of_its_own_steps() {
    let context = single();
    let name =
        |tag: &str| format!("{}/inline/app-{}:{tag}", registry_address(), std::process::id());
    for (tag, more) in
        [("now", &[][..]), ("then", &["--build-arg", "SOURCE_DATE_EPOCH=1000000000"])]
    {
        let image = name(tag);
        let build = |store: &Store, flags: &[&str]| {
            let flags = [flags, &["--cache-to", "type=inline"], more].concat();
            store.build_with(&image, context.path(), &flags)
        };
        let first = Store::new();
        build(&first, &["--push"]);
        let second = Store::new();
        let answer = build(&second, &["--cache-from", &image]);
        assert_eq!(executed(&answer), 0, "{}", answer.stderr);
        assert_eq!(answer.stderr.matches("CACHED").count(), 4, "{}", answer.stderr);
        let id = |store: &Store| store.ok(&["inspect", "--format", "{{.Id}}", &image]);
        assert_eq!(id(&second), id(&first));
        assert_eq!(second.prints(&image, &[]), first.prints(&image, &[]));
        let said = second.ok(&["push", &image]);
        assert!(said.contains("layers: 0 sent, 0 mounted, 5 there before"), "{said}");
        // What was made up then gets another time now.
        let later = ["--build-arg", "SOURCE_DATE_EPOCH=1100000000"];
        second.build_with("later", context.path(), &later);
        let seen = second.prints("later", &["stat", "-c", "%n %Y", "/app", "/inline"]);
        assert_eq!(seen, "/app 1100000000\n/inline 1100000000");
        // It goes on in another cache, from where it is not unpacked.
        let folder = scratch();
        let third = Store::new();
        let flag = to(folder.path(), "");
        let flags = ["--cache-from", &image, "--cache-to", &flag];
        third.build_with("app", context.path(), &flags);
        let last = Store::new();
        let flags = ["--cache-from", &from(folder.path())];
        let answer = last.build_with("app", context.path(), &flags);
        assert_eq!(executed(&answer), 0, "{}", answer.stderr);
    }
}

#[test]
fn an_image_does_not_tell_of_the_steps_of_its_base() {
    let (base, store) = (single(), Store::new());
    store.build_with("base:1", base.path(), &["--cache-to", "type=inline"]);
    let derived = Context::new("FROM base:1\nRUN echo derived > /derived\n");
    let config = |store: &Store, image: &str| -> Value {
        let layout = text(&store.layout(image));
        let raw = tool("skopeo", &["inspect", "--config", "--raw", &format!("oci:{layout}:1")]);
        serde_json::from_str(&raw).expect("a config")
    };
    store.build("derived:1", derived.path());
    assert_eq!(config(&store, "derived:1")["vnd.lapstrake.cache.v1"], Value::Null);
    store.build_with("derived:1", derived.path(), &["--cache-to", "type=inline"]);
    let told = &config(&store, "derived:1")["vnd.lapstrake.cache.v1"];
    assert_eq!(told["layers"].as_array().map(Vec::len), Some(1), "{told:#}");
    assert_eq!(told["layers"][0]["position"], 5);
}

#[test]
fn images_for_several_platforms_are_one_cache() {
    let context = Context::new("FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n")
        .file("amd64", "amd64")
        .file("arm64", "arm64");
    let image = format!("{}/inline/both-{}:1", registry_address(), std::process::id());
    let platforms = ["--platform", "linux/amd64,linux/arm64"];
    let flags = [&["--push", "--cache-to", "type=inline"][..], &platforms].concat();
    Store::new().build_with(&image, context.path(), &flags);
    let store = Store::new();
    let flags = [&["--cache-from", &image][..], &platforms].concat();
    let answer = store.build_with("app", context.path(), &flags);
    assert_eq!(executed(&answer), 0, "{}", answer.stderr);
    assert_eq!(answer.stderr.matches("CACHED").count(), 2, "{}", answer.stderr);
    // A layout with an index, too.
    let folder = scratch();
    let output = format!("type=oci,tar=false,dest={}", text(folder.path()));
    let flags = [&["-o", &output, "--cache-to", "type=inline"][..], &platforms].concat();
    store.build_with("app:one", context.path(), &flags);
    let flag = format!("{},tag=one", from(folder.path()));
    let flags = [&["--cache-from", &flag][..], &platforms].concat();
    let answer = Store::new().build_with("app", context.path(), &flags);
    assert_eq!(executed(&answer), 0, "{}", answer.stderr);
}

/// A layer that only another cache has, and no longer whole, is left out of the next one.
#[test]
fn what_cannot_be_handed_on_is_left_out() {
    let dockerfile = "FROM busybox AS tool\nRUN echo tool > /tool\nRUN echo more > /more\n\
                      FROM busybox\nCOPY --from=tool /tool /copied\n";
    let (context, folder) = (Context::new(dockerfile), scratch());
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let first = exported(&context, &to(&one, ",mode=max"));
    assert_eq!(first.prints("app", &["cat", "/copied"]), "tool");
    let before = layers(&one).len();
    // The image needs one layer; of the others one is cut off and one is gone.
    let needed = first.ok(&["inspect", "--format", "{{index .RootFS.Layers 1}}", "app"]);
    let config: Value = {
        let index: Value = json(&one.join("index.json"));
        json(&blob(&one, &json(&blob(&one, &index["manifests"][0]))["config"]))
    };
    let others = config["layers"].as_array().expect("layers").iter();
    let others: Vec<PathBuf> = others
        .filter(|layer| layer["diffId"] != needed.as_str())
        .map(|layer| blob(&one, &layer["blob"]))
        .collect();
    assert_eq!(others.len() + 1, before);
    damage(&others[0], "truncated");
    damage(&others[1], "missing");
    let flag = to(&two, ",mode=max");
    let flags = ["--cache-from", &from(&one), "--cache-to", &flag];
    Store::new().build_with("app", context.path(), &flags);
    check_blobs(&two);
    assert_eq!(layers(&two).len(), 1);
}

/// The job in the README, as it stands there, on a new store each time. The second run executes
/// nothing, whichever of the caches it has.
#[test]
fn the_job_in_the_readme_works() {
    let readme = include_str!("../../../README.md");
    let section = readme.split("## A cache that CI jobs share").nth(1).expect("the section");
    let script = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let host = format!("{}/readme-{}", registry_address(), std::process::id());
    let bucket = Bucket::new("readme");
    let script = script.expect("a script").replace("registry.example", &host);
    let script = script.replace("ci-cache", bucket.name());
    let context = single();
    let program = Path::new(env!("CARGO_BIN_EXE_lap"));
    let path = format!(
        "{}:{}",
        text(program.parent().expect("a folder")),
        std::env::var("PATH").expect("a path")
    );
    let job = || {
        let store = Store::new();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-ec", &script]).current_dir(context.path());
        shell.env("PATH", &path).env("LAPSTRAKE_ROOT", store.root()).envs(Bucket::variables());
        shell.env("LAPSTRAKE_CONFIG", crate::support::prepared("LAPSTRAKE_CONFIG"));
        let answer = Answer::of(shell.env("BRANCH", "topic").env("COMMIT", "c0ffee"));
        (answer.ends_with(0), store)
    };
    fs::write(context.path().join(".dockerignore"), ".cache\n").expect("write");
    let (first, _store) = job();
    first.says(&["warning: cannot use the cache", "4 steps, 4 layers"]);
    let (second, _store) = job();
    assert_eq!(executed(&second), 0, "{}", second.stderr);
    assert!(second.stderr.contains("0 of them written"), "{}", second.stderr);
}
