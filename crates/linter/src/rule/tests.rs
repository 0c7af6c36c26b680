//! The cases beside the rules.
//!
//! ```text
//! === name of the case              begins with "passes" if nothing is to be found
//! arg: TAG=3.20                     what is known; see `Case::option`
//! | FROM alpine AS Build            the Dockerfile
//! ~                ^^^^^ message    a finding: where, and its message
//! ~      ------ label               another place that explains it; it belongs to the finding
//!                                   whose line is nearest
//! other: FILE:LINE:COLUMN-COLUMN m  a place in another file, of any finding
//! help: text                        of the first finding
//! fixed:                            the Dockerfile with the fixes of all findings made
//! | FROM alpine AS build
//! ```
//!
//! `!` in place of `^` or `-` stands for an empty place. A case only counts the findings of its rule.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapstrake_oci::{ImageConfig, Platform};
use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::{Diagnostic, Fix, OtherFile, Safety, Severity, Span, Spanned};

use lapstrake_rootfs::{LayerManifest, TreePath, View};

use super::{Origin, Rule, entries, kebab};
use crate::base::Base;
use crate::day::Day;
use crate::files::Files;
use crate::finding::Finding;
use crate::known::{Caller, Known, KnownStage};
use crate::policy::{LabelKind, Policy, Wanted};
use crate::testing::{BaseFiles, Folder, Layers};

