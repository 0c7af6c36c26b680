//! Steps as people name them: by how they are shown, by their place or by their text.

/// What of the name of a step is asked for: all of it, its place or its instruction; nothing where something else
/// is. `[build 2/5] RUN make` is meant by this, by `build 2/5`, `2/5`, `RUN make` and how that begins.
pub(crate) fn meant(name: &str, asked: &str) -> Option<String> {
    let asked = asked.split_whitespace().collect::<Vec<_>>().join(" ");
    let (place, instruction) = name.strip_prefix('[')?.split_once("] ")?;
    let number = place.rsplit(' ').next().unwrap_or(place);
    let is_place = |asked: &str| !asked.is_empty() && (place == asked || number == asked);
    match asked.strip_prefix('[').and_then(|asked| asked.split_once(']')) {
        Some((asked, text)) if text.trim().is_empty() => is_place(asked).then(|| place.to_owned()),
        Some((asked, text)) => {
            (is_place(asked) && begins(instruction, text.trim())).then(|| name.to_owned())
        }
        None if is_place(&asked) => Some(place.to_owned()),
        None => begins(instruction, &asked).then(|| instruction.to_owned()),
    }
}

/// Whether the text of an instruction, which may be cut, begins so.
fn begins(instruction: &str, asked: &str) -> bool {
    let starts = |text: &str, with: &str| {
        text.get(..with.len()).is_some_and(|front| front.eq_ignore_ascii_case(with))
    };
    let cut = instruction.strip_suffix('…');
    !asked.is_empty()
        && (starts(instruction, asked) || cut.is_some_and(|instruction| starts(asked, instruction)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_meant_by_its_name_its_place_and_its_text() {
        let name = "[build 2/5] RUN make all";
        let place = Some("build 2/5".to_owned());
        for asked in ["2/5", "build 2/5", "[2/5]", "[build 2/5]"] {
            assert_eq!(meant(name, asked), place, "{asked}");
        }
        for asked in [name, "[2/5] RUN make all", "[2/5] run make", "[build 2/5]  RUN"] {
            assert_eq!(meant(name, asked).as_deref(), Some(name), "{asked}");
        }
        for asked in ["RUN make all", "run  make", "RUN"] {
            assert_eq!(meant(name, asked).as_deref(), Some("RUN make all"), "{asked}");
        }
        for asked in
            ["", "[", "[]", "1/5", "make", "RUN make all the rest", "[2/5] COPY", "test 2/5"]
        {
            assert_eq!(meant(name, asked), None, "{asked}");
        }
        assert!(meant("[2/5] RUN a b…", "RUN a b c").is_some());
        assert!(meant("[internal] x", "ä").is_none());
    }
}
