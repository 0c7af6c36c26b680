//! `lap history`.

mod files;

use lapstrake_image::HistoryRow;
use serde_json::{Value, json};

use crate::args::History;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::{ago, short_id, size};
use crate::listing::{Column, Listing};
use crate::session::Session;
use crate::table::list;
use crate::text::clip;
use crate::{images, output, platform};

/// How much of a command is shown, unless all of it is asked for. Docker's.
const WIDTH: usize = 45;

/// Shows how an image was made, the newest step first.
pub(crate) fn run(history: &History, session: &Session) -> Result<Exit, Failure> {
    let listing = Listing::parse(&history.format)?;
    let platform = platform::of_flag(history.platform.as_deref())?;
    if history.files {
        let images = images::local(session.store_to_read()?);
        let steps = images.layer_steps(&history.image, platform.as_ref())?;
        output::foreign(&files::text(history, &listing, &steps)?)?;
        return Ok(Exit::SUCCESS);
    }
    let rows =
        images::local(session.store_to_read()?).history(&history.image, platform.as_ref())?;
    output::foreign(&text(history, &listing, &rows)?)?;
    Ok(Exit::SUCCESS)
}

const COLUMNS: [Column; 6] = [
    ("ID", "IMAGE"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedSince", "CREATED"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

fn text(history: &History, listing: &Listing, rows: &[HistoryRow]) -> Result<String, Failure> {
    if history.quiet {
        return Ok(rows.iter().map(|row| id(history, row) + "\n").collect());
    }
    let objects = rows.iter().map(|row| object(history, row));
    if let Some(text) = listing.text(&COLUMNS, objects)? {
        return Ok(text);
    }
    let cells = rows.iter().map(|row| {
        let (created, size) = match history.human {
            true => (ago(row.created.as_deref()), size(row.size)),
            false => (row.created.clone().unwrap_or_default(), row.size.to_string()),
        };
        [id(history, row), created, command(history, row), size, row.comment.clone()]
    });
    Ok(list(["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], &cells.collect::<Vec<_>>()))
}

fn id(history: &History, row: &HistoryRow) -> String {
    match &row.id {
        None => "<missing>".to_owned(),
        Some(id) if history.no_trunc => id.to_string(),
        Some(id) => short_id(id),
    }
}

fn command(history: &History, row: &HistoryRow) -> String {
    let command = row.created_by.replace('\t', " ");
    if history.no_trunc { command } else { clip(&command, WIDTH) }
}

/// A step as templates see it.
fn object(history: &History, row: &HistoryRow) -> Value {
    let size = if history.human { size(row.size) } else { row.size.to_string() };
    json!({
        "ID": id(history, row),
        "CreatedAt": row.created.clone().unwrap_or_default(),
        "CreatedSince": ago(row.created.as_deref()),
        "CreatedBy": command(history, row),
        "Size": size,
        "Comment": row.comment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapstrake_oci::Digest;

    #[test]
    fn steps_are_shown_as_docker_shows_them() {
        let history = |no_trunc, quiet, human| History {
            no_trunc,
            quiet,
            human,
            format: String::new(),
            platform: None,
            files: false,
            image: String::new(),
        };
        let text =
            |history: &History, rows: &[HistoryRow]| text(history, &Listing::Table, rows).unwrap();
        let row = |id, created_by: &str, size| HistoryRow {
            id,
            created: None,
            created_by: created_by.to_owned(),
            size,
            comment: "lapstrake".to_owned(),
        };
        let id = Digest::of(b"id");
        let long = "RUN /bin/sh -c echo 0123456789 0123456789 0123456789";
        let rows = [row(Some(id), "CMD [\"sh\"]", 0), row(None, long, 1200)];
        let short = short_id(&id);
        let expected = [
            "IMAGE          CREATED   CREATED BY                                      SIZE      COMMENT\n",
            &format!("{short}   N/A       CMD [\"sh\"]{}0B        lapstrake\n", " ".repeat(38)),
            "<missing>      N/A       RUN /bin/sh -c echo 0123456789 0123456789 01…   1.2kB     lapstrake\n",
        ];
        assert_eq!(text(&history(false, false, true), &rows), expected.concat());
        assert_eq!(text(&history(true, true, true), &rows), format!("{id}\n<missing>\n"));
        assert!(text(&history(true, false, false), &rows).contains(&format!("{long}   1200")));
    }
}
