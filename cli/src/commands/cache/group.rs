//! `lap cache du --by`: what the store holds, by image, stage, step, mount or last use.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, SystemTime};

use lapstrake_cache::{Group, Origin, Piece, Store, UsageKind, nanoseconds};
use serde_json::{Value, json};

use super::du::title;
use super::mounts;
use crate::args::Grouping;
use crate::failure::Failure;
use crate::listing::{Column, Listing};
use crate::table::list_of;
use crate::text::{clip, one_line};
use crate::{human, images};

const COLUMNS: [Column; 6] = [
    ("Name", "NAME"),
    ("Project", "PROJECT"),
    ("Count", "COUNT"),
    ("Size", "SIZE"),
    ("Shared", "SHARED"),
    ("Reclaimable", "RECLAIMABLE"),
];

/// As much of a step as people read.
const WIDTH: usize = 60;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a group is known by. What belongs to none goes by its kind, behind all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Named { order: usize, project: String, name: String },
    Kind(UsageKind),
}

/// The groups as a list; the last row is all of them together.
pub(super) fn text(store: &Store, by: Grouping, listing: &Listing) -> Result<String, Failure> {
    let pieces = store.pieces(&images::local(store).needed()?)?;
    let keys: Vec<BTreeSet<Key>> = keys(store, by, &pieces)?;
    let all: BTreeSet<&Key> = keys.iter().flatten().collect();
    let number: BTreeMap<&Key, usize> =
        all.iter().enumerate().map(|(number, key)| (*key, number)).collect();
    let numbers =
        keys.iter().map(|keys| keys.iter().filter_map(|key| number.get(key).copied()).collect());
    let pieces: Vec<(Piece, Vec<usize>)> = pieces.into_iter().zip(numbers).collect();
    let grouped = store.grouped(&pieces, all.len())?;
    let mut rows: Vec<(&Key, Group)> = all.into_iter().zip(grouped.groups).collect();
    if by != Grouping::Age {
        rows.sort_by_key(|(key, group)| {
            (matches!(key, Key::Kind(_)), std::cmp::Reverse(group.size))
        });
    }
    let objects = rows.iter().map(|(key, group)| object(&name(key), project(key), group));
    let objects = objects.chain(std::iter::once(object("Total", "", &grouped.total)));
    match listing.text(&COLUMNS, objects)? {
        Some(text) => Ok(text),
        None => Ok(table(by, &rows, &grouped.total)),
    }
}

/// The groups of each piece.
fn keys(store: &Store, by: Grouping, pieces: &[Piece]) -> Result<Vec<BTreeSet<Key>>, Failure> {
    let of_pieces = |groups: &dyn Fn(&Piece) -> BTreeSet<Key>| {
        let keys = pieces.iter().map(|piece| {
            let groups = groups(piece);
            if groups.is_empty() { BTreeSet::from([Key::Kind(piece.kind)]) } else { groups }
        });
        keys.collect()
    };
    Ok(match by {
        Grouping::Image => {
            let holders = image_keys(store)?;
            of_pieces(&|piece| holders.get(&piece.id).cloned().unwrap_or_default())
        }
        Grouping::Stage | Grouping::Step => {
            let steps = step_keys(&store.origins()?, by);
            of_pieces(&|piece| steps.get(&piece.id).cloned().unwrap_or_default())
        }
        Grouping::Mount => {
            let mounts: HashMap<String, Key> = store
                .cache_mounts()?
                .into_iter()
                .map(|mount| (mount.id.clone(), named(0, "", &mounts::shown(&mount))))
                .collect();
            of_pieces(&|piece| mounts.get(&piece.id).cloned().into_iter().collect())
        }
        Grouping::Age => {
            let used = last_uses(&store.origins()?);
            let now = nanoseconds(SystemTime::now());
            of_pieces(&|piece| {
                let used = used.get(&piece.id).copied().unwrap_or(piece.time);
                BTreeSet::from([age(now.saturating_sub(used))])
            })
        }
    })
}

fn named(order: usize, project: &str, name: &str) -> Key {
    Key::Named { order, project: project.to_owned(), name: name.to_owned() }
}

/// The images that hold a layer or blob, by its name in the store.
fn image_keys(store: &Store) -> Result<HashMap<String, BTreeSet<Key>>, Failure> {
    let mut keys: HashMap<String, BTreeSet<Key>> = HashMap::new();
    for image in images::local(store).holders()? {
        let name = match image.names.is_empty() {
            true => human::short_id(&image.id),
            false => image.names.join(", "),
        };
        let key = named(0, "", &name);
        for layer in &image.needed.layers {
            if let Some(stored) = store.locate(layer)? {
                keys.entry(stored.to_string()).or_default().insert(key.clone());
            }
        }
        for blob in &image.needed.blobs {
            keys.entry(blob.hex()).or_default().insert(key.clone());
        }
    }
    Ok(keys)
}

