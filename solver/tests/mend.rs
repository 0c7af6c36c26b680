//! Safe fixes of the linter, made in real files: what is built stays the same, step for step, and so does the config of
//! the image. Of fixes that change what a RUN runs, nothing but that is another one.
//!
//! The files are looked for in `$LAPSTRAKE_SHARED/corpus`, else in `shared` beside the workspace; without
//! them the test says so and passes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_linter::{Known, Policy, Rule, Wanted, mend};
use lapstrake_oci::{Digest, ImageConfig, Manifest, Platform};
use lapstrake_parser::{Dockerfile, Fix, Safety};
use lapstrake_solver::graph::{InlineFile, Op, RunOp};
use lapstrake_solver::image::{BaseImage, BaseImages};
use lapstrake_solver::lower::{Lowered, Options, lower};

/// The rules whose safe fixes change nothing but words.
const RULES: [&str; 9] = [
    "MultipleInstructionsDisallowed",
    "relative-workdir",
    "LegacyKeyValueFormat",
    "FromAsCasing",
    "StageNameCasing",
    "ConsistentInstructionCasing",
    "NoEmptyContinuation",
    "RedundantTargetPlatform",
    "unused-suppression",
];

/// The rules whose safe fixes change the text of RUNs, and nothing else.
const OF_TEXTS: [&str; 14] = [
    "apk-index-kept",
    "apt-asks",
    "apt-in-script",
    "apt-lists-kept",
    "dnf-asks",
    "dnf-cache-kept",
    "heredoc-no-errexit",
    "pip-cache-kept",
    "useradd-writes-sparse-log",
    "yarn-cache-kept",
    "yum-asks",
    "yum-cache-kept",
    "zypper-asks",
    "zypper-cache-kept",
];

#[test]
fn what_is_built_stays_the_same() {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = shared.unwrap_or_else(|| root.join("../shared")).join("corpus/files");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("no corpus at {}: nothing mended", folder.display());
        return;
    };
    let (mut compared, mut wrong) = (0, Vec::new());
    for path in files.map(|entry| entry.unwrap().path()) {
        let source = fs::read(&path).unwrap();
        let (text, _) = lapstrake_parser::decode(&source);
        for (rules, with_texts) in [(&RULES[..], true), (&OF_TEXTS[..], false)] {
            let Some(before) = built(&text, with_texts) else { continue };
            for name in rules {
                let rule = lapstrake_linter::rule(name).unwrap();
                let Some(after) = mended(&text, rule) else { continue };
                compared += 1;
                if built(&after, with_texts).as_ref() != Some(&before) {
                    wrong.push(format!("{name}: {}", path.display()));
                }
            }
        }
    }
    println!("{compared} files compared before and after");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 100, "only {compared} files were mended");
}

/// The text with the safe fixes of the rule made, if there are any.
fn mended(text: &str, rule: &'static Rule) -> Option<String> {
    let parsed = lapstrake_parser::parse(text);
    let (checks, policy) = (lapstrake_linter::checks(&parsed.dockerfile), Policy::default());
    let strict: Vec<_> = lapstrake_linter::all().filter(|one| !one.experimental).collect();
    let wanted = Wanted { rules: &strict, checks: &checks, policy: &policy, is_own: false };
    let found = lapstrake_linter::lint(text, &parsed.dockerfile, &Known::nothing(), &wanted);
    let own = found.iter().filter(|one| one.rule.name == rule.name);
    let fixes = own.filter_map(|one| one.diagnostic.fix.as_ref());
    let safe: Vec<&Fix> = fixes.filter(|fix| fix.safety == Safety::Safe).collect();
    Some(mend(text, safe)?.text)
}

/// Each step with what it is made from, and the config; nothing of a file that cannot be built. What RUNs run is left
/// out unless it is wanted.
fn built(text: &str, with_texts: bool) -> Option<String> {
    let parsed = lapstrake_parser::parse(text);
    let options = Options::new(Platform::new("linux", "amd64", ""));
    let plan = plan(&parsed.dockerfile, &options)?;
    let steps = plan.graph.iter().map(|(_, one)| match &one.op {
        Op::Run(run) if !with_texts => {
            let files =
                run.files.iter().map(|file| InlineFile { content: String::new(), ..file.clone() });
            let run = RunOp { argv: Vec::new(), files: files.collect(), ..run.clone() };
            format!("{run:?} {:?}\n", one.inputs)
        }
        op => format!("{op:?} {:?}\n", one.inputs),
    });
    let images = plan.images.iter().map(|one| {
        let mut config = one.config.config.clone();
        // Those of ONBUILD are in the config.
        if !with_texts {
            config.on_build.retain(|trigger| !trigger.starts_with("RUN"));
        }
        format!("{:?} {config:?}\n", one.target)
    });
    Some(steps.chain(images).collect())
}

/// Every base is an image without layers of which only PATH is known.
fn plan(dockerfile: &Dockerfile, options: &Options) -> Option<Box<lapstrake_solver::lower::Plan>> {
    let mut images = BaseImages::new();
    loop {
        match lower(dockerfile, options, &images).ok()? {
            Lowered::Plan(plan) => return Some(plan),
            Lowered::Time(_) => return None,
            Lowered::Needs(needs) => images.extend(needs.into_iter().map(|need| {
                let mut config = ImageConfig::new(&need.name.platform);
                config.config.env = vec!["PATH=/usr/bin:/bin".to_owned()];
                (need.name, BaseImage { digest: Digest::of(b"base"), manifest: manifest(), config })
            })),
        }
    }
}

fn manifest() -> Manifest {
    let digest = Digest::of(b"config");
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":6}},"layers":[]}}"#
    );
    serde_json::from_str(&text).unwrap()
}
