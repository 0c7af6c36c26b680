//! What a sandbox itself costs: `true` from busybox in an overlay of 30 layers, again and again.
//!
//! `cargo bench -p lapstrake-executor -- [runs] [layers]`; needs root and `/bin/busybox`. Give it a
//! `TMPDIR` on a fresh, journalled ext4. Prints the median and the fastest of the wall times in
//! microseconds, for each network.
//!
//! Where the time went when this was written (2 busy cores of a virtual machine, kernel 6.18, linked
//! statically, 2.5 ms where spawning the same program took 0.4): executing twice 0.7 (a good part of it
//! the C library's start, whose `cpuid` traps), overlay 0.4 (0.2 and 7 us for each layer), the
//! other 26 mounts 0.5, cloning with its namespaces 0.1, loading the filter 0.1, `pivot_root` and
//! unmounting 0.05, the parent's preparation 0.05. A network namespace adds 0.45.
#![allow(clippy::print_stdout, reason = "a benchmark reports")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lapstrake_executor::{
    Bytes, Cancel, Connector, Executor, Network, Rootfs, SandboxSpec, Sandboxes, Status,
};
use tempfile::TempDir;

fn main() {
    lapstrake_executor::sandbox_main_if_requested();
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let runs = numbers.first().copied().unwrap_or(200);
    let layers = numbers.get(1).copied().unwrap_or(30);
    let ground = ground(layers);
    report("no sandbox", (0..runs).map(|_| plain(ground.path())).collect());
    let mut networks = vec![("host", Network::Host), ("none", Network::None)];
    let installed = Connector::installed(&std::env::var_os("PATH").unwrap_or_default());
    for connector in installed {
        let prepare = || {
            let begin = Instant::now();
            connector
                .prepare(&ground.path().join("stubs"), &ground.path().join("none/proof"), None)
                .unwrap();
            let time = begin.elapsed();
            lapstrake_executor::dismiss_guard();
            time
        };
        report(
            &format!("connecting by {}", connector.kind.name()),
            (0..20).map(|_| prepare()).collect(),
        );
        networks.push((connector.kind.name(), Network::Private(connector)));
    }
    for named in &networks {
        let times = (0..runs).map(|run| once(ground.path(), layers, run, named)).collect();
        report(&format!("network {}", named.0), times);
    }
    lapstrake_executor::dismiss_guard();
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let median = times[times.len() / 2].as_micros();
    println!("{what}: median {median} us, fastest {} us", times[0].as_micros());
}

/// The same program, spawned as it is.
fn plain(ground: &Path) -> Duration {
    let begin = Instant::now();
    let status = Command::new(ground.join("layer0/bin/true")).status().unwrap();
    assert!(status.success());
    begin.elapsed()
}

fn ground(layers: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    for layer in 0..layers {
        fs::create_dir_all(folder.path().join(format!("layer{layer}/usr"))).unwrap();
    }
    let base = folder.path().join("layer0");
    for name in ["bin", "etc", "proc", "sys", "dev"] {
        fs::create_dir(base.join(name)).unwrap();
    }
    fs::copy("/bin/busybox", base.join("bin/true")).unwrap();
    let stubs = folder.path().join("stubs");
    fs::create_dir(&stubs).unwrap();
    lapstrake_executor::create_stubs(&stubs).unwrap();
    folder
}

fn once(ground: &Path, layers: usize, run: usize, (name, network): &(&str, Network)) -> Duration {
    let directory = |kind: &str| {
        let path = ground.join(format!("{kind}-{name}-{run}"));
        fs::create_dir(&path).unwrap();
        path
    };
    let stubs = ground.join("stubs");
    let lower = (0..layers).map(|layer| ground.join(format!("layer{layer}")));
    let rootfs = Rootfs {
        lower: [stubs].into_iter().chain(lower).collect(),
        upper: directory("upper"),
        work: directory("work"),
        volatile: true,
    };
    let mut spec = SandboxSpec::new(rootfs, vec![Bytes::from("/bin/true")]);
    spec.network = network.clone();
    let cancel = Cancel::new().unwrap();
    let begin = Instant::now();
    let status = Sandboxes.run(&spec, &cancel, &mut |_| {}).unwrap();
    let time = begin.elapsed();
    assert_eq!(status, Status::Exited(0).into());
    time
}
