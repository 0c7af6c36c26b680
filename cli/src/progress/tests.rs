//! Whole builds, as events with their times, and what is drawn of them.

use std::time::Duration;

use lapstrake_solver::event::{ImageProgress, LayerState, Outcome, Planned, Wait};
use lapstrake_solver::graph::VertexId;
use lapstrake_solver::{Event, Reason};

use super::Conclusion;
use super::board::Board;
use super::plain::Plain;
use super::tty::Tty;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn planned(names: &[&str]) -> Event {
    let vertices = names.iter().zip(0..).map(|(name, id)| Planned {
        vertex: VertexId(id),
        name: (*name).to_owned(),
        span: None,
    });
    Event::Planned { vertices: vertices.collect() }
}

fn started(id: u32) -> Event {
    Event::Started { vertex: VertexId(id) }
}

fn output(id: u32, text: &str) -> Event {
    Event::Output { vertex: VertexId(id), bytes: text.into() }
}

fn finished(id: u32, outcome: Outcome, milliseconds: u64) -> Event {
    Event::Finished { vertex: VertexId(id), outcome, elapsed: at(milliseconds) }
}

fn image(progress: ImageProgress) -> Event {
    Event::Image { name: "busybox".into(), progress }
}

fn failed(reason: &str) -> Conclusion<'_> {
    Conclusion::Failed { reason, image: None }
}

/// What is written in plain form; `None` among the events is a tick.
fn plain(events: Vec<(u64, Option<Event>)>, conclusion: &Conclusion<'_>) -> String {
    let (mut board, mut plain) = (Board::default(), Plain::default());
    let (mut text, mut last) = (String::new(), 0);
    for (time, event) in events {
        last = time;
        text += &match event {
            Some(event) => {
                let updates = board.apply(event, at(time));
                plain.update(&board, updates, at(time))
            }
            None => plain.flush(&board, at(time)),
        };
    }
    let updates = board.conclude(conclusion.image(), at(last));
    text + &plain.finish(&board, updates, conclusion, at(last))
}

#[test]
fn a_build_from_the_first_byte_to_the_name() {
    let names = ["docker.io/library/x:latest".to_owned()];
    let conclusion = Conclusion::Built { id: "sha256:1234".into(), names: &names };
    let download = |done| image(ImageProgress::Downloading { done, total: 2_000_000 });
    let events = vec![
        (0, Some(image(ImageProgress::Resolving))),
        (100, Some(download(100_000))),
        (200, Some(download(900_000))),
        (1200, Some(download(2_000_000))),
        (1300, Some(image(ImageProgress::Ready { digest: "sha256:abcd".into() }))),
        (1300, Some(planned(&["[1/3] FROM busybox", "[2/3] RUN a", "[3/3] RUN b"]))),
        (1300, Some(finished(0, Outcome::Cached, 0))),
        (1300, Some(finished(1, Outcome::Cached, 0))),
        (1400, Some(started(2))),
        (1523, Some(output(2, "one\ntw"))),
        (1600, Some(output(2, "o\n\u{1b}]0;evil\u{7}\u{1b}[31mthree"))),
        (2600, Some(finished(2, Outcome::Executed, 1200))),
        (2600, Some(Event::Exporting)),
        (2650, Some(Event::Exported { elapsed: at(50) })),
    ];
    assert_eq!(
        plain(events, &conclusion),
        "#1 [internal] load image busybox
#1 100kB / 2MB
#1 2MB / 2MB
#1 sha256:abcd
#1 DONE 1.3s

#2 [1/3] FROM busybox
#2 CACHED

#3 [2/3] RUN a
#3 CACHED

#4 [3/3] RUN b
#4 0.123 one
#4 0.200 two
#4 1.200 three
#4 DONE 1.2s

#5 exporting to image
#5 writing image sha256:1234 done
#5 naming to docker.io/library/x:latest done
#5 DONE 0.1s

"
    );
}

