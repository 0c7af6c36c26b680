//! `lap search`.

use lapstrake_registry::{Client, Found};
use serde_json::{Value, json};

use crate::args::Search;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listing::{Column, Listing};
use crate::table::list;
use crate::text::clip;
use crate::{output, session};

const HUB: &str = "docker.io";
/// How much of a description is shown, unless all of it is asked for. Docker's.
const WIDTH: usize = 45;

const COLUMNS: [Column; 5] = [
    ("Name", "NAME"),
    ("Description", "DESCRIPTION"),
    ("StarCount", "STARS"),
    ("IsOfficial", "OFFICIAL"),
    ("IsAutomated", "AUTOMATED"),
];

/// Lists the repositories that a registry finds.
pub(crate) fn run(search: &Search) -> Result<Exit, Failure> {
    let listing = Listing::parse(&search.format)?;
    let filters = Filters::parse(&search.filter)?;
    let (registry, term) = registry_and_term(&search.term);
    let client = Client::new(session::registries()?).map_err(|error| Failure::of(&error))?;
    let mut found = client
        .search(registry, term, usize::from(search.limit))
        .map_err(|error| Failure::of(&error))?;
    found.retain(|found| filters.matches(found));
    let rows: Vec<[String; 5]> = found.iter().map(|found| row(search, found)).collect();
    let text = match listing.text(&COLUMNS, rows.iter().map(object))? {
        Some(text) => text,
        None => {
            let cells = rows.into_iter().map(|[name, description, stars, official, _]| {
                [name, description, stars, official]
            });
            list(["NAME", "DESCRIPTION", "STARS", "OFFICIAL"], &cells.collect::<Vec<_>>())
        }
    };
    output::foreign(&text)?;
    Ok(Exit::SUCCESS)
}

/// What stands before the first slash is a registry when it looks like a host.
fn registry_and_term(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((host, term)) if host.contains(['.', ':']) || host == "localhost" => match host {
            "index.docker.io" => (HUB, term),
            host => (host, term),
        },
        _ => (HUB, text),
    }
}

fn row(search: &Search, found: &Found) -> [String; 5] {
    let description = found.description.as_deref().unwrap_or_default().replace(['\n', '\r'], " ");
    let description = if search.no_trunc { description } else { clip(&description, WIDTH) };
    let mark = |is: bool| if is { "[OK]".to_owned() } else { String::new() };
    [
        found.name.clone(),
        description,
        found.star_count.to_string(),
        mark(found.is_official),
        mark(found.is_automated),
    ]
}

fn object(row: &[String; 5]) -> Value {
    let [name, description, stars, official, automated] = row;
    json!({"Name": name, "Description": description, "StarCount": stars, "IsOfficial": official,
           "IsAutomated": automated})
}

#[derive(Default)]
struct Filters {
    official: Option<bool>,
    automated: Option<bool>,
    stars: u64,
}

impl Filters {
    fn parse(texts: &[String]) -> Result<Self, Failure> {
        let mut filters = Self::default();
        for text in texts {
            let wrong = || {
                Failure::new(format!("the filter {text} is not known"))
                    .help("there are is-official=BOOL is-automated=BOOL stars=NUMBER")
            };
            match text.split_once('=').ok_or_else(wrong)? {
                ("is-official", value) => {
                    filters.official = value.parse().map(Some).map_err(|_| wrong())?
                }
                ("is-automated", value) => {
                    filters.automated = value.parse().map(Some).map_err(|_| wrong())?
                }
                ("stars", value) => filters.stars = value.parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            }
        }
        Ok(filters)
    }

    fn matches(&self, found: &Found) -> bool {
        self.official.is_none_or(|wanted| wanted == found.is_official)
            && self.automated.is_none_or(|wanted| wanted == found.is_automated)
            && found.star_count >= self.stars
    }
}
