//! Signals of STOPSIGNAL (A12).

/// Names without `SIG`, at the index of their number on Linux, from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Further names.
const ALIASES: [(&str, i32); 5] =
    [("IOT", 6), ("CLD", 17), ("POLL", 29), ("RTMIN", RTMIN), ("RTMAX", RTMAX)];

const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// Reads a signal: a name such as `SIGTERM`, `term` or `RTMIN+3`, or a number that is not 0.
///
/// Numbers are those of Linux.
///
/// # Errors
/// A message that names the text.
pub fn parse_signal(text: &str) -> Result<i32, String> {
    let number = match text.parse::<i32>() {
        Ok(number) => Some(number).filter(|number| *number != 0),
        Err(_) => named(&text.to_ascii_uppercase()),
    };
    number.ok_or_else(|| format!("`{text}` is not a signal"))
}

fn named(name: &str) -> Option<i32> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let plain = (1..).zip(NAMES).map(|(number, name)| (name, number));
    let found = plain.chain(ALIASES).find(|(known, _)| *known == name);
    found.map(|(_, number)| number).or_else(|| real_time(name))
}

/// `RTMIN+1` to `RTMIN+15`, `RTMAX-14` to `RTMAX-1`.
fn real_time(name: &str) -> Option<i32> {
    let offset = |digits: &str, most: i32| {
        let plain = digits.starts_with(|c: char| ('1'..='9').contains(&c));
        digits.parse::<i32>().ok().filter(|offset| plain && (1..=most).contains(offset))
    };
    if let Some(digits) = name.strip_prefix("RTMIN+") {
        return offset(digits, 15).map(|offset| RTMIN + offset);
    }
    offset(name.strip_prefix("RTMAX-")?, 14).map(|offset| RTMAX - offset)
}
