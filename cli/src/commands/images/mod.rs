//! `lap images`.

mod filter;
pub(crate) mod prune;
mod tree;

use lapstrake_image::ImageSummary;
use lapstrake_oci::Reference;
use serde_json::{Value, json};

use self::filter::Filters;
use crate::args::Images;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::human::{ago, short_id, size};
use crate::listing::{Column, Listing};
use crate::session::Session;
use crate::table::list;
use crate::{images, output};

/// What stands for a name that there is not.
const NONE: &str = "<none>";

/// A name of an image; an image with several has several rows.
struct Row<'a> {
    repository: String,
    tag: String,
    image: &'a ImageSummary,
}

const COLUMNS: [Column; 11] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedSince", "CREATED"),
    ("Size", "SIZE"),
    ("VirtualSize", "SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("Containers", "CONTAINERS"),
];

/// Lists images.
pub(crate) fn run(arguments: &Images, session: &Session) -> Result<Exit, Failure> {
    let listing = Listing::parse(&arguments.format)?;
    let wanted = arguments.name.as_deref().map(Wanted::parse).transpose()?;
    let filters = Filters::parse(&arguments.filter)?;
    let images = images::local(session.store_to_read()?);
    let all = images.list()?;
    let filters = filters.resolved(|name| Ok(images.find(name)?.config.created))?;
    let rows: Vec<Row<'_>> = all
        .iter()
        .flat_map(rows)
        .filter(|row| wanted.as_ref().is_none_or(|wanted| wanted.matches(row)))
        .filter(|row| filters.matches(row))
        .collect();
    let text = match arguments.tree {
        true => tree::text(&rows),
        false => text(arguments, &listing, &rows)?,
    };
    output::foreign(&text)?;
    Ok(Exit::SUCCESS)
}

fn text(arguments: &Images, listing: &Listing, rows: &[Row<'_>]) -> Result<String, Failure> {
    let id = |row: &Row<'_>| match arguments.no_trunc {
        true => row.image.id.to_string(),
        false => short_id(&row.image.id),
    };
    if arguments.quiet {
        return Ok(rows.iter().map(|row| id(row) + "\n").collect());
    }
    let objects = rows.iter().map(|row| object(row, &id(row)));
    if let Some(text) = listing.text(&COLUMNS, objects)? {
        return Ok(text);
    }
    let cells = |row: &Row<'_>| {
        let created = ago(row.image.created.as_deref());
        [row.repository.clone(), row.tag.clone(), id(row), created, size(row.image.size)]
    };
    if arguments.digests {
        let cells = rows.iter().map(|row| {
            let [repository, tag, id, created, size] = cells(row);
            [repository, tag, digest(row), id, created, size]
        });
        let header = ["REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"];
        return Ok(list(header, &cells.collect::<Vec<_>>()));
    }
    let cells: Vec<_> = rows.iter().map(cells).collect();
    Ok(list(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], &cells))
}

/// What a registry knows the image by.
fn digest(row: &Row<'_>) -> String {
    let digest = row.image.digests.iter().find(|name| name.familiar_name() == row.repository);
    let digest = digest.and_then(Reference::digest);
    digest.map_or(NONE.to_owned(), |digest| digest.to_string())
}

/// A row as templates see it. What Docker's daemon alone knows is what it says when it does not.
fn object(row: &Row<'_>, id: &str) -> Value {
    let size = size(row.image.size);
    json!({
        "Repository": row.repository,
        "Tag": row.tag,
        "Digest": digest(row),
        "ID": id,
        "CreatedAt": row.image.created.clone().unwrap_or_default(),
        "CreatedSince": ago(row.image.created.as_deref()),
        "Size": size,
        "VirtualSize": size,
        "UniqueSize": "N/A",
        "SharedSize": "N/A",
        "Containers": "N/A",
    })
}

