//! What an image starts, and which file of the context that is.

use lapstrake_parser::{CommandForm, Instruction, InstructionKind, Keyword, Span, Stage, Word};
use lapstrake_rootfs::{Entry, TreePath, View};

use crate::copied::{ContextCopy, Taken, absolute};
use crate::subject::Subject;

/// The first word of what an image starts.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// As it is written, without quotes.
    pub(crate) text: String,
    pub(crate) span: Span,
    /// A shell starts it.
    pub(crate) is_shell_form: bool,
}

/// A file of the context that is put somewhere.
pub(crate) struct Brought<'a> {
    pub(crate) copy: &'a ContextCopy,
    pub(crate) taken: &'a Taken,
    pub(crate) entry: Entry,
}

/// What a stage starts: its ENTRYPOINT, else its CMD, its own or those of the stages that it goes back to. A word with
/// a variable is none.
pub(crate) fn program(subject: &Subject<'_>, stage: &Stage<'_>) -> Option<Program> {
    let chain = chain(subject, stage);
    let last = |keyword| chain.iter().rev().find(move |one| one.kind.keyword() == keyword);
    let instruction = last(Keyword::Entrypoint).or_else(|| last(Keyword::Cmd))?;
    let (InstructionKind::Entrypoint(form) | InstructionKind::Cmd(form)) = &instruction.kind else {
        return None;
    };
    let program = match form {
        CommandForm::Exec(words) => {
            let word = words.first()?;
            Program { text: word.as_str().to_owned(), span: word.span(), is_shell_form: false }
        }
        CommandForm::Shell(text) => first_word(text)?,
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/+@".contains(c);
    (!program.text.is_empty() && program.text.chars().all(is_plain)).then_some(program)
}

/// The program of a text for a shell, without `exec` in front.
fn first_word(text: &Word) -> Option<Program> {
    let mut at = 0;
    for part in text.as_str().split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        if !word.is_empty() && word != "exec" {
            let span = text.span_of(at..at + word.len());
            return Some(Program { text: word.to_owned(), span, is_shell_form: true });
        }
        at += part.len();
    }
    None
}

/// The instructions of a stage and of those that it goes back to, in file order.
pub(crate) fn chain<'a>(subject: &Subject<'a>, stage: &Stage<'a>) -> Vec<&'a Instruction> {
    let mut stages = subject.lineage(stage);
    stages.reverse();
    let stages = stages.into_iter().map(|stage| stage.instructions).chain([stage.instructions]);
    stages.flatten().collect()
}

/// True if an instruction is one of these, which are in file order.
pub(crate) fn is_among(instruction: &Instruction, chain: &[&Instruction]) -> bool {
    chain.binary_search_by_key(&instruction.span.start, |one| one.span.start).is_ok()
}

impl Program {
    /// Where it may lie, as paths from the root: for a name without a slash, in each folder of `search`.
    pub(crate) fn places(&self, directory: Option<&str>, search: &str) -> Vec<TreePath> {
        let text = self.text.as_str();
        let clean = |path: String| TreePath::clean(path.as_bytes());
        if text.contains('/') {
            return absolute(directory, text).into_iter().map(clean).collect();
        }
        search.split(':').map(|folder| clean(format!("{folder}/{text}"))).collect()
    }
}

/// The file of the context that is at one of these places in the end, among `copies` in file order; the last that is
/// put there counts.
pub(crate) fn brought<'a>(
    copies: &[&'a ContextCopy],
    view: &View,
    places: &[TreePath],
) -> Option<Brought<'a>> {
    copies.iter().rev().find_map(|copy| {
        let target = copy.target()?;
        copy.sources.iter().rev().find_map(|taken| {
            let at = |place: &TreePath| taken.at(view, &place.below(&target)?);
            let entry = places.iter().find_map(at)?.clone();
            Some(Brought { copy, taken, entry })
        })
    })
}
