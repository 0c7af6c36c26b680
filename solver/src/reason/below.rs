//! The steps that another one stands on, compared as the sequences that they are: a step that is new or gone moves
//! all others, and is the only one that differs.

use super::Difference;
use super::part::{Part, Subject};

/// What differs between the steps below, lowest first. Steps are known by their layers and by what they do, not by
/// their numbers.
pub(super) fn differences<'a>(before: &'a [Part], now: &'a [Part]) -> Vec<Difference<'a>> {
    let (before, now) = (steps(before), steps(now));
    let is_step = |(one, other): &(&&Part, &&Part)| {
        one.hash == other.hash || instruction(&one.text) == instruction(&other.text)
    };
    let first = before.iter().zip(&now).take_while(is_step).count();
    let (under, before) = before.split_at(first);
    let (under_now, now) = now.split_at(first);
    let last = before.iter().rev().zip(now.iter().rev()).take_while(is_step).count();
    let (before, above) = before.split_at(before.len() - last);
    let (now, above_now) = now.split_at(now.len() - last);
    let changed = |before: &[&'a Part], now: &[&'a Part]| -> Vec<Difference<'a>> {
        let pairs = before.iter().zip(now).filter(|(before, now)| before.hash != now.hash);
        pairs.map(|(before, now)| (Some(*before), Some(*now))).collect()
    };
    let mut all = changed(under, under_now);
    // What is between was replaced, one by one, and what is left is new or gone.
    all.extend(
        (0..before.len().max(now.len()))
            .map(|index| (before.get(index).copied(), now.get(index).copied())),
    );
    all.extend(changed(above, above_now));
    all
}

/// Whether two executions stand on the same image and on the same steps, by what these do and whatever they came
/// to; one of the steps may be another one, new or gone.
pub(crate) fn are_akin(before: &[Part], now: &[Part]) -> bool {
    let image = |parts: &[Part]| {
        let base = parts.iter().find(|part| part.subject == Subject::Base);
        base.map(|base| base.text.rsplit_once(' ').map_or("", |(name, _)| name).to_owned())
    };
    let named = |parts: &[Part]| -> Vec<Part> {
        let own = steps(parts).into_iter().cloned();
        own.map(|part| Part::text(part.subject, instruction(&part.text))).collect()
    };
    image(before) == image(now) && differences(&named(before), &named(now)).len() <= 1
}

fn steps(parts: &[Part]) -> Vec<&Part> {
    parts.iter().filter(|part| matches!(part.subject, Subject::Below(_))).collect()
}

/// The name of a step without its place, which moves when steps are added.
pub(super) fn instruction(name: &str) -> &str {
    name.split_once(']').map_or(name, |(_, instruction)| instruction)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step of a name and what it came to.
    fn below(steps: &[(&str, &str)]) -> Vec<Part> {
        let part = |(number, (name, layer)): (u32, &(&str, &str))| {
            let content = lapstrake_rootfs::ContentHash::of(layer.as_bytes());
            Part::of(Subject::Below(number), &format!("[{number}/9] {name}"), &content)
        };
        (1..).zip(steps).map(part).collect()
    }

    /// Pairs of names, `-` for none.
    fn told(before: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<String> {
        let (before, now) = (below(before), below(now));
        let name = |part: Option<&Part>| {
            part.map_or("-", |part| instruction(&part.text).trim_start()).to_owned()
        };
        let all = differences(&before, &now);
        all.into_iter().map(|(before, now)| name(before) + " " + &name(now)).collect()
    }

    #[test]
    fn the_step_that_is_new_or_gone_is_the_one_that_differs() {
        let three = [("a", "1"), ("b", "2"), ("c", "3")];
        let two = [("a", "1"), ("c", "3")];
        assert_eq!(told(&three, &three), [""; 0]);
        assert_eq!(told(&three, &two), ["b -"]);
        assert_eq!(told(&two, &three), ["- b"]);
        assert_eq!(told(&three[1..], &three), ["- a"]);
        assert_eq!(told(&three[..2], &three), ["- c"]);
        // What stands on it may come to something else.
        assert_eq!(told(&two, &[("a", "1"), ("b", "2"), ("c", "4")]), ["- b", "c c"]);
    }

    #[test]
    fn another_result_and_another_step() {
        let before = [("a", "1"), ("b", "2"), ("c", "3")];
        assert_eq!(told(&before, &[("a", "1"), ("b", "5"), ("c", "3")]), ["b b"]);
        assert_eq!(told(&before, &[("a", "1"), ("d", "5"), ("c", "3")]), ["b d"]);
        assert_eq!(
            told(&before, &[("a", "1"), ("d", "5"), ("e", "6"), ("c", "3")]),
            ["b d", "- e"]
        );
        // A step that does otherwise what the earlier one did is the same.
        assert_eq!(told(&before, &[("a", "1"), ("d", "2"), ("c", "3")]), [""; 0]);
        assert_eq!(told(&before, &[("b", "2"), ("a", "1"), ("c", "3")]), ["a b", "b a"]);
    }

    #[test]
    fn projects_are_akin_by_what_is_done_in_them() {
        let with = |image: &str, steps: &[(&str, &str)]| {
            let mut parts = below(steps);
            parts.push(Part::text(Subject::Base, &format!("{image} sha256:1")));
            parts
        };
        let one = with("node", &[("a", "1"), ("b", "2")]);
        assert!(are_akin(&one, &with("node", &[("a", "3"), ("b", "4")])));
        assert!(are_akin(&one, &with("node", &[("a", "3"), ("c", "4"), ("b", "4")])));
        assert!(!are_akin(&one, &with("python", &[("a", "1"), ("b", "2")])));
        assert!(!are_akin(&one, &with("node", &[("c", "3"), ("d", "4")])));
        assert!(are_akin(&[], &[]));
    }
}