#[test]
fn each_layer_says_how_far_it_is() {
    let layer = |digest: &str, done, state| {
        let digest = format!("sha256:{}", digest.repeat(64));
        image(ImageProgress::Layer { digest, done, total: 2_000_000, state })
    };
    let events = vec![
        (0, Some(image(ImageProgress::Resolving))),
        (10, Some(layer("a", 2_000_000, LayerState::Existed))),
        (20, Some(layer("b", 0, LayerState::Moving))),
        (30, Some(layer("c", 0, LayerState::Moving))),
        (40, Some(layer("c", 1_000_000, LayerState::Moving))),
        (50, Some(layer("c", 2_000_000, LayerState::Arrived))),
        (60, Some(layer("b", 2_000_000, LayerState::Mounted))),
        // What comes late says nothing new.
        (70, Some(layer("b", 5, LayerState::Moving))),
        (80, Some(image(ImageProgress::Ready { digest: "sha256:abcd".into() }))),
    ];
    let mut board = Board::default();
    for (time, event) in events.iter().take(5).cloned() {
        board.apply(event.expect("an event"), at(time));
    }
    let tty = Tty::new("Pulling", false).paint(&board, (24, 80), at(45));
    assert!(
        tty.contains("bbbbbbbbbbbb 0B / 2MB") && tty.contains("cccccccccccc 1MB / 2MB"),
        "{tty}"
    );
    assert!(!tty.contains("aaaaaaaaaaaa"), "{tty}");
    assert_eq!(
        plain(events, &Conclusion::Done),
        "#1 [internal] load image busybox
#1 aaaaaaaaaaaa 2MB there already
#1 cccccccccccc 2MB done
#1 bbbbbbbbbbbb 2MB mounted
#1 sha256:abcd
#1 DONE 0.1s

"
    );
}

#[test]
fn before_a_pause_everything_is_said() {
    let mut board = Board::default();
    let mut plain = Plain::default();
    let mut said = String::new();
    for (event, now) in [
        (planned(&["[a 1/1] RUN a", "[b 1/1] RUN b"]), 0),
        (started(0), 0),
        (started(1), 0),
        (output(0, "a1\n"), 100),
        (output(1, "b1\nunfinished"), 200),
    ] {
        let updates = board.apply(event, at(now));
        said += &plain.update(&board, updates, at(now));
    }
    assert_eq!(said, "#1 [a 1/1] RUN a\n#1 0.100 a1\n");
    let updates = board.flush(at(300));
    assert_eq!(
        plain.update_all(&board, updates, at(300)),
        "#1 ...\n\n#2 [b 1/1] RUN b\n#2 0.200 b1\n#2 0.300 unfinished\n"
    );
}

#[test]
fn steps_that_run_together_take_turns() {
    let events = vec![
        (0, Some(planned(&["[a 1/1] RUN a", "[b 1/1] RUN b"]))),
        (0, Some(started(0))),
        (0, Some(started(1))),
        (100, Some(output(0, "a1\n"))),
        (200, Some(output(1, "b1\n"))),
        (300, Some(output(0, "a2\n"))),
        (1000, None),
        // a has been silent for a second: b may speak.
        (1300, None),
        (1400, Some(output(0, "a3\n"))),
        (1500, Some(output(1, "b2\n"))),
        (1600, Some(finished(1, Outcome::Executed, 1600))),
        (1700, Some(finished(0, Outcome::Executed, 1700))),
    ];
    assert_eq!(
        plain(events, &failed("")),
        "#1 [a 1/1] RUN a
#1 0.100 a1
#1 0.300 a2
#1 ...

#2 [b 1/1] RUN b
#2 0.200 b1
#2 1.500 b2
#2 DONE 1.6s

#1 [a 1/1] RUN a
#1 1.400 a3
#1 DONE 1.7s

"
    );
}

#[test]
fn nobody_waits_for_ever() {
    let mut events = vec![
        (0, Some(planned(&["RUN a", "RUN b"]))),
        (0, Some(started(0))),
        (0, Some(started(1))),
        (0, Some(output(1, "b\n"))),
    ];
    events.extend((1..=60).map(|i| (i * 100, Some(output(0, ".\n")))));
    let text = plain(events, &failed(""));
    let before = text.split("#2 0.000 b").next().unwrap_or_default();
    assert_eq!(before.matches(" .\n").count(), 50, "{text}");
}

