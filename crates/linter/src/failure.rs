//! Commands whose failure nobody sees: a shell without `errexit` gives the status of its last command alone.

use lapstrake_parser::{Instruction, InstructionKind, Span, Stage, Word};

use crate::shell::tree::{Chain, Pipeline};
use crate::shell::{Command, List, Node, NodeKind, Script};
use crate::subject::Subject;

/// A command that may fail and is not the last.
pub(crate) struct Unseen<'s> {
    /// What fails.
    pub(crate) command: &'s Command,
    /// Where the chain is that it fails.
    pub(crate) span: Span,
    /// What runs all the same.
    pub(crate) next: &'s Chain,
}

/// Commands that fail for no reason that matters to a build.
const HARMLESS: [&str; 27] = [
    ":", "[", "alias", "cat", "date", "declare", "echo", "env", "exit", "export", "hash", "id",
    "local", "ls", "printf", "pwd", "return", "set", "shopt", "sleep", "test", "trap", "true",
    "ulimit", "umask", "unset", "whoami",
];

/// The first command of a text whose failure nobody sees. Nothing while `set -e` holds, or if the text ends with
/// `true` or `exit 0`, which says that failures are meant to pass. A command counts as seen if the next
/// one asks for `$?`. Commands of these programs do not count where they stand by themselves.
pub(crate) fn first_unseen<'s>(
    subject: &Subject<'_>,
    script: &'s Script,
    list: &'s List,
    not_alone: &[&str],
) -> Option<Unseen<'s>> {
    if list.chains.last().is_some_and(|last| ends_well(script, last)) {
        return None;
    }
    let mut stops = false;
    for pair in list.chains.windows(2) {
        let [chain, next] = pair else { continue };
        let was_safe = stops;
        stops = errexit_after(script, chain, stops);
        if was_safe || stops {
            continue;
        }
        let is_alone = chain.joints.is_empty();
        let counts = |command: &&Command| !is_alone || !not_alone.contains(&command.name());
        let Some(command) = of_chain(script, chain).filter(counts) else { continue };
        if !asks_for_status(subject.source, next) {
            return Some(Unseen { command, span: span(chain)?, next });
        }
    }
    None
}

/// From the first command of a chain to the last, redirections included.
pub(crate) fn span(chain: &Chain) -> Option<Span> {
    let first = chain.pipelines.first()?.nodes.first()?;
    let last = chain.pipelines.last()?.nodes.last()?;
    Some(first.span.cover(last.whole_span()))
}

/// True if arguments of a shell set `errexit`: `-e`, also among others, or `-o errexit`.
pub(crate) fn stops<'w>(arguments: impl IntoIterator<Item = &'w str>) -> bool {
    let is_short =
        |word: &str| word.starts_with('-') && !word.starts_with("--") && word.contains('e');
    arguments.into_iter().any(|word| word == "errexit" || is_short(word))
}

/// The instructions of a stage with whether the shell of that place stops at a failure, or is none for
/// which that can be said.
pub(crate) fn with_errexit<'a>(
    subject: &Subject<'a>,
    stage: &Stage<'a>,
) -> impl Iterator<Item = (&'a Instruction, bool)> {
    // A file whose escape is a backtick, and one on such a base, is for the shells of Windows.
    let ground = subject.ground(stage).0;
    let image = ground.from.image.as_str();
    let windows = ["windows", "nanoserver"];
    let is_windows =
        subject.dockerfile.escape == '`' || windows.iter().any(|name| image.contains(name));
    let lineage = subject.lineage(stage);
    let mut above = lineage.iter().flat_map(|stage| stage.instructions.iter().rev());
    let inherited = subject.ground(stage).1.base.map(|base| base.config.shell.as_slice());
    let mut is_safe = above.find_map(of_shell).unwrap_or_else(|| {
        let words = inherited.unwrap_or_default();
        is_windows || stops_or_is_foreign(words.iter().map(String::as_str))
    });
    stage.instructions.iter().map(move |one| {
        is_safe = of_shell(one).unwrap_or(is_safe);
        (one, is_safe)
    })
}

fn of_shell(instruction: &Instruction) -> Option<bool> {
    match &instruction.kind {
        InstructionKind::Shell(words) => Some(stops_or_is_foreign(words.iter().map(Word::as_str))),
        _ => None,
    }
}

fn stops_or_is_foreign<'w>(mut shell: impl Iterator<Item = &'w str>) -> bool {
    let Some(program) = shell.next() else { return false };
    crate::dialect::Dialect::of(program).is_none() || stops(shell)
}

