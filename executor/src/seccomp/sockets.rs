//! A second filter beside the default profile: each socket that may lead out of the machine waits for whoever
//! listens. Of two filters the stricter answer counts, so what the profile refuses is refused.

use libc::sock_filter;

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ASK: u32 = libc::SECCOMP_RET_USER_NOTIF;

/// `AF_UNIX`.
const LOCAL: u32 = 1;

/// The system calls that make sockets, by the architecture as the kernel reports it (`AUDIT_ARCH_*`).
const CALLS: &[(u32, &[u32])] = &[
    #[cfg(target_arch = "x86_64")]
    (0xc000_003e, &[41, 0x4000_0000 | 41]),
    #[cfg(target_arch = "x86_64")]
    (0x4000_0003, &[359]),
    #[cfg(target_arch = "aarch64")]
    (0xc000_00b7, &[198]),
    #[cfg(target_arch = "aarch64")]
    (0x4000_0028, &[281]),
];

/// `socketcall` of 32-bit x86, which makes a socket when its first argument is 1; of which family cannot be
/// seen.
const COMBINED: u32 = 102;

/// The program.
pub(crate) fn sockets_filter() -> Vec<sock_filter> {
    let sections = CALLS.iter().map(|(_, numbers)| numbers.len() + 4);
    // What a section jumps to: whether it is a local socket, and whether a combined call makes one.
    let family = 1 + sections.sum::<usize>() + 1;
    let combined = family + 4;
    let mut program = vec![load(ARCHITECTURE)];
    for (architecture, numbers) in CALLS {
        program.push(equal(*architecture, 0, numbers.len() + 3));
        program.push(load(NUMBER));
        for number in *numbers {
            program.push(equal(*number, family - program.len() - 1, 0));
        }
        program.push(equal(COMBINED, combined - program.len() - 1, 0));
        program.push(give(ALLOW));
    }
    program.push(give(ALLOW));
    program.extend([load(FIRST_ARGUMENT), equal(LOCAL, 0, 1), give(ALLOW), give(ASK)]);
    program.extend([load(FIRST_ARGUMENT), equal(1, 0, 1), give(ASK), give(ALLOW)]);
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
            emulate::run(&program, architecture, number, first) == ASK
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
        for number in (0..600).filter(|number| ![41, 102].contains(number)) {
            assert!(!run(x86_64, number, 2), "{number}");
            assert_eq!(run(i386, number, 2), number == 359, "{number}");
        }
        assert!(!run(0x1234, 41, 2), "the profile ends what has another architecture");
    }
}
