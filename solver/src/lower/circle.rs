//! What is refused in stages that are not built too: sources that no stage can be, and stages that
//! need each other in a circle.

use lapstrake_parser::{Diagnostic, Instruction, InstructionKind, Span};

use super::header::Header;
use super::origin::{self, Origin};
use super::reach::{self, Reach};
use super::scope::Scope;
use super::{flag, mount};

/// Sources of a COPY that are wrong wherever they stand.
const COPY: [&str; 3] = ["copy-from-variable", "unknown-stage", "image-reference"];
/// The same of a mount, which BuildKit looks at less closely.
const MOUNT: [&str; 1] = ["image-reference"];

/// A stage that a COPY takes files from, earlier or not, and where it says so.
type Edge = (usize, Span);

/// The faults of the stages that `reach` leaves out; those of the others show when they are lowered.
pub(super) fn faults(headers: &[Header<'_>], reach: &Reach, scope: &Scope<'_>) -> Vec<Diagnostic> {
    let edges = headers.iter().map(|header| {
        let instructions = header.instructions.iter();
        instructions.filter_map(|one| edge(headers, one)).collect()
    });
    let edges: Vec<Vec<Edge>> = edges.collect();
    let is_stuck = stuck(headers, &edges);
    let mut faults = Vec::new();
    for (number, (header, edges)) in headers.iter().zip(&edges).enumerate() {
        if reach.stages.get(number).is_some_and(|is_needed| *is_needed) {
            continue;
        }
        let instructions = header.instructions.iter();
        faults.extend(instructions.flat_map(|one| wrong(headers, number, one, scope)));
        let circular = edges.iter().filter(|(source, _)| {
            *source >= number && is_stuck.get(*source).is_some_and(|is_stuck| *is_stuck)
        });
        faults.extend(circular.map(|(source, span)| {
            let name = headers.get(*source).and_then(|header| header.name.clone());
            let name = name.unwrap_or_else(|| source.to_string());
            origin::not_earlier(headers, *source, number, &name, *span)
        }));
    }
    faults
}

/// What is wrong with the sources of `instruction` even though it is not carried out.
fn wrong(
    headers: &[Header<'_>],
    number: usize,
    instruction: &Instruction,
    scope: &Scope<'_>,
) -> Vec<Diagnostic> {
    let (mut faults, codes) = match &instruction.kind {
        InstructionKind::Run(_) => (mount::faults(headers, number, instruction, scope), &MOUNT[..]),
        _ => {
            let origin = reach::origin(headers, number, instruction, scope);
            (origin.err().into_iter().collect(), &COPY[..])
        }
    };
    faults.retain(|fault| codes.contains(&fault.code));
    faults
}

/// The stage that a COPY names as its source, wherever it stands; BuildKit does not count mounts.
fn edge(headers: &[Header<'_>], instruction: &Instruction) -> Option<Edge> {
    let InstructionKind::Copy(_) = &instruction.kind else { return None };
    let from = flag::value(instruction, "from")?;
    Some((origin::stage(headers, from.as_str())?, from.span()))
}

/// For each stage whether it is in a circle or needs one that is: what is left when stages whose
/// needs are met are taken away one after the other.
fn stuck(headers: &[Header<'_>], edges: &[Vec<Edge>]) -> Vec<bool> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); headers.len()];
    let mut open = vec![0_usize; headers.len()];
    for (number, (header, edges)) in headers.iter().zip(edges).enumerate() {
        let base = match header.base {
            Origin::Stage(stage) => Some(stage),
            _ => None,
        };
        for source in base.into_iter().chain(edges.iter().map(|(source, _)| *source)) {
            if let (Some(users), Some(open)) = (users.get_mut(source), open.get_mut(number)) {
                users.push(number);
                *open += 1;
            }
        }
    }
    let mut ready: Vec<usize> =
        (0..headers.len()).filter(|stage| open.get(*stage) == Some(&0)).collect();
    while let Some(stage) = ready.pop() {
        for user in users.get(stage).into_iter().flatten() {
            if let Some(open) = open.get_mut(*user) {
                *open -= 1;
                if *open == 0 {
                    ready.push(*user);
                }
            }
        }
    }
    open.into_iter().map(|open| open > 0).collect()
}
