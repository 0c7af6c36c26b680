//! A second filter beside the default profile: each socket that may lead out of the machine waits for whoever
//! listens. Of two filters the stricter answer counts, so what the profile refuses is refused.

use libc::sock_filter;

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
const THIRD_ARGUMENT: u32 = 32;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ASK: u32 = libc::SECCOMP_RET_USER_NOTIF;

/// `AF_UNIX`.
const LOCAL: u32 = 1;

/// `AF_NETLINK`, of which `NETLINK_AUDIT` has nothing to do with networks: `useradd` and `su` ask for it.
const NETLINK: u32 = 16;
const AUDIT: u32 = 9;

/// A system call that makes sockets.
enum Call {
    /// `socket`, by this number.
    Socket(u32),
    /// `socketcall`, by this number: it makes a socket when its first argument is 1; of which family cannot be
    /// seen.
    Combined(u32),
}

/// Those of each architecture as the kernel reports it (`AUDIT_ARCH_*`).
const CALLS: &[(u32, &[Call])] = &[
    #[cfg(target_arch = "x86_64")]
    (0xc000_003e, &[Call::Socket(41), Call::Socket(0x4000_0000 | 41)]),
    #[cfg(target_arch = "x86_64")]
    (0x4000_0003, &[Call::Socket(359), Call::Combined(102)]),
    #[cfg(target_arch = "aarch64")]
    (0xc000_00b7, &[Call::Socket(198)]),
    #[cfg(target_arch = "aarch64")]
    (0x4000_0028, &[Call::Socket(281), Call::Combined(102)]),
];

/// The program.
pub(crate) fn sockets_filter() -> Vec<sock_filter> {
    let sections = CALLS.iter().map(|(_, calls)| calls.len() + 3);
    // What a section jumps to: what kind of socket it is, and whether a combined call makes one.
    let kind = [
        load(FIRST_ARGUMENT),
        equal(LOCAL, 4, 0),
        equal(NETLINK, 0, 2),
        load(THIRD_ARGUMENT),
        equal(AUDIT, 1, 0),
        give(ASK),
        give(ALLOW),
    ];
    let combined = [load(FIRST_ARGUMENT), equal(1, 0, 1), give(ASK), give(ALLOW)];
    let kind_at = 1 + sections.sum::<usize>() + 1;
    let combined_at = kind_at + kind.len();
    let mut program = vec![load(ARCHITECTURE)];
    for (architecture, calls) in CALLS {
        program.push(equal(*architecture, 0, calls.len() + 2));
        program.push(load(NUMBER));
        for call in *calls {
            let next = program.len() + 1;
            program.push(match call {
                Call::Socket(number) => equal(*number, kind_at - next, 0),
                Call::Combined(number) => equal(*number, combined_at - next, 0),
            });
        }
        program.push(give(ALLOW));
    }
    program.push(give(ALLOW));
    program.extend(kind);
    program.extend(combined);
    program
}

fn load(offset: u32) -> sock_filter {
    sock_filter { code: LOAD, jt: 0, jf: 0, k: offset }
}

/// Jumps over so many instructions when it is `value`, and else.
fn equal(value: u32, then: usize, otherwise: usize) -> sock_filter {
    // The program is far shorter than a jump reaches.
    let short = |distance: usize| u8::try_from(distance).unwrap_or(u8::MAX);
    sock_filter { code: JUMP_EQUAL, jt: short(then), jf: short(otherwise), k: value }
}

fn give(answer: u32) -> sock_filter {
    sock_filter { code: RETURN, jt: 0, jf: 0, k: answer }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::seccomp::emulate;

    #[test]
    fn sockets_that_lead_out_wait_and_nothing_else() {
        let program = sockets_filter();
        let run = |architecture, number, first| {
            emulate::run(&program, architecture, number, [first, 0, 0]) == ASK
        };
        let (x86_64, i386) = (0xc000_003e, 0x4000_0003);
        for family in [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET] {
            assert!(run(x86_64, libc::SYS_socket as u32, family as u64), "{family}");
            assert!(run(x86_64, 0x4000_0000 | libc::SYS_socket as u32, family as u64), "{family}");
            assert!(run(i386, 359, family as u64), "{family}");
        }
        assert!(!run(x86_64, libc::SYS_socket as u32, libc::AF_UNIX as u64));
        assert!(!run(i386, 359, libc::AF_UNIX as u64));
        assert!(run(i386, 102, 1), "socketcall: socket");
        assert!(!run(i386, 102, 3), "socketcall: connect");
        for number in 0..600 {
            for first in [1, 2] {
                let is_socket = number == libc::SYS_socket as u32 && first == 2;
                assert_eq!(run(x86_64, number, first), is_socket, "{number} {first}");
                let is_socket = (number, first) == (359, 2) || (number, first) == (102, 1);
                assert_eq!(run(i386, number, first), is_socket, "{number} {first}");
            }
        }
        let netlink = |protocol| {
            let arguments = [libc::AF_NETLINK as u64, 3, protocol];
            emulate::run(&program, x86_64, libc::SYS_socket as u32, arguments) == ASK
        };
        assert!(netlink(libc::NETLINK_ROUTE as u64));
        assert!(!netlink(libc::NETLINK_AUDIT as u64));
        let audit_number = [libc::AF_INET as u64, 3, libc::NETLINK_AUDIT as u64];
        let number = libc::SYS_socket as u32;
        assert_eq!(emulate::run(&program, x86_64, number, audit_number), ASK);
        assert!(!run(0x1234, 41, 2), "the profile ends what has another architecture");
    }
}
