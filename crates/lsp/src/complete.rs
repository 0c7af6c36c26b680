//! What can stand where somebody types.

use lapstrake_parser::mount::{MountType, Sharing};
use lapstrake_parser::{FlagKind, Keyword, Span, known_flags};
use lsp_types::{
    Command, CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, MarkupContent,
    MarkupKind, Position, TextEdit,
};

use crate::document::Document;
use crate::instruction;
use crate::names::{Names, Subject};
use crate::typed::Typed;
use crate::variable;
use crate::workspace::Workspace;

/// Arguments that the builder sets, in front of all stages; a stage sees those it declares.
const PLATFORM_ARGUMENTS: [&str; 8] = [
    "BUILDARCH",
    "BUILDOS",
    "BUILDPLATFORM",
    "BUILDVARIANT",
    "TARGETARCH",
    "TARGETOS",
    "TARGETPLATFORM",
    "TARGETVARIANT",
];

/// Platforms that images are often for.
const PLATFORMS: [&str; 5] =
    ["$BUILDPLATFORM", "$TARGETPLATFORM", "linux/amd64", "linux/arm64", "linux/arm/v7"];

/// What all mounts have but ssh and secret ones, and what each type has beside it.
const MOUNT_OPTIONS: [(MountType, &[&str]); 5] = [
    (MountType::Bind, &["type", "target", "from", "source", "readonly", "rw"]),
    (
        MountType::Cache,
        &["type", "target", "id", "from", "source", "sharing", "mode", "uid", "gid", "readonly"],
    ),
    (MountType::Tmpfs, &["type", "target", "size"]),
    (MountType::Secret, &["type", "id", "target", "env", "required", "mode", "uid", "gid"]),
    (MountType::Ssh, &["type", "id", "target", "required", "mode", "uid", "gid"]),
];

/// Options of mounts that stand alone.
const SWITCHES: [&str; 3] = ["readonly", "rw", "required"];

/// Makes an editor ask at once for what follows.
const ASK_AGAIN: &str = "editor.action.triggerSuggest";

struct Completer<'d> {
    document: &'d Document,
    workspace: &'d dyn Workspace,
    typed: Typed,
    offset: usize,
    items: Vec<CompletionItem>,
}

/// What can stand at a position.
pub(crate) fn complete(
    document: &Document,
    position: Position,
    workspace: &dyn Workspace,
) -> Vec<CompletionItem> {
    let offset = document.offset(position);
    let instructions = document.parsed.dockerfile.instructions.iter();
    let mut heredocs = instructions.flat_map(|one| &one.heredocs);
    let is_body = heredocs.any(|one| one.body.start <= offset && offset < one.body.end);
    let Some(typed) = Typed::at(document, offset) else { return Vec::new() };
    let mut completer = Completer { document, workspace, typed, offset, items: Vec::new() };
    if !completer.variable() && !is_body {
        completer.word();
    }
    completer.items
}

