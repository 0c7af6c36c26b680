//! Forms of texts that no library is worth having for.

use crate::day::{Day, numbers};

/// True for a URI (RFC 3986, section 3): a scheme, and behind it only what a URI may hold.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let (body, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = body.split_once('?').unwrap_or((body, ""));
    let (authority, path) = match path.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", path),
    };
    is_scheme(scheme)
        && is_authority(authority)
        && is_escaped(path, "/:@")
        && is_escaped(query, "/?:@")
        && is_escaped(fragment, "/?:@")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// `[USER@]HOST[:PORT]`.
fn is_authority(text: &str) -> bool {
    let (user, place) = text.split_once('@').unwrap_or(("", text));
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, behind)) => {
            let is_address =
                !host.is_empty() && host.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c));
            let port = if behind.is_empty() { Some("") } else { behind.strip_prefix(':') };
            match port {
                Some(port) if is_address => ("", port),
                _ => return false,
            }
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    is_escaped(user, ":") && is_escaped(host, "") && port.bytes().all(|c| c.is_ascii_digit())
}

/// Only what stands for itself, these characters, and escapes such as `%2f`.
fn is_escaped(text: &str, also: &str) -> bool {
    let mut pieces = text.split('%');
    let first = pieces.next().unwrap_or_default();
    let is_plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c) || also.contains(c))
    };
    is_plain(first)
        && pieces.all(|piece| {
            let (digits, rest) = piece.split_at_checked(2).unwrap_or(("%", ""));
            digits.bytes().all(|c| c.is_ascii_hexdigit()) && is_plain(rest)
        })
}

/// True for a `date-time` (RFC 3339, section 5.6). That a day of the month is there is looked at, that a
/// leap second was is not.
pub(super) fn is_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_once(['T', 't']) else { return false };
    let Some((clock, rest)) = rest.split_at_checked(8) else { return false };
    let Some([hour, minute, second]) = numbers(clock, ':', [2, 2, 2]) else { return false };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => rest,
    };
    let is_zone = matches!(zone, "Z" | "z")
        || zone
            .strip_prefix(['+', '-'])
            .and_then(|zone| numbers(zone, ':', [2, 2]))
            .is_some_and(|[hours, minutes]| hours < 24 && minutes < 60);
    Day::parse(date).is_some() && hour < 24 && minute < 60 && second <= 60 && is_zone
}

/// True for the id of a commit: SHA-1 in full or its first seven digits, or SHA-256 in full.
pub(super) fn is_commit(text: &str) -> bool {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    matches!(text.len(), 7 | 40 | 64) && text.bytes().all(is_digit)
}

/// True for an address (RFC 5322, 3.4.1) without comments or blanks, of which the host has a name as hosts
/// do (RFC 1123, 2.1) or is an address in brackets.
pub(super) fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.rsplit_once('@') else { return false };
    let is_literal = |host: &str| {
        let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inside.is_some_and(|text| text.chars().all(|c| c.is_ascii_graphic() && !"[]\\".contains(c)))
    };
    is_user(user) && (is_literal(host) || host.split('.').all(is_host_part))
}

fn is_user(text: &str) -> bool {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(text) => {
            let mut is_escaped = false;
            let is_allowed = text.chars().all(|c| {
                let is_open = !is_escaped && c == '"';
                is_escaped = !is_escaped && c == '\\';
                !is_open && (c.is_ascii_graphic() || c == ' ' || c == '\t')
            });
            is_allowed && !is_escaped
        }
        None => text.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
        }),
    }
}

fn is_host_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
