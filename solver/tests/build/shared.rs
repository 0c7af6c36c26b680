//! What a store that only has a shared cache says of a step that is not in it.

use std::path::{Path, PathBuf};

use lapstrake_solver::reason::{KnownFile, Listing, Part, Subject};
use lapstrake_transfer::SharedAccount;

use crate::support::Bench;

/// A store that knows nothing but the cache in a folder.
fn fresh(cache: &Path) -> Bench {
    let mut bench = Bench::new();
    bench.cache_from = Some(cache.to_owned());
    bench
}

fn write(bench: &Bench, files: &[(&str, &str)]) {
    for (path, content) in files {
        bench.file(path, content);
    }
}

const FILES: [(&str, &str); 3] = [("src/app.py", "1"), ("src/lib", "1"), ("mounted/m", "1")];

fn dockerfile(version: &str, token: &str) -> String {
    format!(
        "FROM base AS build\nARG VERSION={version}\nARG NPM_TOKEN={token}\nRUN write out 1\n\
         FROM base\nWORKDIR /w\nCOPY src /src\nRUN --mount=type=bind,source=mounted,target=/m x\n\
         COPY --from=build /out /out\n"
    )
}

/// Builds with [`FILES`] on a new store, and shares.
fn shared() -> (Bench, tempfile::TempDir, PathBuf, Vec<SharedAccount>) {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let bench = Bench::new();
    write(&bench, &FILES);
    let outcomes = bench.build(&dockerfile("1.2", "hunter22"));
    let accounts = bench.share(outcomes.built(), &cache);
    (bench, folder, cache, accounts)
}

/// Why the steps are executed on a store that has the cache alone.
fn reasons(cache: &Path, files: &[(&str, &str)], dockerfile: &str) -> Vec<(String, String)> {
    let bench = fresh(cache);
    write(&bench, &FILES);
    write(&bench, files);
    let outcomes = bench.build(dockerfile);
    outcomes.built();
    outcomes.reasons
}

#[test]
fn the_reason_of_a_miss_comes_with_the_cache() {
    let (_bench, _folder, cache, _) = shared();
    let told = |files: &[(&str, &str)], dockerfile: &str| {
        let told = reasons(&cache, files, dockerfile);
        told.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>()
    };
    let same = dockerfile("1.2", "hunter22");
    assert_eq!(told(&[], &same), [""; 0]);
    assert_eq!(
        told(&[("src/app.py", "2"), ("src/new", "1")], &same)[0],
        "src/app.py changed, and 1 other file"
    );
    assert_eq!(told(&[], &dockerfile("1.3", "hunter22"))[0], "VERSION changed: 1.2 → 1.3");
    let moved = same.replace("WORKDIR /w", "WORKDIR /v");
    assert_eq!(told(&[], &moved)[0], "the path changed: /w → /v");
    // What a command only saw of the context is in no cache.
    let mounted = told(&[("mounted/m", "2")], &same);
    assert_eq!(mounted[0], "mounted changed, which is mounted at /m");
    // So is the value of a secret, also as a hash.
    let secret = told(&[], &dockerfile("1.2", "hunter33"));
    assert_eq!(secret[0], "NPM_TOKEN may have changed: the cache does not tell");
    assert_eq!(told(&[], &dockerfile("1.3", "hunter33"))[0], "VERSION changed: 1.2 → 1.3");
    let new = format!("{same}RUN new\n");
    assert_eq!(told(&[], &new), ["first build of this step"]);
}

#[test]
fn secrets_and_what_was_only_seen_stay_here() {
    let (_bench, _folder, _cache, accounts) = shared();
    assert_eq!(accounts.len(), 5);
    let told =
        format!("{:?}", accounts.iter().map(|one| (&one.parts, &one.files)).collect::<Vec<_>>());
    let has = |text: &str| {
        let bytes = text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        told.contains(&bytes)
    };
    assert!(has("src/app.py") && has("NPM_TOKEN") && has("1.2"));
    assert!(!has("hunter22") && !has("mounted/m"));
}

/// A value that is a secret of the build is covered, and so is a login in an address.
#[test]
fn what_is_covered_in_output_is_covered_here() {
    let mut bench = Bench::new();
    bench.secrets.insert("a".to_owned(), b"the-secret-value".to_vec());
    let build = |end: &str| {
        let line = format!("ENV A=x-the-secret-value-{end} B=https://me:pass@h/{end}");
        bench.build(&format!("FROM base\n{line}\nRUN x\n")).why("RUN").to_owned()
    };
    build("1");
    assert_eq!(build("2"), "A changed: x-****-1 → x-****-2");
}

