//! Prints how long a scan of a context takes, cold and with a warm stat index.
//!
//! `cargo run --release -p lapstrake-rootfs --example context_scan -- [FILES] [ROUNDS]`

#![allow(clippy::print_stdout, reason = "printing is what this is for")]

use std::error::Error;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_rootfs::context::{StatIndex, Wanted, scan};
use lapstrake_rootfs::copy::{CopySpec, Source, select};

/// As projects have it; nothing of the measured tree is excluded.
const IGNORE: &str = ".git\nnode_modules\n**/*.log\n**/target\n*.md\n!README.md\ndist\n.env*\n\
    **/__pycache__\ncoverage\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let files = numbers.next().unwrap_or(Ok(20_000))?;
    let rounds = numbers.next().unwrap_or(Ok(21))?;
    let context = std::env::temp_dir().join(format!("lapstrake-context-scan-{files}"));
    if !context.is_dir() {
        make(&context, files)?;
        std::thread::sleep(Duration::from_secs(3));
    }
    let index = measure("cold", 1, || run(&context, &[], ""))?.encode().to_vec();
    println!("index: {} bytes", index.len());
    measure("warm", rounds, || run(&context, &index, ""))?;
    measure("warm, ten ignore patterns", rounds, || run(&context, &index, IGNORE))?;
    let (tree, _) = scan(
        open(&context)?,
        &[Wanted::everything()],
        &IgnoreFile::default(),
        &StatIndex::decode(index),
    )?;
    let spec = CopySpec { sources: vec![Source::Path(b".".to_vec())], ..CopySpec::default() };
    measure("select and hash", rounds, || Ok(select(&tree.view, &spec)?.content_hash()))?;
    println!("peak memory: {}", peak_memory()?);
    Ok(())
}

/// One scan, the reading of the index included; returns the index that is to be kept.
fn run(context: &Path, index: &[u8], ignore: &str) -> Result<StatIndex, Box<dyn Error>> {
    let known = StatIndex::decode(index.to_vec());
    let ignore = IgnoreFile::parse(ignore.as_bytes())?;
    let (tree, new) = scan(open(context)?, &[Wanted::everything()], &ignore, &known)?;
    std::hint::black_box(&tree);
    Ok(new.unwrap_or(known))
}

fn open(context: &Path) -> std::io::Result<OwnedFd> {
    Ok(OwnedFd::from(File::open(context)?))
}

fn measure<T>(
    what: &str,
    rounds: usize,
    mut run: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let result = run()?;
        times.push(start.elapsed());
        if times.len() >= rounds {
            times.sort();
            let median = times.get(times.len() / 2).copied().unwrap_or_default();
            let best = times.first().copied().unwrap_or_default();
            println!("{what}: median {median:?}, best {best:?} of {}", times.len());
            return Ok(result);
        }
    }
}

/// `files` files of 4 kB, twenty in each folder, a hundred folders in each folder above.
fn make(context: &Path, files: usize) -> std::io::Result<()> {
    let then = SystemTime::now() - Duration::from_secs(3600);
    for number in 0..files {
        let folder = context.join(format!("part{}/module{}", number / 2000, number / 20 % 100));
        if number % 20 == 0 {
            fs::create_dir_all(&folder)?;
        }
        let path = folder.join(format!("source_file_{number}.rs"));
        fs::write(&path, format!("{number}\n").repeat(4000 / (number.to_string().len() + 1)))?;
        File::options().write(true).open(path)?.set_modified(then)?;
    }
    Ok(())
}

fn peak_memory() -> std::io::Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or_default().trim().to_owned())
}
