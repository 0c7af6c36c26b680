//! Faults of the syntax by the names that hadolint has for them.

/// What hadolint calls a fault that the parser reports as an error: DL1000 but for the two that it
/// has rules of their own for.
pub fn syntax_aliases(code: &str) -> &'static [&'static str] {
    match code {
        "forbidden-trigger" => &["DL3043"],
        "instruction-before-from" => &["DL3061"],
        _ => &["DL1000"],
    }
}
