//! The system call filter: Docker's default profile, compiled once in a process.
//!
//! Not made with the seccompiler crate: it knows one architecture and one error number for each
//! filter (Docker allows 32-bit programs and answers `clone3` with ENOSYS), and its linear
//! programs cost the kernel far more to load.
//!
//! Reading order: `profile` (the facts), `numbers` (the table), `bpf` (the compiler).

mod bpf;
mod numbers;
mod profile;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

pub(crate) use bpf::Instruction;
use bpf::{Architecture, Run};
use numbers::{NUMBERS, Row};
use profile::{REFUSED, UNKNOWN, Verdict};

/// The bit that marks system calls of the x32 ABI; they report the architecture x86_64.
const X32: u32 = 0x4000_0000;

/// The numbers that x32 has for itself (`arch/x86/entry/syscalls/syscall_64.tbl`): above those that the
/// profile knows, but no newer.
const X32_OWN: Range<u32> = 512..548;

/// The program for the default profile on this machine.
pub(crate) fn default_filter() -> &'static [Instruction] {
    static FILTER: OnceLock<Vec<Instruction>> = OnceLock::new();
    FILTER.get_or_init(|| bpf::compile(&architectures()))
}

#[cfg(target_arch = "x86_64")]
fn architectures() -> Vec<Architecture> {
    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    let mut native = runs(|(_, [native, _, _, _, _])| *native, 0);
    native.extend(runs(|(_, [_, _, x32, _, _])| *x32, X32));
    let compatible = runs(|(_, [_, i386, _, _, _])| *i386, 0);
    vec![
        Architecture { audit: X86_64, runs: native },
        Architecture { audit: I386, runs: compatible },
    ]
}

#[cfg(target_arch = "aarch64")]
fn architectures() -> Vec<Architecture> {
    const AARCH64: u32 = 0xc000_00b7;
    const ARM: u32 = 0x4000_0028;
    let native = runs(|(_, [_, _, _, aarch64, _])| *aarch64, 0);
    let compatible = runs(|(_, [_, _, _, _, arm])| *arm, 0);
    vec![
        Architecture { audit: AARCH64, runs: native },
        Architecture { audit: ARM, runs: compatible },
    ]
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
fn verdicts(number: impl Fn(&Row) -> i32) -> BTreeMap<u32, Verdict> {
    let by_name: BTreeMap<&str, u32> =
        NUMBERS.iter().filter_map(|row| Some((row.0, u32::try_from(number(row)).ok()?))).collect();
    let lists = [profile::ALLOWED, profile::TRACING, profile::BY_CAPABILITY, profile::ARCHITECTURE];
    let allowed = lists.into_iter().flatten().map(|&name| (name, Verdict::Allow));
    allowed
        .chain(profile::CONDITIONAL.iter().copied())
        .filter_map(|(name, verdict)| Some((*by_name.get(name)?, verdict)))
        .collect()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::bpf::emulate;
    use super::*;

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0000 | libc::EPERM as u32;
    const ENOSYS: u32 = 0x0005_0000 | libc::ENOSYS as u32;

    fn native(number: libc::c_long, first: u64) -> u32 {
        emulate::run(default_filter(), X86_64, number as u32, first)
    }

    #[test]
    fn the_program_is_small() {
        assert!(default_filter().len() < 400, "{}", default_filter().len());
    }

    #[test]
    fn every_native_number_gets_the_verdict_of_the_table() {
        let verdicts = verdicts(|(_, [native, ..])| *native);
        for number in 0..1000 {
            let got = native(number.into(), 0);
            let expected = match verdicts.get(&(number as u32)) {
                Some(Verdict::Allow) => ALLOW,
                Some(Verdict::Fail(errno)) => 0x0005_0000 | *errno as u32,
                Some(Verdict::Check(_)) => ALLOW,
                None if number > 466 => ENOSYS,
                None => EPERM,
            };
            assert_eq!(got, expected, "system call {number}");
        }
    }

    #[test]
    fn representative_calls_are_as_in_docker() {
        for number in [libc::SYS_read, libc::SYS_execve, libc::SYS_ptrace, libc::SYS_chroot] {
            assert_eq!(native(number, 0), ALLOW);
        }
        for number in [
            libc::SYS_mount,
            libc::SYS_bpf,
            libc::SYS_keyctl,
            libc::SYS_unshare,
            libc::SYS_io_uring_setup,
            libc::SYS_open_by_handle_at,
            libc::SYS_fsopen,
            libc::SYS_userfaultfd,
            libc::SYS_reboot,
            libc::SYS_move_pages,
            libc::SYS_uselib,
        ] {
            assert_eq!(native(number, 0), EPERM, "system call {number}");
        }
        assert_eq!(native(libc::SYS_clone3, 0), ENOSYS);
        assert_eq!(native(467, 0), ENOSYS);
        assert_eq!(native(100_000, 0), ENOSYS);
    }

    #[test]
    fn arguments_are_checked_as_the_kernel_sees_them() {
        assert_eq!(native(libc::SYS_clone, 0x11), ALLOW);
        assert_eq!(native(libc::SYS_clone, libc::CLONE_NEWUSER as u64), EPERM);
        assert_eq!(native(libc::SYS_socket, 1), ALLOW);
        assert_eq!(native(libc::SYS_socket, 39), ALLOW);
        for family in [38, 40, 0x1_0000_0026] {
            assert_eq!(native(libc::SYS_socket, family), EPERM);
        }
        assert_eq!(native(libc::SYS_personality, 0xffff_ffff), ALLOW);
        assert_eq!(native(libc::SYS_personality, 0x4_0000), EPERM);
    }

    #[test]
    fn other_abis_have_their_own_numbers() {
        let run = |arch, number| emulate::run(default_filter(), arch, number, 0);
        assert_eq!(run(I386, 3), ALLOW, "read");
        assert_eq!(run(I386, 21), EPERM, "mount");
        assert_eq!(run(I386, 435), ENOSYS, "clone3");
        assert_eq!(run(X86_64, X32), ALLOW, "read");
        assert_eq!(run(X86_64, X32 | 165), EPERM, "mount");
        assert_eq!(run(X86_64, X32 | 467), ENOSYS, "open_tree_attr");
        assert_eq!(run(X86_64, X32 | 520), ALLOW, "execve");
        assert_eq!(run(X86_64, X32 | 528), EPERM, "kexec_load");
        assert_eq!(run(X86_64, X32 | 548), ENOSYS, "none");
        assert_eq!(run(X86_64, 528), ENOSYS, "none");
        assert_eq!(run(0x1234, 0), 0x8000_0000);
    }

    #[test]
    fn every_name_of_the_profile_has_a_number() {
        let lists =
            [profile::ALLOWED, profile::TRACING, profile::BY_CAPABILITY, profile::ARCHITECTURE];
        for name in lists.into_iter().flatten() {
            assert!(NUMBERS.iter().any(|row| row.0 == *name), "{name}");
        }
    }
}
