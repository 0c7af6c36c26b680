//! `lap history`.

use lapstrake_image::HistoryRow;

use crate::args::History;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::{ago, short_id, size};
use crate::session::Session;
use crate::table::table;
use crate::text::clip;
use crate::{images, output};

/// How much of a command is shown, unless all of it is asked for. Docker's.
const WIDTH: usize = 45;

/// Shows how an image was made, the newest step first.
pub(crate) fn run(history: &History, session: &Session) -> Result<Exit, Failure> {
    let rows = images::local(session.store()?).history(&history.image)?;
    output::stdout(&text(history, &rows))?;
    Ok(Exit::SUCCESS)
}

fn text(history: &History, rows: &[HistoryRow]) -> String {
    let id = |row: &HistoryRow| match &row.id {
        None => "<missing>".to_owned(),
        Some(id) if history.no_trunc => id.to_string(),
        Some(id) => short_id(id),
    };
    if history.quiet {
        return rows.iter().map(|row| id(row) + "\n").collect();
    }
    let cells = rows.iter().map(|row| {
        let command = row.created_by.replace('\t', " ");
        let command = if history.no_trunc { command } else { clip(&command, WIDTH) };
        let (created, size) = match history.human {
            true => (ago(row.created.as_deref()), size(row.size)),
            false => (row.created.clone().unwrap_or_default(), row.size.to_string()),
        };
        [id(row), created, command, size, row.comment.clone()]
    });
    let cells: Vec<_> = cells.collect();
    table(["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], &cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapstrake_oci::Digest;

    #[test]
    fn steps_are_shown_as_docker_shows_them() {
        let history =
            |no_trunc, quiet, human| History { no_trunc, quiet, human, image: String::new() };
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
            "IMAGE          CREATED   CREATED BY                                      SIZE    COMMENT\n",
            &format!("{short}   N/A       CMD [\"sh\"]{}0B      lapstrake\n", " ".repeat(38)),
            "<missing>      N/A       RUN /bin/sh -c echo 0123456789 0123456789 01…   1.2kB   lapstrake\n",
        ];
        assert_eq!(text(&history(false, false, true), &rows), expected.concat());
        assert_eq!(text(&history(true, true, true), &rows), format!("{id}\n<missing>\n"));
        assert!(text(&history(true, false, false), &rows).contains(&format!("{long}   1200")));
    }
}