/// Whether the shell stops at failures behind a chain. What stands behind `||` only runs if something
/// has failed: it cannot be counted on.
fn errexit_after(script: &Script, chain: &Chain, before: bool) -> bool {
    let sure = chain.joints.iter().take_while(|joint| joint.is_and).count() + 1;
    let nodes = chain.pipelines.iter().take(sure).flat_map(|pipeline| match &*pipeline.nodes {
        // The members of a pipe have shells of their own.
        [node] if !chain.is_background => Some(node),
        _ => None,
    });
    nodes.filter_map(|node| simple(script, node)).fold(before, |stops_so_far, command| {
        let arguments = command.arguments().iter().map(|word| word.text.as_str());
        match command.name() {
            "set" => set_errexit(arguments).unwrap_or(stops_so_far),
            _ => stops_so_far,
        }
    })
}

/// What `set` with these arguments makes of `errexit`, if anything.
fn set_errexit<'w>(arguments: impl Iterator<Item = &'w str>) -> Option<bool> {
    let mut set = None;
    let mut sign = None;
    for word in arguments.take_while(|word| *word != "--") {
        match (sign.take(), word) {
            (Some(sign), "errexit") => set = Some(sign),
            (Some(_), _) => {}
            (None, word) => {
                let is_minus = word.starts_with('-');
                let letters = word.strip_prefix(['-', '+']).unwrap_or_default();
                set = if letters.contains('e') { Some(is_minus) } else { set };
                sign = letters.ends_with('o').then_some(is_minus);
            }
        }
    }
    set
}

/// True if a chain begins with a look at the status of what ran in front of it.
fn asks_for_status(source: &str, chain: &Chain) -> bool {
    let first = chain.pipelines.first().and_then(|pipeline| pipeline.nodes.first());
    let head = first.map(|node| match &node.kind {
        NodeKind::If { branches, .. } => {
            let condition = branches.first().and_then(|(condition, _)| condition.chains.first());
            condition.and_then(span).unwrap_or(node.span)
        }
        _ => node.span,
    });
    let text = head.and_then(|span| source.get(span.start..span.end));
    text.is_some_and(|text| text.contains("$?") || text.contains("${?}"))
}

fn ends_well(script: &Script, chain: &Chain) -> bool {
    let command = match chain.pipelines.as_slice() {
        [Pipeline { nodes, .. }] => nodes.first().and_then(|node| simple(script, node)),
        _ => None,
    };
    command.is_some_and(|command| match command.name() {
        "true" | ":" => true,
        "exit" => command.has_argument("0"),
        _ => false,
    })
}

fn simple<'s>(script: &'s Script, node: &Node) -> Option<&'s Command> {
    match node.kind {
        NodeKind::Simple(number) => script.commands.get(number),
        _ => None,
    }
}

/// What may fail a chain. One with `||` looks at failures itself, and so does one in the background.
fn of_chain<'s>(script: &'s Script, chain: &'s Chain) -> Option<&'s Command> {
    if chain.is_background || chain.joints.iter().any(|joint| !joint.is_and) {
        return None;
    }
    let pipelines = chain.pipelines.iter().filter(|pipeline| pipeline.bang.is_none());
    pipelines.filter_map(|pipeline| pipeline.nodes.last()).find_map(|node| of_node(script, node))
}

/// What may fail a command: for a compound one the last command of what it runs.
fn of_node<'s>(script: &'s Script, node: &'s Node) -> Option<&'s Command> {
    let of_list = |list: &'s List| of_chain(script, list.chains.last()?);
    match &node.kind {
        NodeKind::Simple(_) => simple(script, node).filter(|command| may_fail(command)),
        NodeKind::Subshell(list) | NodeKind::Group(list) => of_list(list),
        NodeKind::If { branches, otherwise } => {
            branches.iter().map(|(_, body)| body).chain(otherwise).find_map(of_list)
        }
        NodeKind::While { body, .. }
        | NodeKind::For { body, .. }
        | NodeKind::Count { body, .. } => of_list(body),
        NodeKind::Case { arms, .. } => arms.iter().map(|(_, body)| body).find_map(of_list),
        _ => None,
    }
}

fn may_fail(command: &Command) -> bool {
    match command.name() {
        "rm" => !command.has_any_flag(&["f", "force"]),
        "mkdir" => !command.has_any_flag(&["p", "parents"]),
        name => !HARMLESS.contains(&name),
    }
}
