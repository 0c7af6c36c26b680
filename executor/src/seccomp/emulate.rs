//! Runs a program as the kernel does, on little-endian `struct seccomp_data`.

use libc::sock_filter;

const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// The value that the program returns, for a call with these arguments.
pub(crate) fn run(
    program: &[sock_filter],
    architecture: u32,
    number: u32,
    [first, _, third]: [u64; 3],
) -> u32 {
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let instruction = *program.get(at).expect("it ends with a return");
        at += 1;
        let jump = |taken: bool| usize::from(if taken { instruction.jt } else { instruction.jf });
        match instruction.code {
            LOAD => {
                accumulator = match instruction.k {
                    0 => number,
                    4 => architecture,
                    16 => first as u32,
                    32 => third as u32,
                    other => panic!("load from {other}"),
                }
            }
            JUMP => at += instruction.k as usize,
            JUMP_EQUAL => at += jump(accumulator == instruction.k),
            JUMP_AT_LEAST => at += jump(accumulator >= instruction.k),
            JUMP_ANY_BIT => at += jump(accumulator & instruction.k != 0),
            RETURN => return instruction.k,
            other => panic!("code {other}"),
        }
    }
}