/// A build that finds everything says what its keys were made of, however long ago these were executed.
#[test]
fn what_was_found_is_told_as_what_was_executed() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new();
    for content in ["1", "2", "3", "4", "5", "6", "7", "1"] {
        write(&bench, &FILES);
        bench.file("src/app.py", content);
        let version = dockerfile(content, "hunter22");
        let outcomes = bench.build(&version);
        let accounts = bench.share(outcomes.built(), &folder.path().join(content));
        assert_eq!(accounts.len(), 5);
        assert!(accounts.iter().all(|account| !account.parts.is_empty()));
    }
    let cache = folder.path().join("1");
    let told = reasons(&cache, &[("src/app.py", "8")], &dockerfile("1", "hunter22"));
    assert_eq!(told[0].1, "src/app.py changed");
}

/// A job that finds everything hands on what it was told.
#[test]
fn what_came_is_handed_on() {
    let (_bench, folder, cache, _) = shared();
    let second = fresh(&cache);
    write(&second, &FILES);
    let outcomes = second.build(&dockerfile("1.2", "hunter22"));
    assert!(outcomes.reasons.is_empty(), "{:?}", outcomes.reasons);
    let next = folder.path().join("next");
    second.share(outcomes.built(), &next);
    let third = reasons(&next, &[("src/lib", "2")], &dockerfile("1.2", "hunter22"));
    assert_eq!(third[0].1, "src/lib changed");
}

/// A store that has its layers from a cache has what is told of them as well, also when the cache is gone.
#[test]
fn what_came_stays() {
    let (_bench, folder, cache, _) = shared();
    let mut second = fresh(&cache);
    write(&second, &FILES);
    let same = dockerfile("1.2", "hunter22");
    assert!(second.build(&same).reasons.is_empty());
    second.cache_from = None;
    second.file("src/app.py", "2");
    let changed = second.build(&same);
    assert_eq!(changed.why("COPY src"), "src/app.py changed");
    second.file("src/app.py", "1");
    let cached = second.build(&same);
    assert!(cached.reasons.is_empty(), "{:?}", cached.reasons);
    let next = folder.path().join("next");
    assert_eq!(second.share(cached.built(), &next).len(), 5);
    let third = reasons(&next, &[("src/lib", "2")], &same);
    assert_eq!(third[0].1, "src/lib changed");
}

/// What a cache tells is compared and shown, and nothing else.
#[test]
fn a_cache_that_tells_nonsense() {
    let (bench, _folder, cache, accounts) = shared();
    let built = bench.build(&dockerfile("1.2", "hunter22"));
    let change = |edit: &dyn Fn(&mut SharedAccount)| {
        let mut changed = accounts.clone();
        changed.iter_mut().for_each(edit);
        bench.share_with(built.built(), &cache, &changed);
        reasons(&cache, &[("src/app.py", "2")], &dockerfile("1.2", "hunter22"))[0].1.clone()
    };
    assert_eq!(change(&|_| {}), "src/app.py changed");
    let nonsense = |account: &mut SharedAccount| account.parts = vec![0xff; 40];
    assert_eq!(change(&nonsense), "first build of this step");
    let no_files = |account: &mut SharedAccount| account.files = vec![0xff; 40];
    assert_eq!(change(&no_files), "what is copied changed");
    let encoded = |value: &Vec<Part>| postcard::to_allocvec(value).unwrap();
    let long = change(&|account| {
        let evil = format!("\u{1b}[2J\n{}", "x".repeat(100_000));
        account.parts = encoded(&vec![Part::text(Subject::Setting(evil.clone()), &evil)]);
    });
    assert!(long.len() < 2000 && !long.contains(char::is_control), "{long}");
    let files = change(&|account| {
        let path = format!("\u{1b}[2J\n{}", "x".repeat(100_000));
        let files = vec![KnownFile { path, mode: 0, hash: 1 }];
        let listing = Listing { subject: Subject::Files, files };
        account.files = postcard::to_allocvec(&vec![listing]).unwrap();
    });
    assert!(files.len() < 2000 && !files.contains(char::is_control), "{files}");
}
