//! `lap history --files`.

use lapstrake_image::LayerStep;
use lapstrake_rootfs::change::Change;
use serde_json::{Value, json};

use super::WIDTH;
use crate::args::History;
use crate::failure::Failure;
use crate::human::size;
use crate::listing::{Column, Listing};
use crate::text::{clip, list_entry};

const COLUMNS: [Column; 4] =
    [("CreatedBy", "CREATED BY"), ("Size", "SIZE"), ("Wasted", "WASTED"), ("Changes", "CHANGES")];

/// The steps with their files, the newest first, and what is wasted in all.
pub(super) fn text(
    history: &History,
    listing: &Listing,
    steps: &[LayerStep],
) -> Result<String, Failure> {
    let objects = steps.iter().map(|step| object(history, step));
    if let Some(text) = listing.text(&COLUMNS, objects)? {
        return Ok(text);
    }
    let mut text: String = steps.iter().map(|step| paragraph(history, step) + "\n").collect();
    let sum = |of: fn(&LayerStep) -> u64| steps.iter().map(of).fold(0, u64::saturating_add);
    let (wasted, all) =
        (bytes(history, sum(|step| step.wasted)), bytes(history, sum(|step| step.size)));
    text += &format!("wasted: {wasted} of {all}, on files that later steps removed or replaced\n");
    Ok(text)
}

fn paragraph(history: &History, step: &LayerStep) -> String {
    let mut text = format!("{}   {}", command(history, step), bytes(history, step.size));
    if step.wasted > 0 {
        text += &format!(", {} wasted", bytes(history, step.wasted));
    }
    text.push('\n');
    for change in &step.changes {
        text += &line(history, change);
    }
    text
}

fn line(history: &History, change: &Change) -> String {
    let (letter, path) = (change.kind.letter(), list_entry(&change.path.to_string()));
    match change.size {
        0 => format!("{letter} {path}\n"),
        size => format!("{letter} {path}  {}\n", bytes(history, size)),
    }
}

fn command(history: &History, step: &LayerStep) -> String {
    let command = match step.created_by.as_str() {
        "" => "<missing>".to_owned(),
        command => list_entry(&command.replace('\t', " ")),
    };
    if history.no_trunc { command } else { clip(&command, WIDTH) }
}

fn bytes(history: &History, bytes: u64) -> String {
    if history.human { size(bytes) } else { bytes.to_string() }
}

/// A step as templates see it. Sizes of files are numbers.
fn object(history: &History, step: &LayerStep) -> Value {
    let change = |change: &Change| {
        json!({
            "Kind": change.kind.letter().to_string(),
            "Path": change.path.to_string(),
            "Size": change.size,
        })
    };
    json!({
        "CreatedBy": command(history, step),
        "Size": bytes(history, step.size),
        "Wasted": bytes(history, step.wasted),
        "Changes": step.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use lapstrake_rootfs::change::ChangeKind;

    use super::*;

    #[test]
    fn no_name_looks_like_another_file() {
        let change = Change { path: "a\nD /etc\u{1b}[2J".into(), kind: ChangeKind::Added, size: 0 };
        let step =
            LayerStep { created_by: String::new(), size: 1200, wasted: 5, changes: vec![change] };
        let history = History {
            no_trunc: false,
            quiet: false,
            human: true,
            format: String::new(),
            platform: None,
            files: true,
            image: String::new(),
        };
        assert_eq!(
            text(&history, &Listing::Table, &[step]).unwrap(),
            "<missing>   1.2kB, 5B wasted\nA /a\\nD /etc\n\n\
             wasted: 5B of 1.2kB, on files that later steps removed or replaced\n"
        );
    }
}
