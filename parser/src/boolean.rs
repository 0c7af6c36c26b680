//! Booleans as Go's `strconv.ParseBool` reads them: what mount options and checks accept.

/// The value of `1`, `t`, `true`, `0`, `f`, `false` and their usual capital forms.
pub(crate) fn parse(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