impl Completer<'_> {
    fn add(
        &mut self,
        span: Span,
        text: &str,
        kind: CompletionItemKind,
    ) -> Option<&mut CompletionItem> {
        let edit = TextEdit { range: self.document.range(span), new_text: text.to_owned() };
        self.items.push(CompletionItem {
            label: text.to_owned(),
            kind: Some(kind),
            text_edit: Some(CompletionTextEdit::Edit(edit)),
            ..CompletionItem::default()
        });
        self.items.last_mut()
    }

    fn add_all<'t>(
        &mut self,
        span: Span,
        texts: impl IntoIterator<Item = &'t str>,
        kind: CompletionItemKind,
    ) {
        for text in texts {
            self.add(span, text, kind);
        }
    }

    fn names(&self) -> Names {
        Names::of(&self.document.text, &self.document.parsed.dockerfile)
    }

    /// The stage that the offset is in, by its index; nothing in front of the first.
    fn stage(&self) -> Option<usize> {
        let stages = self.document.parsed.dockerfile.stages();
        let before = stages.iter().filter(|stage| stage.instruction.span.start < self.offset);
        before.count().checked_sub(1)
    }

    /// Completes the name behind `$` or `${`, if that is where the word ends.
    fn variable(&mut self) -> bool {
        let Some(at) = self.typed.word.rfind('$') else { return false };
        let rest = self.typed.word.get(at + 1..).unwrap_or_default();
        let name = rest.strip_prefix('{').unwrap_or(rest);
        if !name.chars().all(variable::is_part) {
            return false;
        }
        let is_from = self.typed.instruction().is_some_and(|(one, _)| one == Keyword::From);
        let stage = self.stage().filter(|_| !is_from);
        let mut found = self.visible(stage);
        if stage.is_none() {
            found.extend(PLATFORM_ARGUMENTS.map(str::to_owned));
        }
        found.sort();
        found.dedup();
        let is_closed =
            self.document.text.get(self.offset..).is_some_and(|rest| rest.starts_with('}'));
        let end = if rest.starts_with('{') && !is_closed { "}" } else { "" };
        let span = self.typed.tail(name.len());
        for name in found {
            if let Some(item) =
                self.add(span, &format!("{name}{end}"), CompletionItemKind::VARIABLE)
            {
                item.label = name;
            }
        }
        true
    }

    /// The variables that hold here: of the stage and those below it, or of FROM.
    fn visible(&self, stage: Option<usize>) -> Vec<String> {
        let names = self.names();
        let mut stages = vec![stage];
        let mut next = stage;
        while let Some(base) = next.and_then(|index| names.bases.get(index).copied().flatten()) {
            stages.push(Some(base));
            next = Some(base);
        }
        let given = names.all.iter().filter(|one| {
            let is_before = one.stage != stage || one.span.end < self.offset;
            one.is_definition && is_before && stages.contains(&one.stage)
        });
        let given = given.filter_map(|one| match &one.subject {
            Subject::Variable(name) => Some(name.clone()),
            Subject::Stage(_) => None,
        });
        given.collect()
    }

    fn word(&mut self) {
        if self.typed.is_name() {
            return self.instruction_names();
        }
        let Some((keyword, before)) = self.typed.instruction() else { return };
        let may_be_flag = before.iter().all(|word| word.starts_with("--"));
        let arguments = before.iter().filter(|word| !word.starts_with("--")).count();
        let has_from = before.iter().any(|word| word.starts_with("--from="));
        if may_be_flag && self.typed.word.starts_with('-') {
            return self.flag(keyword);
        }
        let span = self.typed.span;
        match (keyword, arguments) {
            (Keyword::From, 0) => {
                self.stages(span);
                self.add(span, "scratch", CompletionItemKind::MODULE);
            }
            (Keyword::From, 1) => drop(self.add(span, "AS", CompletionItemKind::KEYWORD)),
            (Keyword::Healthcheck, 0) => {
                self.add_all(span, ["CMD", "NONE"], CompletionItemKind::KEYWORD);
            }
            (Keyword::Arg, _) => {
                let mut names = self.visible(None);
                names.extend(PLATFORM_ARGUMENTS.map(str::to_owned));
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                self.add_all(span, names, CompletionItemKind::VARIABLE);
            }
            (Keyword::Copy | Keyword::Add, _) if !has_from => {
                let quoted = self.typed.word.trim_start_matches(['[', '"']).len();
                self.paths(self.typed.tail(quoted));
            }
            _ => {}
        }
    }

    fn instruction_names(&mut self) {
        // Whoever writes them in lower case goes on like that.
        let word = &self.typed.word;
        let is_lower = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
        let is_trigger = !self.typed.words.is_empty();
        let span = self.typed.span;
        for keyword in Keyword::ALL {
            let cannot = [Keyword::Onbuild, Keyword::From, Keyword::Maintainer];
            if is_trigger && cannot.contains(&keyword) || keyword == Keyword::Maintainer {
                continue;
            }
            let name = keyword.name();
            let name = if is_lower { name.to_ascii_lowercase() } else { name.to_owned() };
            if let Some(item) = self.add(span, &name, CompletionItemKind::KEYWORD) {
                item.detail = Some(instruction::form(keyword).to_owned());
                let value = instruction::purpose(keyword).to_owned();
                let markup = MarkupContent { kind: MarkupKind::Markdown, value };
                item.documentation = Some(Documentation::MarkupContent(markup));
            }
        }
    }

    fn flag(&mut self, keyword: Keyword) {
        let Some((name, value)) = self.typed.word.split_once('=') else {
            let span = self.typed.span;
            for rule in known_flags(keyword) {
                let is_switch = rule.kind == FlagKind::Boolean;
                let text = format!("--{}{}", rule.name, if is_switch { "" } else { "=" });
                if let Some(item) = self.add(span, &text, CompletionItemKind::PROPERTY)
                    && !is_switch
                {
                    item.command =
                        Some(Command::new("values".to_owned(), ASK_AGAIN.to_owned(), None));
                }
            }
            return;
        };
        let span = self.typed.tail(value.len());
        let fixed: &[&str] = match (keyword, name) {
            (Keyword::Copy, "--from") => return self.stages(span),
            (Keyword::Run, "--mount") => {
                let value = value.to_owned();
                return self.mount(&value);
            }
            (Keyword::Run, "--network") => &["default", "none", "host"],
            (Keyword::Run, "--security") => &["sandbox", "insecure"],
            (Keyword::From, "--platform") => &PLATFORMS,
            _ => &[],
        };
        self.add_all(span, fixed.iter().copied(), CompletionItemKind::VALUE);
    }

    fn mount(&mut self, value: &str) {
        let mut options: Vec<&str> = value.split(',').collect();
        let last = options.pop().unwrap_or_default();
        let option = |name: &str| {
            let all = options.iter().filter_map(|option| option.split_once('='));
            all.filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
                .next_back()
        };
        let named = option("type").unwrap_or(MountType::Bind.name());
        let kind = MountType::ALL.into_iter().find(|kind| kind.name() == named);
        let Some((key, value)) = last.split_once('=') else {
            let span = self.typed.tail(last.len());
            let known = MOUNT_OPTIONS.iter().find(|(one, _)| Some(*one) == kind);
            for name in known.map_or(&[][..], |(_, names)| names) {
                if options.iter().any(|option| option.split('=').next() == Some(name)) {
                    continue;
                }
                let end = if SWITCHES.contains(name) { "" } else { "=" };
                self.add(span, &format!("{name}{end}"), CompletionItemKind::PROPERTY);
            }
            return;
        };
        let span = self.typed.tail(value.len());
        match key {
            "type" => {
                self.add_all(span, MountType::ALL.map(MountType::name), CompletionItemKind::VALUE);
            }
            "sharing" => {
                self.add_all(span, Sharing::ALL.map(Sharing::name), CompletionItemKind::VALUE);
            }
            "from" => self.stages(span),
            "source" | "src" if kind == Some(MountType::Bind) && option("from").is_none() => {
                self.paths(span);
            }
            _ => {}
        }
    }

    /// The names of the stages above.
    fn stages(&mut self, span: Span) {
        let stages = self.document.parsed.dockerfile.stages();
        let own = stages.iter().rev().find(|stage| stage.instruction.span.start < self.offset);
        let is_from = self.typed.instruction().is_some_and(|(one, _)| one == Keyword::From);
        // A FROM that is being typed may be a stage already; one that is not ends before it.
        let own = own.filter(|stage| !is_from || self.offset <= stage.instruction.span.end);
        let end = own.map_or(self.offset, |stage| stage.instruction.span.start);
        let above = stages.iter().filter(|stage| stage.instruction.span.end < end.max(1));
        let named = above.filter_map(|stage| {
            let name = stage.from.name.as_ref()?.value.to_string();
            Some((name, stage.from.image.text.to_string()))
        });
        for (name, image) in named.collect::<Vec<_>>() {
            if let Some(item) = self.add(span, &name, CompletionItemKind::MODULE) {
                item.detail = Some(format!("FROM {image}"));
            }
        }
    }

    /// The files of the context in the folder that is typed so far.
    fn paths(&mut self, span: Span) {
        let Some(path) = self.document.path() else { return };
        let typed = self.document.text.get(span.range()).unwrap_or_default();
        let (folder, name) =
            typed.rsplit_once('/').map_or(("", typed), |(folder, name)| (folder, name));
        let span = Span::new(span.end - name.len(), span.end);
        for entry in self.workspace.context(&path, folder) {
            let text = if entry.is_folder { format!("{}/", entry.name) } else { entry.name };
            let kind = match entry.is_folder {
                true => CompletionItemKind::FOLDER,
                false => CompletionItemKind::FILE,
            };
            self.add(span, &text, kind);
        }
    }
}
