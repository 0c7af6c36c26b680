//! Takes user names and passwords out of text that somebody reads or keeps.

use std::borrow::Cow;

const MASK: &str = "xxxxx";

/// `text` with `xxxxx` for the user and the password of every URL in it. Of SSH the user is no
/// secret and stays.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at.saturating_add(3));
        let ends = |letter: char| letter.is_whitespace() || "/?#\"'`<>\\".contains(letter);
        let authority = after.find(ends).map_or(after, |end| after.get(..end).unwrap_or(after));
        shown.push_str(before);
        rest = after;
        if let Some((login, _)) = authority.rsplit_once('@') {
            shown.push_str(&masked(login, before.ends_with("ssh://")));
            rest = after.get(login.len()..).unwrap_or_default();
        }
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

fn masked(login: &str, keeps_user: bool) -> String {
    match login.split_once(':') {
        Some((user, _)) if keeps_user => format!("{user}:{MASK}"),
        Some(_) => format!("{MASK}:{MASK}"),
        None if keeps_user || login.is_empty() => login.to_owned(),
        None => MASK.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_masked_and_nothing_else() {
        for (text, shown) in [
            ("https://u:p@h/x.git#r", "https://xxxxx:xxxxx@h/x.git#r"),
            ("https://token@h", "https://xxxxx@h"),
            (
                "ADD https://u:p@ss@h/a http://v:q@i/b /d/",
                "ADD https://xxxxx:xxxxx@h/a http://xxxxx:xxxxx@i/b /d/",
            ),
            ("ssh://git@h/x", "ssh://git@h/x"),
            ("ssh://git:p@h/x", "ssh://git:xxxxx@h/x"),
            ("git@h:x", "git@h:x"),
            ("https://h/a@b", "https://h/a@b"),
            ("https://h?u:p@x", "https://h?u:p@x"),
            ("'https://é:p@h'", "'https://xxxxx:xxxxx@h'"),
            ("no URL: a@b", "no URL: a@b"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }
}
