//! What of two long texts differs, with a little around it.

use super::part::cut;

/// Texts of so many characters are shown whole.
const WHOLE: usize = 100;

/// So many characters, and the rest of a word, are shown on both sides of what differs.
const AROUND: usize = 20;

/// At most so many are shown.
const MOST: usize = 160;

/// A text that is shown alone, on one line.
pub(super) fn excerpt(text: &str) -> String {
    cut(&on_one_line(text), MOST)
}

/// Two texts that differ, each on one line: where they are long, from the first line that differs what differs
/// there. They are the same when what differs is not kept of them.
pub(super) fn excerpts(before: &str, now: &str) -> (String, String) {
    let (whole_before, whole_now) = (on_one_line(before), on_one_line(now));
    if is_short(&whole_before) && is_short(&whole_now) {
        return (whole_before, whole_now);
    }
    let (before, now) = match lines(before, now) {
        Some((before, now)) => (on_one_line(before), on_one_line(now)),
        None => (whole_before, whole_now),
    };
    if is_short(&before) && is_short(&now) {
        return (before, now);
    }
    around(&before, &now)
}

/// The first lines that differ, where each has a counterpart.
fn lines<'t>(before: &'t str, now: &'t str) -> Option<(&'t str, &'t str)> {
    let (before, now): (Vec<_>, Vec<_>) = (before.lines().collect(), now.lines().collect());
    let mut pairs = before.iter().zip(&now);
    let (first, first_now) = pairs.find(|(before, now)| before.trim() != now.trim())?;
    let is_one =
        before.len() == now.len() && !first.trim().is_empty() && !first_now.trim().is_empty();
    is_one.then_some((*first, *first_now))
}

/// What of both is not the same, with some characters before and behind.
fn around(before: &str, now: &str) -> (String, String) {
    let (before, now): (Vec<char>, Vec<char>) = (before.chars().collect(), now.chars().collect());
    let first = before.iter().zip(&now).take_while(|(one, other)| one == other).count();
    let ends = before.iter().skip(first).rev().zip(now.iter().skip(first).rev());
    let last = ends.take_while(|(one, other)| one == other).count();
    let start = beginning(&before, first);
    let shown = |text: &[char]| {
        let end = text.len() - beginning(&text.iter().rev().copied().collect::<Vec<_>>(), last);
        let end = end.min(start + MOST).max(start);
        let part: String = text.iter().skip(start).take(end - start).collect();
        let (front, back) = (start > 0, end < text.len());
        format!("{}{part}{}", if front { "… " } else { "" }, if back { " …" } else { "" })
    };
    (shown(&before), shown(&now))
}

/// Where to begin, so that the text is shown from some characters before `at` on: at a word, if one is near.
fn beginning(text: &[char], at: usize) -> usize {
    let wanted = at.saturating_sub(AROUND);
    let near = wanted.saturating_sub(AROUND);
    if near == 0 && wanted < AROUND {
        return 0;
    }
    let before = text.get(near..wanted).unwrap_or_default();
    let space = before.iter().rposition(|letter| letter.is_whitespace());
    space.map_or(wanted, |space| near + space + 1)
}

fn is_short(text: &str) -> bool {
    text.chars().nth(WHOLE).is_none()
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, now: &str) -> String {
        let (before, now) = excerpts(before, now);
        format!("{before} → {now}")
    }

    #[test]
    fn short_texts_are_shown_whole() {
        assert_eq!(told("make  all", "make\n all test"), "make all → make all test");
    }

    #[test]
    fn one_line_of_many_is_shown_alone() {
        let script = |line: &str| {
            let lines = (1..200).map(|number| format!("    echo {number}\n"));
            lines.collect::<String>().replace("echo 57\n", line)
        };
        assert_eq!(told(&script("echo 57\n"), &script("echo 58\n")), "echo 57 → echo 58");
        assert_eq!(
            told(&script("echo 57\n"), &script("echo 57\necho new\n")),
            "… echo 56 echo 57 echo 58 echo 59 echo 60 echo … → \
             … echo 56 echo 57 echo new echo 58 echo 59 echo 60 echo …"
        );
    }

    #[test]
    fn a_word_of_a_long_line() {
        let line = |version: &str| {
            let packages: String = (1..60).map(|number| format!("package-{number} ")).collect();
            format!("apt-get update && apt-get install -y {packages}").replace("-40 ", version)
        };
        assert_eq!(
            told(&line("-40 "), &line("-40=1.2 ")),
            "… package-39 package-40 package-41 package-42 … → \
             … package-39 package-40=1.2 package-41 package-42 …"
        );
        let (before, now) = excerpts(&line("-1 "), "other");
        assert!(before.chars().count() <= MOST + 4 && before.ends_with(" …"), "{before}");
        assert_eq!(now, "other");
    }

    #[test]
    fn words_without_end_are_cut() {
        let long = |end: &str| format!("{}{end}{}", "ä".repeat(300), "ö".repeat(300));
        let (a, o) = ("ä".repeat(20), "ö".repeat(20));
        assert_eq!(told(&long("1"), &long("2")), format!("… {a}1{o} … → … {a}2{o} …"));
        assert_eq!(excerpts(&long("1"), &long("1")).0, excerpts(&long("1"), &long("1")).1);
        assert_eq!(excerpt(&long("1")).chars().count(), MOST + 1);
    }
}
