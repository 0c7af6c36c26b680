//! What of a secret is a secret by itself: the password in a file of settings, a line of a key.

use std::collections::BTreeSet;

use serde_json::Value;

/// Shorter secrets are not looked for: their bytes are in many files by chance.
pub(super) const SHORTEST: usize = 8;

/// The same for values with spaces: a few short words are in many texts.
const SHORTEST_PHRASE: usize = 20;

/// Shorter parts of a secret are not looked for.
const SHORTEST_PART: usize = 16;

/// From this length on a line without spaces is looked for though it does not look random.
const SHORTEST_LINE: usize = 32;

/// More parts are looked for in fewer forms: each form takes a pass over what is searched.
const MANY: usize = 16;

/// A secret or a part of one to look for.
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    /// Whether it is looked for in hexadecimal and base64 as well.
    pub(super) all_forms: bool,
}

/// What to look for of a secret, the whole first: the value without the line ends behind it, and what
/// [`parts`] finds in it.
pub(super) fn sought(value: &[u8]) -> Vec<Part> {
    let whole = without_line_end(value);
    let has_spaces = whole.iter().any(u8::is_ascii_whitespace);
    let is_long = whole.len() >= if has_spaces { SHORTEST_PHRASE } else { SHORTEST };
    let mut found = BTreeSet::new();
    parts(whole, &mut found);
    found.remove(whole);
    let all_forms = found.len() <= MANY;
    let whole = is_long.then(|| Part { bytes: whole.to_vec(), all_forms: true });
    whole.into_iter().chain(found.into_iter().map(|bytes| Part { bytes, all_forms })).collect()
}

pub(super) fn without_line_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    end.and_then(|end| value.get(..=end)).unwrap_or_default()
}

/// The strings in JSON, else the words of a text and what is behind their `=` or `:`, that look random;
/// and long lines.
fn parts(text: &[u8], found: &mut BTreeSet<Vec<u8>>) {
    if matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
        && let Ok(json) = serde_json::from_slice(text)
    {
        return strings(&json, found);
    }
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        let is_one_word = !line.iter().any(u8::is_ascii_whitespace);
        if is_one_word && line.len() >= SHORTEST_LINE && !line.starts_with(b"-----") {
            found.insert(line.to_vec());
        }
        let words = line.split(u8::is_ascii_whitespace);
        found.extend(words.filter_map(word).map(<[u8]>::to_vec));
    }
}

fn strings(json: &Value, found: &mut BTreeSet<Vec<u8>>) {
    match json {
        Value::String(text) => parts(text.as_bytes(), found),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(values) => values.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// What of a word looks random.
fn word(word: &[u8]) -> Option<&[u8]> {
    if let Some(at) = memchr::memmem::find(word, b"://") {
        return password(word.get(at + 3..)?).filter(|password| looks_random(password));
    }
    let value = behind(word, b'=').unwrap_or(word);
    let last = behind(value, b':');
    last.into_iter().chain([value]).map(unquoted).find(|value| looks_random(value))
}

/// What is behind the first such sign.
fn behind(word: &[u8], sign: u8) -> Option<&[u8]> {
    let at = word.iter().position(|byte| *byte == sign)?;
    // Base64 ends with such.
    word.get(at + 1..).filter(|value| value.iter().any(|byte| *byte != b'='))
}

/// The password in an address without its scheme.
fn password(address: &[u8]) -> Option<&[u8]> {
    let end = address.iter().position(|byte| b"/?#\"'".contains(byte)).unwrap_or(address.len());
    let host = address.get(..end)?;
    let login = host.get(..host.iter().rposition(|byte| *byte == b'@')?)?;
    let start = login.iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
    login.get(start..)
}

fn unquoted(value: &[u8]) -> &[u8] {
    let is_around = |byte: &u8| b"\"'`,;".contains(byte);
    let start = value.iter().position(|byte| !is_around(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_around(byte)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// True of keys, tokens and passwords that a program made; not of names, hosts, paths, versions and
/// times. Of those few neighbours differ in whether they are a digit, a small or a large letter.
fn looks_random(value: &[u8]) -> bool {
    if value.len() < SHORTEST_PART {
        return false;
    }
    let different: BTreeSet<&u8> = value.iter().collect();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let (mut pairs, mut changes) = (0_usize, 0_usize);
    for pair in value.windows(2) {
        let [Some(first), Some(second)] =
            [pair.first(), pair.last()].map(|byte| byte.and_then(class))
        else {
            continue;
        };
        pairs += 1;
        // A large letter before small ones begins a word.
        changes += usize::from(first != second && (first, second) != (Class::Large, Class::Small));
    }
    different.len() >= 8 && letters >= 4 && changes >= 3 && changes * 6 >= pairs
}

#[derive(PartialEq, Eq)]
enum Class {
    Digit,
    Small,
    Large,
    Sign,
}

/// Nothing for what stands between words.
fn class(byte: &u8) -> Option<Class> {
    match byte {
        b'0'..=b'9' => Some(Class::Digit),
        b'a'..=b'z' => Some(Class::Small),
        b'A'..=b'Z' => Some(Class::Large),
        b'.' | b'-' | b'_' | b'/' | b':' | b'@' | b',' => None,
        _ => Some(Class::Sign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts_of(text: &str) -> Vec<String> {
        let parts = sought(text.as_bytes()).into_iter().skip(1);
        parts.map(|part| String::from_utf8(part.bytes).unwrap()).collect()
    }

    #[test]
    fn values_of_settings_are_parts() {
        let token = "npm_q7RkT2xV9mZs4LwB";
        for text in [
            format!("A=b\nexport TOKEN=\"{token}\"\n"),
            format!("user: someone\ntoken: '{token}'\n"),
            format!("//registry.example.com/:_authToken={token}\n"),
            format!("machine example.com login someone password {token}\n"),
            format!("[x]\nurl=https://someone:{token}@example.com/x\nhost=example.com\n"),
            format!(
                "{{\"host\":\"https://db01.example.com:5432/\",\"a\":[{{\"b\":\"{token}\"}}]}}"
            ),
            format!("a\n{token}\nb"),
        ] {
            assert!(parts_of(&text).contains(&token.to_owned()), "{text}: {:?}", parts_of(&text));
        }
    }

    #[test]
    fn names_hosts_and_times_are_none() {
        for text in [
            "HOST=https://registry-01.example.com:5000/v2\nUSER=x",
            "DB=db01.internal.example.com:5432\nUSER=x",
            "IMAGE=ghcr.io/someone/some-app:v1.22.3\nUSER=x",
            "MAIL=deploy-bot@project-1234.example.com\nUSER=x",
            "UNTIL=2026-11-27T03:19:05Z\nUSER=x",
            "CLASS=ApplicationServerSettings\nUSER=x",
            "FOLDER=/usr/lib/x86_64-linux-gnu\nUSER=x",
            "{\"type\":\"service_account\",\"client_id\":\"123456789012345678901\"}",
        ] {
            let parts = parts_of(text);
            let lines: Vec<&str> =
                text.lines().filter(|line| line.len() >= SHORTEST_LINE).collect();
            assert!(parts.iter().all(|part| lines.contains(&part.as_str())), "{text}: {parts:?}");
        }
    }

    #[test]
    fn what_programs_make_looks_random() {
        for text in [
            "d8e8fca2dc0f896f",
            "550e8400-e29b-41d4-a716-446655440000",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ81mWsVtK",
            "aB3$kL9!xY2@mN5#",
            "JBSWY3DPEHPK3PXP",
        ] {
            assert!(looks_random(text.as_bytes()), "{text}");
        }
    }
}
