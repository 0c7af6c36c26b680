//! What can be built from a file, and with what: the answers to `--call targets` and `outline`.

use lapstrake_parser::{Dockerfile, Instruction, InstructionKind, Keyword, Span, Stage, mount};

use crate::known::Known;
use crate::policy::Policy;
use crate::state::State;
use crate::subject::Subject;
use crate::value::value;

/// A stage that can be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name in small letters; empty if it has none.
    pub name: String,
    /// What the comment above says of it.
    pub description: String,
    /// It is built when none is named.
    pub is_default: bool,
    /// What it starts from, as written.
    pub base: String,
    /// Its platform as written; empty if it says none.
    pub platform: String,
    /// Its FROM.
    pub span: Span,
}

/// What a target takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Arguments that something looks at, in file order.
    pub arguments: Vec<Argument>,
    /// Secrets, in file order.
    pub secrets: Vec<Credential>,
    /// Agents of ssh, in file order.
    pub agents: Vec<Credential>,
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What the comment above says of it.
    pub description: String,
    /// The value it has; empty if it has none.
    pub value: String,
    /// Its name where it is declared.
    pub span: Span,
}

/// A secret or an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: String,
    /// A build without it fails.
    pub is_required: bool,
    /// The mount that wants it.
    pub span: Span,
}

/// The stages of a file, in its order.
pub fn targets(dockerfile: &Dockerfile) -> Vec<Target> {
    let stages = dockerfile.stages();
    let last = stages.len().saturating_sub(1);
    let target = |stage: &Stage<'_>| {
        let name = stage.name().unwrap_or_default();
        Target {
            description: stage.instruction.description(&name).unwrap_or_default().to_owned(),
            is_default: stage.index == last,
            base: stage.from.image.as_str().to_owned(),
            platform: stage.from.platform.as_ref().map_or("", |one| one.as_str()).to_owned(),
            span: stage.instruction.span,
            name,
        }
    };
    stages.iter().map(target).collect()
}

/// What the stages that are known to be needed take.
pub fn outline(source: &str, dockerfile: &Dockerfile, known: &Known<'_>) -> Outline {
    let policy = Policy::default();
    let subject = Subject::new(source, dockerfile, known, &policy);
    let mut outline = Outline::default();
    let mut used = Vec::new();
    let mut finished: Vec<State> = Vec::new();
    for stage in &subject.stages {
        let mut state = State::at_start(&subject, stage, &finished);
        if subject.known.stage(stage.index).needed {
            for word in [Some(&stage.from.image), stage.from.platform.as_ref()].iter().flatten() {
                let value = subject.global_value(word);
                used.extend(value.into_iter().flat_map(|value| value.used).map(|one| one.name));
            }
            for instruction in stage.instructions {
                outline.instruction(instruction, &state, &subject, &mut used);
                state.apply(instruction, &subject);
            }
        }
        finished.push(state);
    }
    outline.globals(&subject, used);
    outline.arguments.sort_by_key(|argument| argument.span);
    outline
}

impl Outline {
    fn instruction(
        &mut self,
        instruction: &Instruction,
        state: &State,
        subject: &Subject<'_>,
        used: &mut Vec<String>,
    ) {
        match &instruction.kind {
            InstructionKind::Arg(declarations) => {
                for declaration in declarations {
                    let name = declaration.name.as_str();
                    let given = subject.known.arguments.get(name);
                    match (given, &declaration.value) {
                        // It is the global one.
                        (None, None) if subject.globals.declared.iter().any(|one| one == name) => {
                            used.push(name.to_owned());
                        }
                        (None, None) if subject.globals.values.value(name).is_some() => {}
                        (given, default) => {
                            let escape = subject.dockerfile.escape;
                            let default = default.as_ref();
                            let default =
                                default.and_then(|word| value(word, &state.environment, escape));
                            let default = default.map(|value| value.text.into_owned());
                            let value = given.cloned().or(default).unwrap_or_default();
                            self.add(instruction, name, value, declaration.name.span());
                        }
                    }
                }
            }
            InstructionKind::Run(_) => self.mounts(instruction),
            _ => {}
        }
    }

