//! Scripts of the context that are copied and then executed: by RUN, ENTRYPOINT or CMD, themselves or by a shell.

use std::sync::Arc;

use lapstrake_parser::{CommandForm, Instruction, InstructionKind, OtherFile, Stage};
use lapstrake_rootfs::{Kind, TreePath};

use crate::copied::{self, ContextCopy};
use crate::dialect::Dialect;
use crate::files::HEAD;
use crate::rule::Rule;
use crate::shell::{self, Command, Script};
use crate::start::{Program, brought};
use crate::subject::Subject;

/// The search path where none is known.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// So many scripts are read for a file.
const MOST: usize = 200;

/// A script.
pub(crate) struct Shared {
    pub(crate) file: Arc<OtherFile>,
    pub(crate) script: Script,
    /// The shell that reads it.
    pub(crate) dialect: Dialect,
    /// The number of the instruction that executes it, and of the stage of that.
    pub(crate) instruction: usize,
    pub(crate) stage: usize,
    /// What `# shellcheck disable=` in it names.
    silenced: Vec<String>,
}

/// What is executed, and the shell that it is given to.
type Started = (String, Option<Dialect>);

/// The scripts, each once.
pub(crate) fn scripts(subject: &Subject<'_>) -> Vec<Shared> {
    let mut found: Vec<Shared> = Vec::new();
    let Some((copies, ..)) = subject.copies() else { return found };
    for stage in &subject.stages {
        let mut own: Vec<&ContextCopy> = Vec::new();
        let mut is_read = false;
        for instruction in stage.instructions {
            for started in started(subject, instruction) {
                if found.len() >= MOST {
                    return found;
                }
                if !is_read {
                    let stages = subject.lineage(stage);
                    let is_own = |copy: &&ContextCopy| {
                        copy.stage == stage.index
                            || stages.iter().any(|one| one.index == copy.stage)
                    };
                    own = copies.iter().filter(is_own).collect();
                    is_read = true;
                }
                let script = read(subject, (stage, instruction), &own, started);
                if let Some(script) = script
                    && found.iter().all(|known| known.file.name != script.file.name)
                {
                    found.push(script);
                }
            }
        }
    }
    found
}

/// What an instruction executes that may be a script.
fn started(subject: &Subject<'_>, instruction: &Instruction) -> Vec<Started> {
    match &instruction.kind {
        InstructionKind::Run(_) => {
            let commands = subject.script(instruction).map(|script| script.commands.as_slice());
            commands.unwrap_or_default().iter().filter_map(of_command).collect()
        }
        InstructionKind::Entrypoint(CommandForm::Exec(words))
        | InstructionKind::Cmd(CommandForm::Exec(words)) => {
            let words: Vec<&str> = words.iter().map(lapstrake_parser::Word::as_str).collect();
            of_words(&words).into_iter().collect()
        }
        InstructionKind::Entrypoint(CommandForm::Shell(text))
        | InstructionKind::Cmd(CommandForm::Shell(text)) => {
            let script = shell::script_of_file(text.as_str());
            let commands = script.map(|script| script.commands).unwrap_or_default();
            commands.iter().filter_map(of_command).collect()
        }
        _ => Vec::new(),
    }
}

fn of_command(command: &Command) -> Option<Started> {
    let name = command.name();
    let arguments = command.arguments().iter().map(|word| word.text.as_str());
    of_words(&std::iter::once(name).chain(arguments).collect::<Vec<_>>())
}

fn of_words(words: &[&str]) -> Option<Started> {
    let (program, arguments) = words.split_first()?;
    let is_script = |text: &str| text.contains('/') || text.ends_with(".sh");
    let shell = Dialect::of(program).filter(|_| !program.ends_with(".sh"));
    let (path, shell) = match shell {
        Some(_) => (*arguments.iter().find(|word| !word.starts_with(['-', '+']))?, shell),
        None if matches!(*program, "." | "source") => (*arguments.first()?, Some(Dialect::Sh)),
        None => (*program, None),
    };
    (is_script(path) && !path.contains(['$', '*', '?'])).then(|| (path.to_owned(), shell))
}

fn read(
    subject: &Subject<'_>,
    (stage, instruction): (&Stage<'_>, &Instruction),
    copies: &[&ContextCopy],
    (path, shell): Started,
) -> Option<Shared> {
    let (_, view, context) = subject.copies()?;
    let start = instruction.span.start;
    let all = &subject.dockerfile.instructions;
    let is_before =
        |copy: &&&ContextCopy| all.get(copy.instruction).is_some_and(|one| one.span.start < start);
    let copies: Vec<&ContextCopy> = copies.iter().filter(is_before).copied().collect();
    let directory = match path.starts_with('/') {
        true => None,
        false => copied::directory_at(subject, stage, start),
    };
    let span = instruction.span;
    let program = Program { text: path, span, is_shell_form: shell.is_some() };
    let places: Vec<TreePath> = program.places(directory.as_deref(), PATH);
    let entry = brought(&copies, view, &places)?.entry;
    if !matches!(entry.kind, Kind::File { size, .. } if size <= HEAD as u64) {
        return None;
    }
    let text = String::from_utf8((context.files.head)(&entry.path)?).ok()?;
    let dialect = match text.strip_prefix("#!") {
        Some(rest) => Dialect::of(rest.lines().next()?)?,
        None => shell.unwrap_or(Dialect::Sh),
    };
    let script = shell::script_of_file(&text)?;
    let name = format!("{}{}", context.name, entry.path.to_string().trim_start_matches('/'));
    Some(Shared {
        silenced: silenced(&text),
        file: Arc::new(OtherFile { name, text }),
        script,
        dialect,
        instruction: all.partition_point(|one| one.span.start < start),
        stage: stage.index,
    })
}

/// The codes that `# shellcheck disable=CODE,…` names.
fn silenced(text: &str) -> Vec<String> {
    let comments = text.lines().filter_map(|line| {
        line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("shellcheck ")
    });
    let words = comments.flat_map(str::split_whitespace);
    let lists = words.filter_map(|word| word.strip_prefix("disable="));
    lists.flat_map(|list| list.split(',')).map(str::to_owned).collect()
}

impl Shared {
    /// True if a comment in it silences the rule: anywhere in it, for all of it.
    pub(crate) fn silences(&self, rule: &Rule) -> bool {
        self.silenced.iter().any(|code| code == "all" || rule.is_named(code))
    }
}
