//! How long it takes to bring the corpus into one form.
#![allow(missing_docs, reason = "criterion makes public functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapstrake_format::format;
use lapstrake_parser::parse;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

/// Real files if they are there, else the cases of the tests.
fn files() -> Vec<String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let real = shared.unwrap_or_else(|| own.join("../../../shared")).join("corpus/files");
    let folder = if real.is_dir() { real } else { own.join("tests/case") };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
}

fn bench(criterion: &mut Criterion) {
    let files = files();
    let mut group = criterion.benchmark_group("format");
    let bytes: usize = files.iter().map(String::len).sum();
    group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX)));
    group.bench_function(format!("{} files", files.len()), |bencher| {
        bencher.iter(|| {
            let texts = files.iter().map(|file| format(black_box(file), &parse(file)));
            texts.filter(Result::is_ok).count()
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