    fn mounts(&mut self, instruction: &Instruction) {
        for word in instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref()) {
            let option = |names: &[&str]| mount::option(word.as_str(), names);
            let kind = option(&["type"]).map(|(kind, _)| kind.to_lowercase());
            let list = match kind.as_deref() {
                Some("secret") => &mut self.secrets,
                Some("ssh") => &mut self.agents,
                _ => continue,
            };
            let named = option(&["id"]).or_else(|| option(&["source", "src"]));
            let target = || option(&["target", "dst", "destination"]);
            let of_target = || Some(target()?.0.rsplit('/').next()?.to_owned());
            let id = named.map(|(id, _)| id).or_else(of_target).unwrap_or("default".to_owned());
            let has_word = word.as_str().split(',').any(|field| field == "required");
            let says_true = option(&["required"]).is_some_and(|(value, _)| {
                matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
            });
            if list.iter().all(|known| known.id != id) {
                let is_required = has_word || says_true;
                list.push(Credential { id, is_required, span: word.span() });
            }
        }
    }

    /// Adds the global arguments of these names, and those that their defaults name.
    fn globals(&mut self, subject: &Subject<'_>, mut used: Vec<String>) {
        let globals = subject.dockerfile.global_instructions().iter();
        let globals = globals.filter(|one| one.kind.keyword() == Keyword::Arg);
        for instruction in globals.rev() {
            let InstructionKind::Arg(declarations) = &instruction.kind else { continue };
            for declaration in declarations.iter().rev() {
                let name = declaration.name.as_str();
                if !used.iter().any(|one| one == name) {
                    continue;
                }
                let default = declaration.value.as_ref();
                let default = default.and_then(|word| subject.global_value(word));
                used.extend(default.into_iter().flat_map(|value| value.used).map(|one| one.name));
                let value = subject.globals.values.value(name).unwrap_or_default().to_owned();
                self.add(instruction, name, value, declaration.name.span());
            }
        }
    }

    fn add(&mut self, instruction: &Instruction, name: &str, value: String, span: Span) {
        if self.arguments.iter().any(|known| known.name == name) {
            return;
        }
        let description = instruction.description(name).unwrap_or_default().to_owned();
        self.arguments.push(Argument { name: name.to_owned(), description, value, span });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# VERSION is the version\nARG VERSION=3.20\nARG BASE=alpine:$VERSION UNUSED=1\n\
        # build makes it\nFROM $BASE AS build\nARG VERSION\nARG TARGETARCH\n# FLAGS are flags\n\
        ARG FLAGS=-O$VERSION\nRUN --mount=type=secret,id=key,required --mount=type=ssh true\n\
        RUN --mount=type=secret,target=/a/b --mount=type=secret,id=key true\n\
        FROM scratch\nARG OTHER\n";

    #[test]
    fn an_outline_has_what_is_looked_at() {
        let parsed = lapstrake_parser::parse(FILE);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        let outline = outline(FILE, &parsed.dockerfile, &Known::nothing());
        let arguments = outline.arguments.iter();
        let arguments: Vec<_> =
            arguments.map(|one| (&*one.name, &*one.value, &*one.description)).collect();
        let expected = [
            ("VERSION", "3.20", "is the version"),
            ("BASE", "alpine:3.20", ""),
            ("FLAGS", "-O3.20", "are flags"),
            ("OTHER", "", ""),
        ];
        assert_eq!(arguments, expected);
        let secrets: Vec<_> =
            outline.secrets.iter().map(|one| (&*one.id, one.is_required)).collect();
        assert_eq!(secrets, [("key", true), ("b", false)]);
        assert_eq!(outline.agents[0].id, "default");
    }

    #[test]
    fn targets_are_stages() {
        let targets = targets(&lapstrake_parser::parse(FILE).dockerfile);
        let targets: Vec<_> = targets
            .iter()
            .map(|one| (&*one.name, &*one.description, &*one.base, one.is_default))
            .collect();
        let expected = [("build", "makes it", "$BASE", false), ("", "", "scratch", true)];
        assert_eq!(targets, expected);
    }
}
