//! Every file of the corpus formatted: it says the same, and stays when it is formatted again.
//!
//! The corpus is not part of the repository. It is looked for in `$LAPSTRAKE_SHARED`, else in
//! `shared` beside the workspace; without it the test says so and passes.
//!
//! What is compared does not come from the crate: trees as the parser prints them, comments as they stand
//! in the lines, and of what goes to a shell the words that the parser's expander finds in it and the
//! script as bash understands it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it looked at"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lapstrake_format::{Refusal, format};
use lapstrake_parser::{
    CommandForm, Dockerfile, Expander, Instruction, InstructionKind, Quotes, Word, decode, parse,
};

/// A file and what it is formatted to.
struct Formatted {
    name: String,
    source: String,
    text: String,
}

#[test]
fn real_files_say_the_same_and_stay() {
    let Some(files) = formatted() else { return };
    for Formatted { name, source, text } in &files {
        let (before, after) = (parse(source).dockerfile, parse(text).dockerfile);
        assert_eq!(shape(&before), shape(&after), "{name}");
        assert_eq!(heredocs(&before), heredocs(&after), "{name}");
        assert_eq!(comments(source, &before), comments(text, &after), "{name}");
        let again = format(text, &parse(text));
        assert_eq!(again.as_ref(), Ok(text), "{name} formatted again");
    }
    let changed = files.iter().filter(|file| file.source != file.text).count();
    println!("{} files, {changed} of them not in that form yet", files.len());
}

/// A script that bash cannot read is compared as it is.
#[test]
fn bash_understands_the_same_of_what_moved() {
    let Some(files) = formatted() else { return };
    let mut scripts = Vec::new();
    for Formatted { name, source, text } in &files {
        let (before, after) = (parse(source).dockerfile, parse(text).dockerfile);
        for (one, other) in before.instructions.iter().zip(&after.instructions) {
            if let (Some(one), Some(other)) = (script(&one.kind), script(&other.kind))
                && one.text != other.text
            {
                scripts.push((name.clone(), one.text.to_string(), other.text.to_string()));
            }
        }
    }
    let unread = scripts.iter().filter(|(name, one, other)| {
        let read = understood(one);
        assert_eq!(read, understood(other), "{name}: {other}");
        read.is_none()
    });
    let unread = unread.count();
    println!("{} scripts moved, {unread} of them nothing that bash reads", scripts.len());
    assert!(unread * 20 < scripts.len(), "most can be compared");
}

/// The script as bash prints it once it has been read; it is not run.
fn understood(script: &str) -> Option<Vec<u8>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(script.as_bytes()).unwrap();
    let output = Command::new("bash").arg("--pretty-print").arg(file.path()).output().unwrap();
    (output.status.success() && output.stderr.is_empty()).then_some(output.stdout)
}

fn formatted() -> Option<Vec<Formatted>> {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = shared.unwrap_or_else(beside).join("corpus/files");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("no corpus at {}: nothing formatted", folder.display());
        return None;
    };
    let mut time = Duration::ZERO;
    let mut all = Vec::new();
    for file in files {
        let path = file.unwrap().path();
        let source = decode(&fs::read(&path).unwrap()).0.into_owned();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let start = Instant::now();
        let text = format(&source, &parse(&source));
        time += start.elapsed();
        match text {
            Ok(text) => all.push(Formatted { name, source, text }),
            Err(refusal) => assert_eq!(refusal, Refusal::Faulty, "{name}"),
        }
    }
    println!("{} files formatted in {:.1} ms", all.len(), time.as_secs_f64() * 1000.0);
    Some(all)
}

/// What the instructions say, but for the letter case of names and the white space of scripts.
fn shape(dockerfile: &Dockerfile) -> Vec<String> {
    let head = format!("{:?} {:?}", dockerfile.escape, dockerfile.directives);
    let all = dockerfile.instructions.iter().map(one);
    std::iter::once(head).chain(all).map(|text| without_spans(&text)).collect()
}

fn one(instruction: &Instruction) -> String {
    let name = instruction.keyword().value.to_ascii_uppercase();
    let rest = match &instruction.kind {
        InstructionKind::Onbuild(onbuild) => {
            onbuild.instruction.as_deref().map(one).unwrap_or_default()
        }
        InstructionKind::From(from) => {
            format!("{:?} {:?} {:?}", from.image, from.platform, from.name)
        }
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            pairs.iter().map(|pair| format!("{:?} {:?};", pair.key, pair.value)).collect()
        }
        InstructionKind::Healthcheck(check) => match &check.command {
            Some(CommandForm::Shell(word)) => format!("{:?} {:?}", check.timing, words(word)),
            other => format!("{:?} {other:?}", check.timing),
        },
        kind => match script(kind) {
            Some(word) => format!("{:?}", words(word)),
            None => format!("{kind:?}"),
        },
    };
    format!("{name} {:?} {rest}", instruction.flags)
}

fn script(kind: &InstructionKind) -> Option<&Word> {
    match kind {
        InstructionKind::Run(CommandForm::Shell(word))
        | InstructionKind::Cmd(CommandForm::Shell(word))
        | InstructionKind::Entrypoint(CommandForm::Shell(word)) => Some(word),
        _ => None,
    }
}

/// The words of a script, quotes and escapes included; the whole of it if they cannot be told apart.
fn words(script: &Word) -> Vec<String> {
    let expander = Expander {
        quotes: Quotes::Keep,
        keep_escapes: true,
        keep_undefined: true,
        ..Expander::new('\\')
    };
    match expander.expand_words(&script.text, &|_: &str| None) {
        Ok(found) => found.words.into_iter().map(|word| word.text).collect(),
        Err(_) => script.text.split_whitespace().map(str::to_owned).collect(),
    }
}

fn heredocs(dockerfile: &Dockerfile) -> Vec<String> {
    let all = dockerfile.instructions.iter().flat_map(|one| &one.heredocs);
    all.map(|one| format!("{} {}", one.name, one.content)).collect()
}

/// The comments, wherever they stand, without white space around.
fn comments<'s>(source: &'s str, dockerfile: &Dockerfile) -> Vec<&'s str> {
    let bodies: Vec<_> = dockerfile
        .instructions
        .iter()
        .flat_map(|one| &one.heredocs)
        .map(|one| one.body.range())
        .collect();
    let mut start = 0;
    let lines = source.split_inclusive('\n').filter(|line| {
        let at = start;
        start += line.len();
        !bodies.iter().any(|body| body.contains(&at))
    });
    lines.map(str::trim).filter(|line| line.starts_with('#')).collect()
}

/// Debug text without the spans in it.
fn without_spans(text: &str) -> String {
    let mut parts = text.split("Span { ");
    let mut bare = parts.next().unwrap_or("").to_owned();
    for part in parts {
        bare.push_str(part.split_once('}').map_or(part, |(_, behind)| behind));
    }
    bare
}
