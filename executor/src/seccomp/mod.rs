//! The system call filter: Docker's default profile, compiled by the build script.
//!
//! Not made with the seccompiler crate: it knows one architecture and one error number for each
//! filter (Docker allows 32-bit programs and answers `clone3` with ENOSYS), and its linear
//! programs cost the kernel far more to load.

#[cfg(test)]
mod compiler;
#[cfg(test)]
mod emulate;
mod sockets;

use libc::sock_filter;

pub(crate) use sockets::sockets_filter;

static FILTER: &[sock_filter] = include!(concat!(env!("OUT_DIR"), "/filter.rs"));

/// The program for the default profile on this machine.
pub(crate) fn default_filter() -> &'static [sock_filter] {
    FILTER
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::compiler::{Verdict, program, verdicts};
    use super::*;

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0000 | libc::EPERM as u32;
    const ENOSYS: u32 = 0x0005_0000 | libc::ENOSYS as u32;

    const X32: u32 = 0x4000_0000;

    fn native(number: libc::c_long, first: u64) -> u32 {
        emulate::run(default_filter(), X86_64, number as u32, [first, 0, 0])
    }

    #[test]
    fn it_is_what_the_compiler_makes() {
        let compiled = program("x86_64").unwrap();
        let fields =
            compiled.iter().map(|one| (one.code, one.jump_true, one.jump_false, one.value));
        assert!(default_filter().iter().map(|one| (one.code, one.jt, one.jf, one.k)).eq(fields));
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
        let run = |arch, number| emulate::run(default_filter(), arch, number, [0; 3]);
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
}
