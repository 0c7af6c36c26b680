//! Compiles verdicts for system call numbers into a classic BPF program.
//!
//! The numbers are searched by halves, so a call costs about seven comparisons instead of the
//! hundreds of a linear list. That also matters at start: the kernel runs a new filter once for
//! every number (`seccomp_cache_prepare`).

use super::profile::{Check, REFUSED, Verdict};

const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
const OFFSET_FIRST_ARGUMENT: u32 = 16;

const RETURN_ALLOW: u32 = 0x7fff_0000;
const RETURN_ERRNO: u32 = 0x0005_0000;
const RETURN_KILL_PROCESS: u32 = 0x8000_0000;

/// One instruction of classic BPF, `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) jump_true: u8,
    pub(crate) jump_false: u8,
    pub(crate) value: u32,
}

/// From this number on, up to the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) verdict: Verdict,
}

/// The system calls of one architecture as the kernel reports it (`AUDIT_ARCH_*`).
pub(super) struct Architecture {
    pub(super) audit: u32,
    /// Sorted; the first one begins at 0.
    pub(super) runs: Vec<Run>,
}

/// The program for these architectures; on any other the process is killed.
pub(super) fn compile(architectures: &[Architecture]) -> Vec<Instruction> {
    let mut program = vec![load(OFFSET_ARCHITECTURE)];
    for architecture in architectures {
        let mut section = vec![load(OFFSET_NUMBER)];
        section.extend(search(&architecture.runs));
        // Not this architecture: jump over its section. Conditional jumps reach only 255.
        program.push(branch(JUMP_EQUAL, architecture.audit, 1, 0));
        program.push(jump(section.len()));
        program.extend(section);
    }
    program.push(give(RETURN_KILL_PROCESS));
    program
}

/// The program for these runs, split where it is too long for conditional jumps.
fn search(runs: &[Run]) -> Vec<Instruction> {
    let code = match tree(runs) {
        Tree::Constant(value) => return vec![give(value)],
        Tree::Code(code) => code,
    };
    if let Some(program) = assemble(&code) {
        return program;
    }
    let (lower, upper) = runs.split_at(runs.len() / 2);
    let (below, above) = (search(lower), search(upper));
    let first = upper.first().map_or(u32::MAX, |run| run.first);
    // The jump is for numbers of the upper half, so it skips the lower one.
    let mut program = vec![branch(JUMP_AT_LEAST, first, 0, 1), jump(below.len())];
    program.extend(below);
    program.extend(above);
    program
}

/// A program for a range of numbers.
enum Tree {
    /// It always returns this.
    Constant(u32),
    Code(Vec<Pending>),
}

/// An instruction whose jumps are not resolved yet; all returns of a value are one.
struct Pending {
    code: u16,
    value: u32,
    when_true: To,
    when_false: To,
}

#[derive(Clone, Copy)]
enum To {
    /// Over this many instructions.
    Skip(usize),
    /// To where this value is returned.
    Return(u32),
}

fn tree(runs: &[Run]) -> Tree {
    let (lower, upper) = runs.split_at(runs.len() / 2);
    let middle = match (lower, upper) {
        (_, []) => return Tree::Constant(value_of(REFUSED)),
        ([], [run, ..]) => return leaf(run.verdict),
        (_, [middle, ..]) => middle.first,
    };
    let (when_false, mut below) = parts(tree(lower), 0);
    let (when_true, mut above) = parts(tree(upper), below.len());
    let mut code = vec![Pending { code: JUMP_AT_LEAST, value: middle, when_true, when_false }];
    code.append(&mut below);
    code.append(&mut above);
    Tree::Code(code)
}

/// How to get into a tree that is laid out after `before` instructions, and its code.
fn parts(tree: Tree, before: usize) -> (To, Vec<Pending>) {
    match tree {
        Tree::Constant(value) => (To::Return(value), Vec::new()),
        Tree::Code(code) => (To::Skip(before), code),
    }
}

fn leaf(verdict: Verdict) -> Tree {
    let Verdict::Check(check) = verdict else {
        return Tree::Constant(value_of(verdict));
    };
    let (allow, refuse) = (value_of(Verdict::Allow), value_of(REFUSED));
    let (code, mask, values, found, otherwise) = match check {
        Check::WithoutBits(mask) => (JUMP_ANY_BIT, Some(mask), &[][..], refuse, allow),
        Check::OneOf(values) => (JUMP_EQUAL, None, values, allow, refuse),
        Check::Except(values) => (JUMP_EQUAL, None, values, refuse, allow),
    };
    let to = To::Skip(0);
    let offset = OFFSET_FIRST_ARGUMENT;
    let mut tests = vec![Pending { code: LOAD, value: offset, when_true: to, when_false: to }];
    for value in mask.iter().chain(values).copied() {
        tests.push(Pending { code, value, when_true: To::Return(found), when_false: to });
    }
    if let Some(last) = tests.last_mut() {
        last.when_false = To::Return(otherwise);
    }
    Tree::Code(tests)
}

/// Resolves the jumps and appends the returns; `None` when one is too far.
fn assemble(code: &[Pending]) -> Option<Vec<Instruction>> {
    let mut returns: Vec<u32> = Vec::new();
    let mut program = Vec::with_capacity(code.len() + 4);
    for (at, pending) in code.iter().enumerate() {
        let mut distance = |to: To| match to {
            To::Skip(distance) => u8::try_from(distance).ok(),
            To::Return(value) => {
                let known = returns.iter().position(|known| *known == value);
                let index = known.unwrap_or_else(|| {
                    returns.push(value);
                    returns.len() - 1
                });
                u8::try_from(code.len() - at - 1 + index).ok()
            }
        };
        let (when_true, when_false) = (distance(pending.when_true)?, distance(pending.when_false)?);
        program.push(branch(pending.code, pending.value, when_true, when_false));
    }
    program.extend(returns.into_iter().map(give));
    Some(program)
}

fn value_of(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow => RETURN_ALLOW,
        Verdict::Fail(errno) => RETURN_ERRNO | (errno.unsigned_abs() & 0xffff),
        Verdict::Check(_) => value_of(REFUSED),
    }
}

fn load(offset: u32) -> Instruction {
    Instruction { code: LOAD, jump_true: 0, jump_false: 0, value: offset }
}

fn branch(code: u16, value: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction { code, jump_true, jump_false, value }
}

fn jump(distance: usize) -> Instruction {
    // A program has at most 4096 instructions, so the distance fits.
    branch(JUMP, u32::try_from(distance).unwrap_or(u32::MAX), 0, 0)
}

fn give(value: u32) -> Instruction {
    Instruction { code: RETURN, jump_true: 0, jump_false: 0, value }
}
