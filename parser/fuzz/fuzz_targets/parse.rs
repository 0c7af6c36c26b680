//! Whole files, and triggers: every place lies in the file, and what is printed is the same.
#![no_main]

#[path = "../../tests/invariant/mod.rs"]
mod invariant;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &[u8]| {
    invariant::check_bytes(source);
    let (text, _) = lapstrake_parser::decode(source);
    invariant::check_printed(&lapstrake_parser::parse(&text));
    lapstrake_parser::parse_trigger(&text);
});