/// One row for each tag; without a tag, one for each repository that a digest is known in; else one
/// without a name.
fn rows(image: &ImageSummary) -> Vec<Row<'_>> {
    let row = |repository: String, tag: &str| Row { repository, tag: tag.to_owned(), image };
    let tagged =
        image.names.iter().map(|name| row(name.familiar_name(), name.tag().unwrap_or(NONE)));
    let tagged: Vec<_> = tagged.collect();
    if !tagged.is_empty() {
        return tagged;
    }
    let mut repositories: Vec<String> =
        image.digests.iter().map(Reference::familiar_name).collect();
    repositories.dedup();
    match repositories.is_empty() {
        true => vec![row(NONE.to_owned(), NONE)],
        false => repositories.into_iter().map(|repository| row(repository, NONE)).collect(),
    }
}

/// `REPOSITORY[:TAG]`.
struct Wanted {
    repository: String,
    tag: Option<String>,
}

impl Wanted {
    fn parse(text: &str) -> Result<Self, Failure> {
        let name = images::parsed(text)?;
        let last = text.rsplit('/').next().unwrap_or(text);
        let tag = name.tag().filter(|_| last.contains(':')).map(str::to_owned);
        Ok(Self { repository: name.familiar_name(), tag })
    }

    fn matches(&self, row: &Row<'_>) -> bool {
        row.repository == self.repository && self.tag.as_ref().is_none_or(|tag| *tag == row.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapstrake_oci::Digest;

    fn summary(names: &[&str], digests: &[&str]) -> ImageSummary {
        let parsed = |texts: &[&str]| -> Vec<Reference> {
            texts.iter().map(|text| Reference::parse(text).unwrap()).collect()
        };
        ImageSummary {
            names: parsed(names),
            digests: parsed(digests),
            id: Digest::of(b"id"),
            manifest: Digest::of(b"manifest"),
            created: None,
            platform: lapstrake_oci::Platform::new("linux", "amd64", ""),
            labels: std::collections::BTreeMap::new(),
            size: 4_270_000,
        }
    }

    fn shown(image: &ImageSummary) -> Vec<(String, String)> {
        rows(image).into_iter().map(|row| (row.repository, row.tag)).collect()
    }

    #[test]
    fn every_name_has_a_row() {
        let pair = |repository: &str, tag: &str| (repository.to_owned(), tag.to_owned());
        let digest = format!("busybox@{}", Digest::of(b"x"));
        let named = summary(&["busybox:1", "localhost:5000/a/b:2"], &[&digest]);
        assert_eq!(shown(&named), [pair("busybox", "1"), pair("localhost:5000/a/b", "2")]);
        assert_eq!(shown(&summary(&[], &[&digest])), [pair("busybox", "<none>")]);
        assert_eq!(shown(&summary(&[], &[])), [pair("<none>", "<none>")]);
    }

    #[test]
    fn a_name_filters_with_or_without_its_tag() {
        let image = summary(&["busybox:1", "busybox:latest", "localhost:5000/b:1"], &[]);
        let count = |text: &str| {
            let wanted = Wanted::parse(text).unwrap();
            rows(&image).iter().filter(|row| wanted.matches(row)).count()
        };
        assert_eq!(count("busybox"), 2);
        assert_eq!(count("docker.io/library/busybox:1"), 1);
        assert_eq!(count("localhost:5000/b"), 1);
        assert_eq!(count("other"), 0);
    }

    #[test]
    fn the_table_is_dockers() {
        let arguments = Images {
            all: false,
            quiet: false,
            no_trunc: false,
            digests: false,
            tree: false,
            filter: Vec::new(),
            format: String::new(),
            name: None,
        };
        let text =
            |arguments: &Images, rows: &[Row<'_>]| text(arguments, &Listing::Table, rows).unwrap();
        let image = summary(&["busybox:1"], &[]);
        let id = short_id(&image.id);
        assert_eq!(
            text(&arguments, &rows(&image)),
            format!(
                "REPOSITORY   TAG       IMAGE ID       CREATED   SIZE\n\
                 busybox      1         {id}   N/A       4.27MB\n"
            )
        );
        assert_eq!(text(&Images { quiet: true, ..arguments }, &rows(&image)), format!("{id}\n"));
    }
}
