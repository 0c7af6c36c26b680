//! Images on their way: out of a registry, into one, into an archive.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::input;
use super::measure::{Pair, medians, peak, time, time_settled};
use super::table::Row;
use super::tool::Tool;
use crate::failure::{Outcome, Subject as _};

const BASE: &str = "library/debian:trixie-slim";
const HALF: u64 = 150_000_000;
const GIBIBYTE: u64 = 1 << 30;

/// A new store for each run: what is removed on the way would slow the next one down.
pub(super) fn pull(bench: &Bench) -> Outcome<Vec<Row>> {
    let image = bench.remote(BASE);
    let mut pairs = Vec::new();
    let mut beside_skopeo = Vec::new();
    for run in 0..bench.runs {
        let store = |tool: &str| bench.disk.path(&format!("pull/{tool}-{run}"));
        let ours = Tool::lapstrake(bench.lap, &store("lapstrake"), bench.registry);
        let theirs = Tool::buildah(&store("buildah"), bench.registry)?;
        let layout = format!("oci:{}", store("skopeo").display());
        let ours = time_settled(ours.command(&["pull", "-q", &image]))?;
        let theirs = time_settled(theirs.command(&["pull", "-q", INSECURE, &image]))?;
        pairs.push(Pair { ours, theirs });
        let remote = format!("docker://{image}");
        let copy =
            Tool::skopeo().command(&["copy", "-q", "--src-tls-verify=false", &remote, &layout]);
        beside_skopeo.push(Pair { ours, theirs: time_settled(copy)? });
    }
    Ok(vec![
        Row::of("pull of debian:trixie-slim into an empty store", medians(&pairs), "≤ 0.45 s"),
        Row::of("the same; skopeo does not unpack it", medians(&beside_skopeo), "")
            .beside("skopeo"),
    ])
}

const INSECURE: &str = "--tls-verify=false";

/// Content of its own for each run, so that the registry has none of it.
pub(super) fn push(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("push")?;
    input::write(&context.join("Dockerfile"), "FROM scratch\nCOPY noise lines /\n")?;
    let mut first = Vec::new();
    let mut again = Vec::new();
    for run in 0..bench.runs {
        input::noise(&context.join("noise"), HALF)?;
        input::lines(&context.join("lines"), HALF, run)?;
        bench.built(&context)?;
        let place = |tool: &str| bench.remote(&format!("bench/{tool}:{run}"));
        let (ours, theirs) = (place("lapstrake"), place("buildah"));
        time(bench.ours.command(&["tag", "bench", &ours]))?;
        let remote = format!("docker://{theirs}");
        for pairs in [&mut first, &mut again] {
            pairs.push(Pair {
                ours: time_settled(bench.ours.command(&["push", "-q", &ours]))?,
                theirs: time_settled(
                    bench.buildah.command(&["push", "-q", INSECURE, "bench", &remote]),
                )?,
            });
        }
    }
    Ok(vec![
        Row::of("push of 300 MB, half of it compressible", medians(&first), "≤ 0.9 s"),
        Row::of("the same again", medians(&again), "≤ 15 ms"),
    ])
}

pub(super) fn save(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("save")?;
    input::write(&context.join("Dockerfile"), "FROM scratch\nCOPY noise /\n")?;
    input::noise(&context.join("noise"), GIBIBYTE)?;
    bench.built(&context)?;
    let archive = bench.disk.path("archive.tar");
    let path = archive.display().to_string();
    let mut rows = Vec::new();
    for (what, kind, switch, goal) in [
        ("1 GiB of noise as an OCI archive, gzip", "gzip", "-D=false", "≤ 3 s"),
        ("the same uncompressed", "uncompressed", "-D=true", "≤ 1.2 s"),
    ] {
        let form = format!("oci-archive:{path}");
        let ours = ["save", "--format", "oci", "--compression", kind, "-o", path.as_str(), "bench"];
        let theirs = ["push", "-q", switch, "bench", form.as_str()];
        let mut pairs = Vec::new();
        for _ in 0..bench.runs {
            let ours = timed_archive(bench.ours.command(&ours), &archive)?;
            let theirs = timed_archive(bench.buildah.command(&theirs), &archive)?;
            pairs.push(Pair { ours, theirs });
        }
        rows.push(Row::of(what, medians(&pairs), goal));
        let memory = peak(&bench.ours.command(&ours))?;
        std::fs::remove_file(&archive).on("remove", &archive)?;
        println!("  {kind}: at most {} MB resident (goal: < 256 MB)", memory / 1_000_000);
    }
    Ok(rows)
}

impl Bench<'_> {
    /// Has ours and buildah make the image that is then moved.
    fn built(&self, context: &Path) -> Outcome<()> {
        time(self.ours.build(context))?;
        time(self.buildah.build(context)).map(|_| ())
    }

    /// A name in the registry.
    fn remote(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.address())
    }
}

/// How long it takes to write `archive`, which then goes.
fn timed_archive(command: Command, archive: &Path) -> Outcome<Duration> {
    let elapsed = time_settled(command)?;
    std::fs::remove_file(archive).on("remove", archive)?;
    Ok(elapsed)
}
