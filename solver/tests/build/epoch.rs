//! SOURCE_DATE_EPOCH: what it may be, and what bears its time.

use crate::server::{Reply, Server};
use crate::support::Bench;
use lapstrake_rootfs::LayerId;
use lapstrake_solver::event::Outcome::Cached;
use lapstrake_solver::{Error, Times};

const NAME: &str = "SOURCE_DATE_EPOCH";
const DOCKERFILE: &str = "FROM base\nWORKDIR /w\nRUN write f 1\nLABEL a=b\n";

/// Paths and whole seconds of the topmost layer.
fn times(bench: &Bench, built: &lapstrake_solver::Built) -> Vec<(String, i64)> {
    let diff_id = *bench.config(built).rootfs.diff_ids.last().unwrap();
    let layer = bench.store.layer(&LayerId::Image(diff_id)).unwrap().unwrap();
    let entries = layer.manifest.entries().iter().skip(1);
    entries.map(|entry| (entry.path.to_string(), entry.mtime.seconds)).collect()
}

/// When the image says that it was created.
fn created(bench: &Bench, dockerfile: &str) -> String {
    let outcomes = bench.build(dockerfile);
    bench.config(outcomes.built()).created.unwrap_or_default()
}

#[test]
fn everything_new_bears_the_time_and_the_cache_stays() {
    let mut bench = Bench::new();
    let first = bench.build(DOCKERFILE);
    for (epoch, expected) in
        [("1500000000", "2017-07-14T02:40:00Z"), ("-62167219200", "0000-01-01T00:00:00Z")]
    {
        bench.arguments = vec![(NAME, epoch)];
        let second = bench.build(DOCKERFILE);
        assert_eq!([second.outcome("WORKDIR"), second.outcome("RUN")], [Cached, Cached]);
        let config = bench.config(second.built());
        assert_eq!(config.created.as_deref(), Some(expected));
        let new = config.history.iter().filter(|entry| entry.created_by.contains(' '));
        let times: Vec<_> = new.map(|entry| entry.created.as_deref()).collect();
        assert_eq!(times, [Some(expected); 3]);
        assert_eq!(second.built().id, bench.build(DOCKERFILE).built().id, "again the same");
    }
    bench.arguments.clear();
    assert_eq!(bench.build(DOCKERFILE).built().id, first.built().id);
}

#[test]
fn made_directories_follow_each_time() {
    let mut bench = Bench::new();
    for epoch in ["1500000000", "1600000000", "1500000000"] {
        bench.arguments = vec![(NAME, epoch)];
        let outcomes = bench.build("FROM base\nWORKDIR /v/w\n");
        let at = epoch.parse().unwrap();
        let expected = ["/v", "/v/w"].map(|path| (path.to_owned(), at));
        assert_eq!(times(&bench, outcomes.built()), expected);
    }
}

#[test]
fn new_files_are_cut_down_where_the_output_says_so() {
    let mut bench = Bench::new();
    bench.arguments = vec![(NAME, "1500000000")];
    let dockerfile = "FROM base\nRUN write f 1\n";
    let plain = bench.build(dockerfile);
    assert!(times(&bench, plain.built()).iter().all(|(_, seconds)| *seconds > 1_500_000_000));
    bench.times.rewrite = true;
    let expected = |seconds| vec![("/f".to_owned(), seconds)];
    assert_eq!(times(&bench, bench.build(dockerfile).built()), expected(1_500_000_000));
    bench.times.epoch = Some(1_400_000_000);
    let outcomes = bench.build(dockerfile);
    assert_eq!(times(&bench, outcomes.built()), expected(1_400_000_000));
    let created = bench.config(outcomes.built()).created;
    assert_eq!(created.as_deref(), Some("2014-05-13T16:53:20Z"));
    bench.times = Times::default();
    assert_eq!(bench.build(dockerfile).built().id, plain.built().id);
}

