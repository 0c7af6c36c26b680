//! The shell texts of a file as ShellCheck reads them, and the way back from its places to ours.

use lapstrake_parser::{
    CommandForm, Dockerfile, Heredoc, Instruction, InstructionKind, Position, Span, Word,
};

use crate::dialect::{Context, Dialect, contexts};
use crate::known::Known;
use crate::policy::Policy;
use crate::subject::Subject;

/// A shell text of a RUN.
#[derive(Clone, Debug)]
pub struct ShellScript {
    /// What ShellCheck is given: the text, and in front of it a line that names the shell and one for
    /// each variable in it that ARG, ENV or the builder sets. It takes them for variables without blanks.
    pub input: String,
    /// Where the instruction stands.
    pub owner: Span,
    /// Where the text begins in the input.
    start: usize,
    origin: Origin,
}

/// Where a text comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// The RUN, its continued lines joined.
    Run(Word),
    /// A heredoc that begins there.
    Heredoc(usize),
}

/// The shell texts of all RUNs in shell form, in file order. Texts for other programs than the shells that
/// ShellCheck knows are left out, PowerShell's among them.
pub fn shell_scripts(source: &str, dockerfile: &Dockerfile) -> Vec<ShellScript> {
    let (known, policy) = (Known::nothing(), Policy::default());
    let subject = Subject::new(source, dockerfile, &known, &policy);
    contexts(&subject).iter().flat_map(|context| of_run(context, &subject)).collect()
}

fn of_run(context: &Context<'_>, subject: &Subject<'_>) -> Vec<ShellScript> {
    let Some((run, text)) = shell_form(context.owner) else { return Vec::new() };
    let Some(script) = subject.script(context.owner) else {
        // What cannot be read here may still have something in it for ShellCheck. A heredoc that is no script is what
        // a command is given.
        let heredoc = run.heredocs.first().filter(|heredoc| crate::shell::is_script(text, heredoc));
        let is_foreign = heredoc.is_some_and(|heredoc| heredoc.content.starts_with("#!"));
        let shell = context.shell.filter(|_| !is_foreign);
        return shell.map(|shell| script_of(context, shell, text, heredoc)).into_iter().collect();
    };
    let scripts = script.parts.iter().filter_map(|part| {
        let shell = match &part.interpreter {
            Some(program) => Dialect::of(program),
            None => context.shell,
        };
        Some(script_of(
            context,
            shell?,
            text,
            part.heredoc.and_then(|number| run.heredocs.get(number)),
        ))
    });
    scripts.collect()
}

/// A RUN in shell form, without its ONBUILD.
fn shell_form(instruction: &Instruction) -> Option<(&Instruction, &Word)> {
    match &instruction.kind {
        InstructionKind::Run(CommandForm::Shell(text)) => Some((instruction, text)),
        InstructionKind::Onbuild(onbuild) => shell_form(onbuild.instruction.as_deref()?),
        _ => None,
    }
}

fn script_of(
    context: &Context<'_>,
    shell: Dialect,
    text: &Word,
    heredoc: Option<&Heredoc>,
) -> ShellScript {
    let content = heredoc.map_or(text.as_str(), |heredoc| &heredoc.content);
    let mut input = format!("#!/bin/{}\n", shell.name());
    for name in context.variables_in(content) {
        input += &format!("export {name}=1\n");
    }
    let start = input.len();
    let origin = match heredoc {
        Some(heredoc) => Origin::Heredoc(heredoc.body.start),
        None => Origin::Run(text.clone()),
    };
    input += content;
    ShellScript { input, owner: context.owner.span, start, origin }
}

impl ShellScript {
    /// The place in the file of what stands from one position of the input to another; nothing if that is
    /// in front of the text.
    pub fn span(&self, start: Position, end: Position) -> Option<Span> {
        let start = self.offset(start)?.checked_sub(self.start)?;
        let end = self.offset(end)?.saturating_sub(self.start).max(start);
        Some(match &self.origin {
            Origin::Run(text) => text.span_of(start..end),
            Origin::Heredoc(body) => Span::new(body + start, body + end),
        })
    }

    /// Where a position is in the input; one behind the end of a line counts as that end.
    fn offset(&self, position: Position) -> Option<usize> {
        let before = usize::try_from(position.line.checked_sub(1)?).ok()?;
        let mut lines = self.input.split_inclusive('\n');
        let start: usize = lines.by_ref().take(before).map(str::len).sum();
        let line = lines.next().unwrap_or_default().trim_end_matches('\n');
        let column = usize::try_from(position.column.checked_sub(1)?).ok()?;
        Some(start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at))
    }
}