#[test]
fn failures_and_what_they_stopped() {
    let events = vec![
        (0, Some(planned(&["[1/2] RUN a", "[2/2] RUN b", "[c 1/1] RUN c"]))),
        (0, Some(started(0))),
        (0, Some(started(2))),
        (500, Some(output(0, "no such file\n"))),
        (500, Some(finished(0, Outcome::Failed, 500))),
        (510, Some(finished(1, Outcome::Cancelled, 0))),
    ];
    assert_eq!(
        plain(events, &failed("the command ended with exit status 3")),
        "#1 [1/2] RUN a
#1 0.500 no such file
#1 ERROR: the command ended with exit status 3

#2 [c 1/1] RUN c
#2 CANCELED

#3 [2/2] RUN b
#3 CANCELED

"
    );
}

#[test]
fn layers_of_a_cache_come() {
    let arriving = |done, total, is_over| {
        Some(Event::Arriving { cache: "r.example/c".into(), done, total, is_over })
    };
    let events = vec![
        (100, arriving(500_000, 2_000_000, false)),
        (200, arriving(900_000, 2_000_000, false)),
        (1_100, arriving(2_000_000, 3_000_000, false)),
        (1_200, arriving(3_000_000, 3_000_000, true)),
    ];
    let built = Conclusion::Built { id: "sha256:12".into(), names: &[] };
    assert_eq!(
        plain(events, &built),
        "#1 [internal] load layers of the cache r.example/c\n#1 500kB / 2MB\n#1 2MB / 3MB\n\
         #1 3MB / 3MB\n#1 DONE 1.1s\n\n"
    );
}

#[test]
fn an_image_that_cannot_be_had() {
    let events = vec![(0, Some(image(ImageProgress::Resolving)))];
    let conclusion = Conclusion::Failed { reason: "no such\nhost", image: Some("busybox") };
    assert_eq!(
        plain(events, &conclusion),
        "#1 [internal] load image busybox\n#1 ERROR: no such host\n\n"
    );
}

/// A build that is half done, and its picture after 2 s.
fn picture(size: (usize, usize)) -> String {
    let mut board = Board::default();
    let events = [
        (0, image(ImageProgress::Ready { digest: "sha256:abcd".into() })),
        (
            0,
            planned(&["[a 1/3] RUN a", "[a 2/3] RUN b", "[a 3/3] RUN c", "[b 1/2] RUN d", "RUN e"]),
        ),
        (0, finished(0, Outcome::Cached, 0)),
        (0, started(1)),
        (900, finished(1, Outcome::Executed, 900)),
        (1000, started(2)),
        (1100, output(2, "1\n2\n3\n4\n5\n6\n7\n8 日本語日本語日本語日本語日本語日本語\npart")),
        (1500, started(3)),
    ];
    for (time, event) in events {
        board.apply(event, at(time));
    }
    Tty::new("Building", false).paint(&board, size, at(2000)).replace("\u{1b}[K", "")
}