#[test]
fn a_stage_gives_the_time_of_what_it_fetches() {
    let server = Server::start(|_, _| {
        Some(Reply::ok("x").with("Last-Modified", "Fri, 14 Jul 2017 02:40:00 GMT"))
    });
    let mut bench = Bench::new();
    let dockerfile = format!(
        "ARG {NAME}=Time\nFROM scratch AS time\nARG P=/f\nADD {} /\nFROM base\nARG {NAME}\nRUN write f ${NAME}\n",
        server.url("$P")
    );
    let outcomes = bench.build(&dockerfile);
    let config = bench.config(outcomes.built());
    assert_eq!(config.created.as_deref(), Some("2017-07-14T02:40:00Z"));
    let argument = config.history.iter().any(|entry| entry.created_by.contains("=1500000000"));
    assert!(argument, "{:?}", config.history);
    bench.arguments = vec![(NAME, "")];
    assert!(created(&bench, &dockerfile).as_str() > "2020", "the command line can turn it off");
}

#[test]
fn an_archive_without_a_time_of_its_own_has_that_of_its_newest_file() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo a > a; echo b > b; mkdir d; touch -d @1400000000 a; touch -d @1500000000 b
        touch -d @1600000000 d; tar -czf x.tgz a b d";
    let made = std::process::Command::new("sh").args(["-ec", script]).current_dir(&folder).status();
    assert!(made.unwrap().success());
    let archive = std::fs::read(folder.path().join("x.tgz")).unwrap();
    let server = Server::start(move |asked, _| {
        Some(Reply::ok(if asked.path == "/x.tgz" { archive.as_slice() } else { b"no archive" }))
    });
    let dockerfile = |path| {
        format!(
            "ARG {NAME}=t\nFROM scratch AS t\nADD {} /\nFROM base\nWORKDIR /w",
            server.url(path)
        )
    };
    let bench = Bench::new();
    assert_eq!(created(&bench, &dockerfile("/x.tgz")), "2017-07-14T02:40:00Z");
    assert!(created(&bench, &dockerfile("/y")).as_str() > "2020", "no time at all");
}

#[test]
fn files_of_this_machine_have_no_time() {
    let mut bench = Bench::new();
    bench.named_file("files", "f", "x");
    bench.name("files", lapstrake_solver::lower::NamedContext::Files);
    for value in ["context", "files"] {
        bench.arguments = vec![(NAME, value)];
        let dockerfile = format!("FROM base\nARG {NAME}\nRUN write f x${NAME}\n");
        let outcomes = bench.build(&dockerfile);
        assert!(bench.config(outcomes.built()).created.unwrap().as_str() > "2020", "{value}");
        assert!(
            bench
                .config(outcomes.built())
                .history
                .iter()
                .all(|entry| { !entry.created_by.contains(value) })
        );
    }
}

#[test]
fn what_gives_no_time_is_a_fault() {
    let dockerfile = "FROM scratch AS many\nADD http://h/a /\nADD http://h/b /\n\
        FROM base AS based\nADD http://h/a /\nFROM scratch AS local\nADD a /\n\
        FROM scratch AS none\nFROM scratch AS runs\nRUN x\nFROM scratch AS two\n\
        ADD http://h/a http://h/b /\nFROM base\n";
    for (value, reason) in [
        ("yesterday", "is no number of seconds"),
        ("99999999999999", "years 0 to 9999"),
        ("many", "more than one ADD"),
        ("based", "base is not scratch"),
        ("local", "file of the context"),
        ("none", "no ADD"),
        ("runs", "it has a RUN"),
        ("two", "not just one source"),
    ] {
        let mut bench = Bench::new();
        bench.arguments = vec![(NAME, value)];
        let Err(Error::Faults(faults)) = bench.build(dockerfile).result else {
            panic!("{value} is taken");
        };
        let [fault] = faults.as_slice() else { panic!("{value}: {faults:?}") };
        assert_eq!(fault.code, "source-date-epoch");
        assert!(fault.message.contains(reason), "{value}: {}", fault.message);
    }
}