#[test]
fn rules_do_what_their_cases_say() {
    let mut faults = Vec::new();
    for path in files("cases") {
        let rule = rule_of(&path);
        let text = fs::read_to_string(&path).unwrap();
        let cases = cases(&text);
        let failing = cases.iter().filter(|case| !case.passes()).count();
        assert!(failing > 0, "{}: no case in which the rule fires", path.display());
        assert!(failing < cases.len(), "{}: no case that passes", path.display());
        for case in &cases {
            let found = case.found(rule);
            if found != case.expected() {
                faults.push(format!("{}: {}\n{found}", path.display(), case.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_rule_has_its_file_and_its_cases() {
    let names = |ending: &str| -> Vec<String> {
        let mut names: Vec<_> = files(ending).iter().map(|path| stem(path)).collect();
        names.sort();
        names
    };
    let mut rules: Vec<_> = entries().map(|entry| kebab(entry.rule.name)).collect();
    rules.sort();
    assert_eq!(rules, names("rs"), "left: rules in the lists, right: files");
    assert_eq!(rules, names("cases"), "left: rules in the lists, right: files with cases");
}

#[test]
fn each_rule_has_a_page() {
    for entry in entries() {
        let page = crate::page(entry.rule);
        let name = entry.rule.name;
        assert!(page.starts_with("# "), "{name}: the page has no title");
        assert!(page.contains("\n```dockerfile\n"), "{name}: the page has no example");
        assert!(page.contains("\n**Fix**: "), "{name}: the page does not say what a fix does");
    }
}

#[test]
fn a_fix_that_a_rule_can_make_is_in_a_case() {
    for path in files("rs") {
        let makes_fix = fs::read_to_string(&path).unwrap().contains("Safety::");
        let cases = fs::read_to_string(path.with_extension("cases")).unwrap();
        let is_shown = cases.contains("\nfixed:\n");
        assert!(is_shown || !makes_fix, "{}: no case shows the fix", path.display());
    }
}

#[test]
fn names_become_the_names_of_pages() {
    for (name, page) in [
        ("StageNameCasing", "stage-name-casing"),
        ("JSONArgsRecommended", "json-args-recommended"),
        ("UndefinedArgInFrom", "undefined-arg-in-from"),
    ] {
        assert_eq!(kebab(name), page);
    }
}

/// The files of that ending beside the rules.
fn files(ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rule");
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

/// `stage_name_casing.rs` → `stage-name-casing`.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().replace('_', "-")
}

fn rule_of(path: &Path) -> &'static Rule {
    let name = stem(path);
    let entry = entries().find(|entry| kebab(entry.rule.name) == name);
    entry.unwrap_or_else(|| panic!("{}: no rule of that name", path.display())).rule
}

#[derive(Default)]
struct Case<'t> {
    name: &'t str,
    options: Vec<(&'t str, &'t str)>,
    /// The Dockerfile and the findings in it, as they are written.
    drawn: Vec<&'t str>,
    /// Places in other files.
    other: Vec<&'t str>,
    help: Option<&'t str>,
    fixed: Option<String>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name, ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("no case above `{line}`"));
        match (line, &mut case.fixed) {
            ("fixed:", _) => case.fixed = Some(String::new()),
            (_, Some(fixed)) => *fixed += &format!("{}\n", code(line).unwrap()),
            _ if line.starts_with('|') || line.starts_with('~') => case.drawn.push(line),
            _ => match line.split_once(": ") {
                Some(("help", help)) => case.help = Some(help),
                Some(("other", place)) => case.other.push(place),
                Some(option) => case.options.push(option),
                None => panic!("{}: what is `{line}`?", case.name),
            },
        }
    }
    cases
}

/// A line of a Dockerfile.
fn code(line: &str) -> Option<&str> {
    line.strip_prefix("| ").or_else(|| line.strip_prefix('|'))
}

impl Case<'_> {
    fn passes(&self) -> bool {
        let passes = self.name.starts_with("passes");
        let is_clean = self.drawn.iter().all(|line| line.starts_with('|')) && self.other.is_empty();
        assert_eq!(passes, is_clean, "{}: the name and the findings do not agree", self.name);
        passes
    }

    fn source(&self) -> String {
        let lines = self.drawn.iter().filter_map(|line| code(line));
        lines.map(|line| format!("{line}\n")).collect()
    }

    fn expected(&self) -> String {
        let mut text: String = self.drawn.iter().map(|line| format!("{line}\n")).collect();
        for place in &self.other {
            text += &format!("other: {place}\n");
        }
        if let Some(help) = self.help {
            text += &format!("help: {help}\n");
        }
        if let Some(fixed) = &self.fixed {
            text += &format!("fixed:\n{fixed}");
        }
        text
    }

    /// The rules that look: this one, and those of the option `with`.
    fn rules(&self, rule: &'static Rule) -> Vec<&'static Rule> {
        let with = self.options.iter().filter(|(name, _)| *name == "with");
        let names = with.flat_map(|(_, names)| names.split_whitespace());
        names.map(|name| crate::rule(name).unwrap()).chain([rule]).collect()
    }

    fn is_own(&self) -> bool {
        self.options.contains(&("own", "yes"))
    }

    /// What is known: each option's meaning.
    fn found(&self, rule: &'static Rule) -> String {
        let (mut base, mut ignore, mut checks) = (None, None, None);
        let mut needed = Vec::new();
        let mut arguments = BTreeMap::new();
        let (mut policy, mut today) = (Policy::default(), None);
        let mut callers = Vec::new();
        let folder = Folder::of(&self.options);
        let mut files = BaseFiles::default();
        let mut layers = Layers::default();
        let (mut digest, mut moved) = (None, None);
        for (name, value) in &self.options {
            let words = || value.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            match *name {
                "arg" => {
                    let (name, value) = value.split_once('=').unwrap();
                    arguments.insert(name.to_owned(), value.to_owned());
                }
                "ignore" => {
                    ignore = Some(IgnoreFile::from_patterns(value.split_whitespace()).unwrap());
                }
                "needed" => needed = words().iter().map(|word| word == "yes").collect(),
                // The rules are a choice of our own.
                "with" | "own" => {}
                name if Folder::OPTIONS.contains(&name) => {}
                "base file" => files.add(value),
                "base digest" => digest = Some(*value),
                "base moved" => moved = Some(*value),
                "max layer" => policy.max_layer = value.parse().ok(),
                name if name.starts_with("layer ") => layers.add(&self.source(), name, value),
                "today" => today = Day::parse(value),
                "called with" => callers.push(caller(value)),
                "trusted" => policy.trusted_registries = words(),
                "strict labels" => policy.strict_labels = *value == "yes",
                "label" => {
                    let (label, kind) = value.split_once('=').unwrap();
                    let kinds = LabelKind::NAMES.iter();
                    let kind = kinds.clone().find(|(name, _)| *name == kind).unwrap().1;
                    policy.label_schema.insert(label.to_owned(), kind);
                }
                "check" => checks = Some(CheckOptions::parse(value, 0).0),
                _ => {
                    let image = base.get_or_insert_with(|| ImageConfig::new(&platform()));
                    assert!(set(image, name, value), "{}: what is the option `{name}`?", self.name);
                }
            }
        }
        let ways = layers.ways();
        let made = layers.made(&ways);
        let is_needed = |at: usize| needed.get(at).copied().unwrap_or(true);
        let view = View::new(vec![Arc::new(LayerManifest::new(files.entries))]);
        let is_known = view.layers().iter().any(|layer| !layer.entries().is_empty());
        let tree = || Some(view.clone());
        let head = |path: &TreePath| files.content.get(path).cloned();
        let stages = (0..9).map(|at| KnownStage {
            digest,
            moved,
            made: if at == 0 { &made } else { &[] },
            files: is_known.then_some(Files { tree: &tree, head: &head }),
            ..KnownStage::new(is_needed(at), base.as_ref())
        });
        let known = Known {
            arguments,
            target: None,
            platform: platform(),
            build_platform: platform(),
            stages: stages.collect(),
            ignore: ignore.as_ref(),
            context: None,
            callers: &callers,
            today,
        };
        match folder {
            Some(folder) => folder.with(|context| {
                let known = Known { context: Some(context), ..known };
                self.drawn(rule, &known, checks, &policy)
            }),
            None => self.drawn(rule, &known, checks, &policy),
        }
    }

    fn drawn(
        &self,
        rule: &'static Rule,
        known: &Known<'_>,
        checks: Option<CheckOptions>,
        policy: &Policy,
    ) -> String {
        let source = self.source();
        let parsed = lapstrake_parser::parse(&source);
        let errors = parsed.diagnostics.iter().filter(|one| one.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{}: {:?}", self.name, parsed.diagnostics);
        let checks = checks.unwrap_or_else(|| crate::checks(&parsed.dockerfile));
        let bases = crate::bases(&source, &parsed.dockerfile, known);
        let mut known = known.clone();
        for (at, stage) in known.stages.iter_mut().enumerate() {
            if !matches!(bases.get(at), Some(Some(Base::Image { .. }))) {
                (stage.base, stage.files, stage.digest, stage.moved) = (None, None, None, None);
            }
        }
        let findings = crate::lint(
            &source,
            &parsed.dockerfile,
            &known,
            &Wanted { rules: &self.rules(rule), checks: &checks, policy, is_own: self.is_own() },
        );
        let found: Vec<_> =
            findings.into_iter().filter(|finding| finding.rule.name == rule.name).collect();
        let diagnostics = || found.iter().map(|finding| &finding.diagnostic);
        assert!(diagnostics().all(|one| one.code == rule.name && one.severity <= rule.severity));
        let (found, elsewhere): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|finding| finding.file.is_none());
        let mut other = Vec::new();
        for Finding { diagnostic, file, .. } in found.iter().chain(&elsewhere) {
            let own = file.iter().map(|file| (file, diagnostic.span, &diagnostic.message));
            let labels = diagnostic.elsewhere.iter();
            let labels = labels.map(|one| (&one.file, one.span, &one.message));
            other.extend(own.chain(labels).map(|(file, span, text)| place(file, span, text)));
        }
        let found: Vec<_> = found.into_iter().map(|finding| finding.diagnostic).collect();
        let mut text = draw(&source, &found);
        text.extend(other);
        let elsewhere: Vec<_> = elsewhere.into_iter().map(|finding| finding.diagnostic).collect();
        let mut all = found.iter().chain(&elsewhere);
        let help = all.next().and_then(|first| first.help.as_deref());
        if self.help.is_some() {
            let _ = writeln!(text, "help: {}", help.unwrap_or_default());
        }
        if self.fixed.is_some() {
            let _ = write!(text, "fixed:\n{}", mended(&source, &found));
        }
        text
    }
}

/// A build from `compose.yaml`, whose text is the option itself: `--target NAME`, `--build-arg NAME`, `--build-context NAME`,
/// `--platform NAME`.
fn caller(text: &str) -> Caller {
    let file = Arc::new(OtherFile { name: "compose.yaml".into(), text: text.into() });
    let mut caller = Caller {
        file,
        target: None,
        arguments: Vec::new(),
        contexts: Vec::new(),
        platforms: Vec::new(),
    };
    let words: Vec<&str> = text.split(' ').collect();
    for pair in words.chunks(2) {
        let at = pair[1].as_ptr() as usize - text.as_ptr() as usize;
        let name = Spanned::new(pair[1].to_owned(), Span::new(at, at + pair[1].len()));
        match pair[0] {
            "--target" => caller.target = Some(name),
            "--build-arg" => caller.arguments.push(name),
            "--build-context" => caller.contexts.push(name.value),
            "--platform" => caller.platforms.push(name.value),
            other => panic!("what is `{other}`?"),
        }
    }
    caller
}

/// A place in another file as a case writes it.
fn place(file: &OtherFile, span: Span, text: &str) -> String {
    let before = &file.text[..span.start];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let (from, to) = (span.start - start + 1, span.end - start + 1);
    format!("other: {}:{line}:{from}-{to} {text}\n", file.name)
}

/// Sets what an option says of the base image; false if it is none.
fn set(image: &mut ImageConfig, name: &str, value: &str) -> bool {
    let words = || value.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    match name {
        "base env" => image.config.env = words(),
        "base shell" => image.config.shell = words(),
        "base trigger" => image.config.on_build.push(value.to_owned()),
        "base entrypoint" => image.config.entrypoint = words(),
        "base cmd" => image.config.cmd = words(),
        "base user" => image.config.user = value.to_owned(),
        "base workdir" => image.config.working_dir = value.to_owned(),
        "base platform" => {
            let platform = Platform::parse(value).unwrap();
            (image.os, image.architecture) = (platform.os, platform.architecture);
        }
        _ => return false,
    }
    true
}

fn platform() -> Platform {
    Platform::new("linux", "amd64", "")
}

/// The source with all places marked under its lines: labels and findings in the order in which the
/// cases have them.
fn draw(source: &str, found: &[Diagnostic]) -> String {
    let labels = found.iter().flat_map(|one| &one.labels).map(|(span, text)| (*span, '-', text));
    let primary = found.iter().map(|one| (one.span, '^', &one.message));
    let mut marks: Vec<_> = labels.chain(primary).collect();
    marks.dedup();
    let mut drawn = String::new();
    let mut start = 0;
    for line in source.lines() {
        drawn += if line.is_empty() { "|" } else { "| " };
        drawn += line;
        drawn.push('\n');
        let here = start..=start + line.len();
        let mut marks: Vec<_> =
            marks.iter().filter(|(span, ..)| here.contains(&span.start)).collect();
        // At one place the label comes first.
        marks.sort_by_key(|(span, kind, _)| (span.start, *kind == '^'));
        for (span, kind, text) in marks {
            let before = line[..span.start - start].chars().count();
            let inside = source[span.range()].chars().count();
            let mark = if inside == 0 { "!".to_owned() } else { kind.to_string().repeat(inside) };
            let _ = writeln!(drawn, "~ {}{mark} {text}", " ".repeat(before));
        }
        start += line.len() + 1;
    }
    drawn
}

/// The source with all fixes made, as a case writes it.
fn mended(source: &str, found: &[Diagnostic]) -> String {
    let edits = found.iter().filter_map(|one| one.fix.as_ref()).flat_map(|fix| fix.edits.clone());
    let mut edits: Vec<_> = edits.collect();
    edits.sort_by_key(|edit| edit.span);
    Fix { edits, safety: Safety::Unsafe }.apply(source).unwrap()
}

/// Places of triggers of base images are those of FROM: nothing of their text is in the file.
#[test]
fn a_trigger_of_a_base_shows_where_the_base_is_named() {
    let mut image = ImageConfig::new(&platform());
    image.config.on_build = vec!["ENV A b".into(), "ENV API_KEY=x".into(), "WIBBLE".into()];
    let stages = vec![KnownStage::new(true, Some(&image))];
    let known = Known { stages, ..Known::nothing() };
    let source = "FROM base\n";
    let parsed = lapstrake_parser::parse(source);
    let rules: Vec<_> = crate::all().filter(|rule| rule.origin == Origin::BuildKit).collect();
    let (checks, policy) = (CheckOptions::default(), Policy::default());
    let wanted = Wanted { rules: &rules, checks: &checks, policy: &policy, is_own: false };
    let found = crate::lint(source, &parsed.dockerfile, &known, &wanted);
    let found: Vec<_> = found.iter().map(|one| (one.rule.name, &one.diagnostic)).collect();
    let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["LegacyKeyValueFormat", "SecretsUsedInArgOrEnv"]);
    for (_, diagnostic) in found {
        assert_eq!(diagnostic.span, Span::new(5, 9));
        assert!(diagnostic.message.starts_with("in a trigger of the base image: "));
        assert!(diagnostic.labels.is_empty() && diagnostic.fix.is_none());
    }
}