#[test]
fn the_live_view_shows_running_steps_with_their_last_lines() {
    assert_eq!(
        picture((24, 40)),
        "[+] Building 2.0s (3/6)
 => CACHED 2 steps, the last: [a … 0.0s
 => [a 2/3] RUN b                  0.9s
 => [a 3/3] RUN c                  1.0s
 => => # 3
 => => # 4
 => => # 5
 => => # 6
 => => # 7
 => => # 8 日本語日本語日本語日本語日…
 => [b 1/2] RUN d                  0.5s
\u{1b}[J"
    );
}

#[test]
fn the_live_view_never_outgrows_the_terminal() {
    for (height, width) in [(24, 40), (8, 40), (5, 20), (3, 10), (1, 1), (0, 0)] {
        let picture = picture((height, width)).replace("\u{1b}[J", "");
        let lines: Vec<&str> = picture.lines().collect();
        assert!(lines.len() < height.max(2), "{height}: {picture}");
        let widest = lines.iter().map(|line| crate::text::width(line)).max();
        assert!(widest < Some(width.max(1)), "{width}: {picture}");
    }
    assert_eq!(
        picture((8, 40)),
        "[+] Building 2.0s (3/6)
 => [a 3/3] RUN c                  1.0s
 => => # 5
 => => # 6
 => => # 7
 => => # 8 日本語日本語日本語日本語日…
 => [b 1/2] RUN d                  0.5s
\u{1b}[J"
    );
}

#[test]
fn the_next_picture_covers_the_last_one() {
    let mut board = Board::default();
    board.apply(planned(&["RUN a"]), at(0));
    board.apply(started(0), at(0));
    let mut tty = Tty::new("Building", true);
    let first = tty.paint(&board, (24, 30), at(100));
    assert!(!first.contains("\u{1b}[2A"), "{first:?}");
    let second = tty.paint(&board, (24, 30), at(200));
    assert!(second.starts_with("\r\u{1b}[2A[+]"), "{second:?}");
    // Half as wide now: what was painted has been wrapped by the terminal.
    let third = tty.paint(&board, (24, 15), at(300));
    assert!(third.starts_with("\r\u{1b}[4A[+]"), "{third:?}");
    board.conclude(None, at(400));
    tty.warn("old \u{1b}[2Jsyntax");
    let last = tty.finish(&board, &failed("x"), (24, 30), at(400));
    assert!(last.contains("\u{1b}[33m => CANCELED RUN a"), "{last:?}");
    assert!(last.ends_with("\u{1b}[Jwarning: old syntax\n"), "{last:?}");
}

#[test]
fn a_step_that_runs_again_says_why_in_a_dim_line() {
    let subject = "a\u{1b}[31mb".to_owned();
    let reason = Reason::Changed { subject, before: None, after: None };
    let events = vec![
        (0, Some(planned(&["[1/1] RUN a"]))),
        (0, Some(started(0))),
        (0, Some(Event::Missed { vertex: VertexId(0), reason })),
        (100, Some(finished(0, Outcome::Executed, 100))),
    ];
    let text = plain(events, &failed(""));
    let lines: Vec<&str> = text.lines().collect();
    let [name, why, done, ""] = lines[..] else { panic!("{text}") };
    assert_eq!((name, done), ("#1 [1/1] RUN a", "#1 DONE 0.1s"));
    assert!(why.starts_with("#1 \u{1b}[2ma\\u{1b}[31mb"), "{why:?}");
    assert!(why.ends_with(" changed\u{1b}[0m") && !why.contains("\u{1b}[31m"), "{why:?}");
}

#[test]
fn a_step_that_waits_says_for_whom() {
    let name = "npm\u{1b}[2J".to_owned();
    let waiting = |id, wait| Event::Waiting { vertex: VertexId(id), wait };
    let events = vec![
        (0, Some(planned(&["[1/2] RUN a", "[2/2] RUN b"]))),
        (1000, Some(waiting(0, Wait::Execution))),
        (1500, Some(finished(0, Outcome::Cached, 1500))),
        (1500, Some(started(1))),
        (3000, Some(waiting(1, Wait::CacheMount(name)))),
        (4000, Some(finished(1, Outcome::Executed, 2500))),
    ];
    let text = anstream::adapter::strip_str(&plain(events.clone(), &failed(""))).to_string();
    assert_eq!(
        text,
        "#1 [1/2] RUN a\n#1 waiting for another build that runs this step\n#1 CACHED\n\n\
         #2 [2/2] RUN b\n#2 waiting for the cache mount npm, which is in use\n#2 DONE 2.5s\n\n"
    );
    // In the live view as long as it waits.
    let mut board = Board::default();
    for (time, event) in events.into_iter().take(2) {
        board.apply(event.expect("an event"), at(time));
    }
    let mut tty = Tty::new("Building", false);
    let shown = tty.paint(&board, (24, 100), at(1100));
    assert!(shown.contains("RUN a  waiting for another build that runs this step"), "{shown:?}");
    board.apply(started(0), at(1200));
    let shown = tty.paint(&board, (24, 100), at(1300));
    assert!(!shown.contains("waiting"), "{shown:?}");
}
