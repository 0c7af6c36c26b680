//! Compiles the system call filter into a table of `libc::sock_filter`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

#[path = "src/seccomp/compiler/mod.rs"]
#[allow(dead_code, reason = "the tests of the crate use more of it")]
mod compiler;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/seccomp/compiler");
    let machine = std::env::var("CARGO_CFG_TARGET_ARCH")?;
    let program = compiler::program(&machine)
        .ok_or_else(|| format!("the system calls of {machine} are not known"))?;
    let mut table = String::from("&[\n");
    for one in program {
        let compiler::Instruction { code, jump_true, jump_false, value } = one;
        writeln!(
            table,
            "sock_filter {{ code: {code}, jt: {jump_true}, jf: {jump_false}, k: {value} }},"
        )?;
    }
    table.push(']');
    let folder = std::env::var_os("OUT_DIR").ok_or("there is no OUT_DIR")?;
    std::fs::write(Path::new(&folder).join("filter.rs"), table)?;
    Ok(())
}