/// The steps, or stages, that made a layer.
fn step_keys(origins: &[Origin], by: Grouping) -> HashMap<String, BTreeSet<Key>> {
    let mut keys: HashMap<String, BTreeSet<Key>> = HashMap::new();
    for origin in origins {
        let Some(step) = &origin.name else { continue };
        let name = if by == Grouping::Stage { stage(step) } else { step };
        let project = origin.project.as_deref().unwrap_or_default();
        let key = named(0, project, name);
        keys.entry(origin.record.layer.to_string()).or_default().insert(key);
    }
    keys
}

/// What stands before the number of a step: `[stage 2/5] …`. The only stage of a Dockerfile has no name.
fn stage(step: &str) -> &str {
    let head = step.split(']').next().unwrap_or(step).trim_start_matches('[');
    head.rsplit_once(' ').map_or("(the only stage)", |(stage, _)| stage)
}

fn last_uses(origins: &[Origin]) -> BTreeMap<String, i64> {
    let mut uses: BTreeMap<String, i64> = BTreeMap::new();
    for origin in origins {
        let used = uses.entry(origin.record.layer.to_string()).or_insert(i64::MIN);
        *used = origin.used.max(*used);
    }
    uses
}

/// How long ago something was used last.
fn age(nanoseconds: i64) -> Key {
    let age = Duration::from_nanos(nanoseconds.max(0).unsigned_abs());
    let bounds = [(1, "within a day"), (7, "within 7 days"), (30, "within 30 days")];
    let found = bounds.iter().enumerate().find(|(_, (days, _))| age < DAY * *days);
    match found {
        Some((order, (_, name))) => named(order, "", name),
        None => named(bounds.len(), "", "earlier"),
    }
}

fn name(key: &Key) -> String {
    match key {
        Key::Named { name, .. } => name.clone(),
        Key::Kind(kind) => format!("({})", title(*kind).to_lowercase()),
    }
}

fn project(key: &Key) -> &str {
    match key {
        Key::Named { project, .. } => project,
        Key::Kind(_) => "",
    }
}

fn table(by: Grouping, rows: &[(&Key, Group)], total: &Group) -> String {
    let header = match by {
        Grouping::Image => "IMAGE",
        Grouping::Stage => "STAGE",
        Grouping::Step => "STEP",
        Grouping::Mount => "MOUNT",
        Grouping::Age => "LAST USED",
    };
    let has_project = matches!(by, Grouping::Stage | Grouping::Step);
    let row = |name: &str, project: &str, group: &Group| {
        let mut cells = vec![clip(&one_line(name), WIDTH)];
        if has_project {
            cells.push(dockerfile(project));
        }
        cells.push(group.count.to_string());
        cells.extend([group.size, group.shared, group.reclaimable].map(human::size));
        cells
    };
    let mut head = vec![header.to_owned()];
    head.extend(has_project.then(|| "DOCKERFILE".to_owned()));
    head.extend(["COUNT", "SIZE", "SHARED", "RECLAIMABLE"].map(str::to_owned));
    let mut cells = vec![head];
    cells.extend(rows.iter().map(|(key, group)| row(&name(key), project(key), group)));
    cells.push(row("Total", "", total));
    let mut text = list_of(&cells);
    if total.shared > 0 {
        let shared = human::size(total.shared);
        text += &format!(
            "Shared: {shared}, in the row of each that has it and once in the total, so rows add up to more\n"
        );
    }
    text
}

/// Where the Dockerfile of a project is: that tells projects apart for people.
fn dockerfile(project: &str) -> String {
    let (folder, name) = project.split_once('\n').unwrap_or(("", project));
    one_line(&Path::new(folder).join(name).to_string_lossy())
}

fn object(name: &str, project: &str, group: &Group) -> Value {
    json!({
        "Name": name,
        "Project": project.replace('\n', ", "),
        "Count": group.count,
        "Size": group.size,
        "Shared": group.shared,
        "Reclaimable": group.reclaimable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_stages_are_told_apart() {
        let name_of = |days: i64| name(&age(days * 86_400 * 1_000_000_000));
        assert_eq!(
            [0, 1, 6, 7, 29, 30, 4000].map(name_of),
            [
                "within a day",
                "within 7 days",
                "within 7 days",
                "within 30 days",
                "within 30 days",
                "earlier",
                "earlier"
            ]
        );
        assert!(age(0) < age(i64::MAX));
        assert_eq!(stage("[build 2/5] RUN [ -e x ]"), "build");
        assert_eq!(stage("[linux/arm64 build 2/5] RUN x"), "linux/arm64 build");
        assert_eq!(stage("[2/5] RUN x"), "(the only stage)");
    }
}
