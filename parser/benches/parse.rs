//! Speed over real Dockerfiles, and over one of a megabyte: everyday instructions, over and over.
#![allow(missing_docs, reason = "criterion makes public functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapstrake_parser::{Expander, parse, parse_shared};
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

const SIZE: usize = 1 << 20;

fn dockerfile() -> String {
    let mut text = String::from("# syntax=docker/dockerfile:1\nARG VERSION=1.2.3\n");
    let mut stage = 0;
    while text.len() < SIZE {
        let written = write!(
            text,
            r#"
# stage{stage} builds one part of the whole
FROM --platform=$BUILDPLATFORM docker.io/library/debian:bookworm-slim AS stage{stage}
ARG VERSION TARGETARCH
ENV PATH=/usr/local/part/bin:$PATH \
    LANG="C.UTF-8" PART_HOME=/usr/local/part

# the packages that the part needs, and nothing else
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    set -eux; \
    apt-get update; \
    # no recommended ones
    apt-get install -y --no-install-recommends \
        ca-certificates \
        curl \
        g++ \
        make \
        libssl-dev \
    ; \
    rm -rf /var/lib/apt/lists/*
WORKDIR /usr/src/part
COPY --link --chown=1000:1000 Makefile configure *.c *.h ./
RUN ./configure --prefix="$PART_HOME" --with-version="${{VERSION:-0.0.0}}" && make -j"$(nproc)" && make install
COPY <<EOF /etc/part.conf
version = ${{VERSION}}
arch = ${{TARGETARCH}}
EOF
LABEL org.opencontainers.image.title="part {stage}" org.opencontainers.image.version=$VERSION
EXPOSE 8080/tcp 9090
USER 1000
HEALTHCHECK --interval=30s --timeout=3s CMD curl -f http://localhost:8080/ || exit 1
ENTRYPOINT ["/usr/local/part/bin/part", "--config", "/etc/part.conf"]
CMD ["serve"]
"#
        );
        assert!(written.is_ok(), "a string takes everything");
        stage += 1;
    }
    text
}

/// The fastest other parser of Dockerfiles, on the same text in the same run.
fn compare(criterion: &mut Criterion, name: &str, texts: &[Arc<str>]) {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("lapstrake", |bencher| {
        bencher.iter(|| {
            for text in texts {
                black_box(parse_shared(Arc::clone(black_box(text))));
            }
        });
    });
    group.bench_function("lapstrake, text copied", |bencher| {
        bencher.iter(|| {
            for text in texts {
                black_box(parse(black_box(text)));
            }
        });
    });
    group.bench_function("parse-dockerfile", |bencher| {
        bencher.iter(|| {
            for text in texts {
                black_box(parse_dockerfile::parse(black_box(text)).ok());
            }
        });
    });
    group.finish();
}

fn bench_large(criterion: &mut Criterion) {
    let text = dockerfile();
    let parsed = parse(&text);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics.first());
    compare(criterion, "one file of 1 MiB", &[text.into()]);
}

/// Real files: the corpus beside the project if it is there, else those of `testdata`.
fn bench_real(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = files(&root.join("../../shared/corpus/files"));
    let texts = if corpus.is_empty() { files(&root.join("testdata/ok")) } else { corpus };
    // A file that the other one gives up on half-way costs it less than to read it.
    let (both, ours): (Vec<_>, Vec<_>) =
        texts.into_iter().partition(|text| parse_dockerfile::parse(text).is_ok());
    assert!(!both.is_empty(), "no Dockerfile to parse");
    let left_out = ours.len();
    compare(criterion, &format!("{} real files ({left_out} left out)", both.len()), &both);
}

/// The Dockerfiles of a folder that are text.
fn files(folder: &Path) -> Vec<Arc<str>> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let dockerfiles = paths.filter(|path| path.extension().is_none_or(|end| end != "tree"));
    dockerfiles.filter_map(|path| fs::read_to_string(path).ok()).map(Arc::from).collect()
}

fn bench_expand(criterion: &mut Criterion) {
    let text = "${A:-/usr/local}/bin:$PATH:\"/opt/${NAME%%-*}\" ".repeat(1 << 14);
    let variables = |name: &str| (name != "A").then(|| "/usr/bin:/bin".to_owned());
    let mut group = criterion.benchmark_group("expand");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("words", |bencher| {
        bencher.iter(|| Expander::new('\\').expand_words(black_box(&text), &variables));
    });
    group.finish();
}

criterion_group!(benches, bench_real, bench_large, bench_expand);
criterion_main!(benches);
