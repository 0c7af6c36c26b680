//! Builds beside removals and repairs on one store, with kills in between: whatever comes of each, nothing
//! that is left is damaged, and nothing stays behind.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Context, Store, scratch, text};

/// How long it blows.
const STORM: Duration = Duration::from_secs(12);

const BUILDERS: u64 = 10;

/// Numbers that are the same in each run of the test: a simple congruential generator.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Runs to the end, or is killed in the middle. What it says when it fails by itself.
fn struck(mut command: Command, after: Option<Duration>) -> Option<String> {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start lap");
    if let Some(after) = after {
        thread::sleep(after);
        // It may have ended.
        let _ = child.kill();
    }
    let output = child.wait_with_output().expect("wait for lap");
    // A killed one has no code.
    let has_failed = output.status.code().is_some_and(|code| code != 0);
    has_failed.then(|| {
        let [found, said] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
        format!("{command:?}\n{found}{said}")
    })
}

fn dockerfile(numbers: &mut Numbers) -> String {
    let [shared, kept, last] = [3, 5, 6].map(|limit| numbers.below(limit));
    format!(
        "FROM busybox AS a\nRUN echo {shared} > /s\n\
         RUN --mount=type=cache,target=/c echo {kept} >> /c/x && cat /s > /t\n\
         FROM busybox\nCOPY src /src\nCOPY --from=a /t /t\nRUN cat /t /src/x > /y && echo {last} > /z\n"
    )
}

/// Builds again and again, shares what it made, and is killed now and then.
fn build(store: &Store, cache: &str, number: u64, built: &AtomicUsize) -> Vec<String> {
    let (mut numbers, mut faults, begin) = (Numbers(number), Vec::new(), Instant::now());
    let context = Context::new("");
    while begin.elapsed() < STORM {
        context.write("Dockerfile", &dockerfile(&mut numbers));
        context.write("src/x", &numbers.below(4).to_string());
        let tag = format!("t{}", numbers.below(8));
        let to = format!("--cache-to=type=local,dest={cache},mode=max,tag=t{number},reset=true");
        let from = format!("--cache-from=type=local,src={cache},tag=t{}", numbers.below(BUILDERS));
        let path = text(context.path());
        let mut words = vec!["build", "-q", "-t", &tag, &path];
        for (word, chance) in [("--no-cache", 5), (&to, 5), (&from, 5)] {
            if numbers.below(chance) == 0 {
                words.insert(1, word);
            }
        }
        let kill = (numbers.below(5) < 2).then(|| Duration::from_millis(numbers.below(1000)));
        faults.extend(struck(store.lap(&words), kill));
        built.fetch_add(usize::from(kill.is_none()), Ordering::Relaxed);
    }
    faults
}

/// Removes and repairs again and again, and is killed now and then.
fn remove(store: &Store, number: u64) -> Vec<String> {
    let (mut numbers, mut faults, begin) = (Numbers(1000 + number), Vec::new(), Instant::now());
    while begin.elapsed() < STORM {
        thread::sleep(Duration::from_millis(numbers.below(300)));
        let name = format!("t{}", numbers.below(8));
        let words = match numbers.below(6) {
            0..=2 => vec!["cache", "prune", "-a"],
            3 => vec!["cache", "verify"],
            4 => vec!["cache", "verify", "--repair"],
            _ => vec!["rmi", "-f", &name],
        };
        let kill = (numbers.below(3) == 0).then(|| Duration::from_millis(numbers.below(200)));
        faults.extend(struck(store.lap(&words), kill));
    }
    faults
}

#[test]
fn what_is_left_of_a_storm_is_whole() {
    let (store, folder, built) = (Store::new(), scratch(), AtomicUsize::new(0));
    store.ok(&["pull", "-q", "busybox"]);
    let cache = text(&folder.path().join("cache"));
    let faults: Vec<String> = thread::scope(|scope| {
        let (store, cache, built) = (&store, cache.as_str(), &built);
        let builders =
            (0..BUILDERS).map(|number| scope.spawn(move || build(store, cache, number, built)));
        let removers = (0..3).map(|number| scope.spawn(move || remove(store, number)));
        let all: Vec<_> = builders.chain(removers).collect();
        all.into_iter().flat_map(|one| one.join().expect("no panic")).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n----\n"));
    assert!(built.load(Ordering::Relaxed) > 5, "hardly anything was built");
    store.ok(&["cache", "verify"]);
    let images = store.ok(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    for image in images.lines().filter(|image| image.starts_with('t')) {
        store.prints(image, &["cat", "/y", "/z"]);
    }
    store.ok(&["cache", "prune", "-a"]);
    store.ok(&["cache", "verify"]);
    for (name, kept) in
        [("tmp", &[][..]), ("leases", &[]), ("locks", &["gate", "index", "tmp", "use"])]
    {
        let files = fs::read_dir(store.root().join(name)).expect("a folder");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
        files.sort();
        assert_eq!(files, kept, "in {name}");
    }
}
