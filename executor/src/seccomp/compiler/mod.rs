//! Compiles Docker's default profile into a filter, for the build script.
//!
//! Reading order: `profile` (the facts), `numbers` (the table), `bpf` (the compiler).

mod bpf;
mod numbers;
mod profile;

use std::collections::BTreeMap;
use std::ops::Range;

pub(crate) use bpf::Instruction;
use bpf::{Architecture, Run};
use numbers::{NUMBERS, Row};
pub(crate) use profile::Verdict;
use profile::{REFUSED, UNKNOWN};

/// The bit that marks system calls of the x32 ABI; they report the architecture x86_64.
const X32: u32 = 0x4000_0000;

/// The numbers that x32 has for itself (`arch/x86/entry/syscalls/syscall_64.tbl`): above those that the
/// profile knows, but no newer.
const X32_OWN: Range<u32> = 512..548;

/// The program for machines of this `target_arch`, if their system calls are known.
pub(crate) fn program(machine: &str) -> Option<Vec<Instruction>> {
    Some(bpf::compile(&architectures(machine)?))
}

/// With their numbers in `linux/audit.h`.
fn architectures(machine: &str) -> Option<Vec<Architecture>> {
    match machine {
        "x86_64" => {
            let mut native = runs(|(_, [native, _, _, _, _])| *native, 0);
            native.extend(runs(|(_, [_, _, x32, _, _])| *x32, X32));
            let compatible = runs(|(_, [_, i386, _, _, _])| *i386, 0);
            Some(vec![
                Architecture { audit: 0xc000_003e, runs: native },
                Architecture { audit: 0x4000_0003, runs: compatible },
            ])
        }
        "aarch64" => {
            let native = runs(|(_, [_, _, _, aarch64, _])| *aarch64, 0);
            let compatible = runs(|(_, [_, _, _, _, arm])| *arm, 0);
            Some(vec![
                Architecture { audit: 0xc000_00b7, runs: native },
                Architecture { audit: 0x4000_0028, runs: compatible },
            ])
        }
        _ => None,
    }
}

/// The runs of equal verdicts of one ABI, whose numbers begin at `base`.
fn runs(number: impl Fn(&Row) -> i32, base: u32) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut push = |number: u32, verdict: Verdict| {
        if runs.last().is_none_or(|last| last.verdict != verdict) {
            runs.push(Run { first: base | number, verdict });
        }
    };
    let mut next = 0;
    for (number, verdict) in verdicts(number) {
        for first in unlisted_runs(next, number) {
            push(first, unlisted(first, base));
        }
        push(number, verdict);
        next = number + 1;
    }
    for first in unlisted_runs(next, u32::MAX) {
        push(first, unlisted(first, base));
    }
    runs
}

/// Where the verdict of numbers between these two that are not listed may change.
fn unlisted_runs(first: u32, end: u32) -> impl Iterator<Item = u32> {
    let changes = [profile::NEWEST + 1, X32_OWN.start, X32_OWN.end];
    let later = changes.into_iter().filter(move |change| (first..end).contains(change));
    (first < end).then_some(first).into_iter().chain(later)
}

fn unlisted(number: u32, base: u32) -> Verdict {
    let is_old = number <= profile::NEWEST || (base == X32 && X32_OWN.contains(&number));
    if is_old { REFUSED } else { UNKNOWN }
}

/// The verdict for each listed number of one ABI.
pub(crate) fn verdicts(number: impl Fn(&Row) -> i32) -> BTreeMap<u32, Verdict> {
    let by_name: BTreeMap<&str, u32> =
        NUMBERS.iter().filter_map(|row| Some((row.0, u32::try_from(number(row)).ok()?))).collect();
    let lists = [profile::ALLOWED, profile::TRACING, profile::BY_CAPABILITY, profile::ARCHITECTURE];
    let allowed = lists.into_iter().flatten().map(|&name| (name, Verdict::Allow));
    allowed
        .chain(profile::CONDITIONAL.iter().copied())
        .filter_map(|(name, verdict)| Some((*by_name.get(name)?, verdict)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_profile_has_a_number() {
        let lists =
            [profile::ALLOWED, profile::TRACING, profile::BY_CAPABILITY, profile::ARCHITECTURE];
        for name in lists.into_iter().flatten() {
            assert!(NUMBERS.iter().any(|row| row.0 == *name), "{name}");
        }
    }

    #[test]
    fn machines_have_programs_or_are_unknown() {
        assert!(program("aarch64").is_some_and(|program| program.len() < 400));
        assert!(program("s390x").is_none());
    }
}
