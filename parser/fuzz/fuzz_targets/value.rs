//! Values of flags and arguments: an error lies in the value.
#![no_main]

use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::mode::Mode;
use lapstrake_parser::mount::{self, Device, Mount};
use lapstrake_parser::{duration, port, signal, size};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let errors = Mount::parse(text, |value| Ok(value.to_owned())).err().unwrap_or_default();
    let others = [mount::check(text).err(), Device::parse(text).err()];
    for error in errors.into_iter().chain(others.into_iter().flatten()) {
        assert!(text.get(error.range.clone()).is_some(), "{error:?}");
    }
    for range in mount::values(text) {
        assert!(text.get(range).is_some());
    }
    let (_, faults) = CheckOptions::parse(text, 0);
    for fault in faults {
        assert!(text.get(fault.span.range()).is_some(), "{fault:?}");
    }
    Mode::parse(text).ok();
    duration::parse(text).ok();
    port::parse_port(text).ok();
    signal::parse_signal(text).ok();
    size::parse(text);
});
