//! Of each layer of an image: which step made it, and what holds it.

use lapstrake_cache::Origin;
use lapstrake_image::ResolvedImage;
use lapstrake_rootfs::LayerId;
use serde_json::{Value, json};

use super::holder::{Holders, described, few, others};
use super::{Told, short};
use crate::failure::Failure;
use crate::human;
use crate::text::one_line;

pub(super) fn tell(
    holders: &Holders<'_>,
    name: &str,
    image: &ResolvedImage,
) -> Result<Told, Failure> {
    let mut made = image.config.history.iter().filter(|step| !step.empty_layer);
    let layers: Vec<_> = image.layers().map(|(_, diff_id)| LayerId::Image(diff_id)).collect();
    let mut text = format!(
        "{name}: {} for {}, {}\n",
        human::short_id(&image.id()),
        image.config.platform(),
        human::count(layers.len() as u64, "layer")
    );
    let mut objects = Vec::new();
    let mut below = None;
    for (number, layer) in (1..).zip(layers) {
        let history = made.next().map(|step| one_line(&step.created_by)).unwrap_or_default();
        let place = Place { layer, below, history };
        let told = layer_of(holders, &place)?;
        text.push_str(&format!("\n{number}  {}", told.text));
        objects.push(told.json);
        below = Some(layer);
    }
    let json = json!({
        "Image": name,
        "ID": image.id().to_string(),
        "Platform": image.config.platform().to_string(),
        "Layers": objects,
    });
    Ok(Told { text, json })
}

/// A layer of an image, as that calls it.
struct Place {
    layer: LayerId,
    /// The one below it.
    below: Option<LayerId>,
    /// What the image says of it.
    history: String,
}

/// The records that lead to a layer, those of steps that made it in this place first: equal layers are
/// one, whatever made them.
fn records<'h>(
    holders: &'h Holders<'_>,
    here: &LayerId,
    below: Option<LayerId>,
) -> Result<Vec<&'h Origin>, Failure> {
    let stored = below.map(|below| holders.store.locate(&below)).transpose()?.flatten();
    let is_here = |origin: &Origin| origin.below == below || origin.below == stored;
    let mut records: Vec<&Origin> = holders.records(here).collect();
    // A step with mounts has a second key, of which nothing is told.
    records.sort_by_key(|origin| (origin.name.is_none(), !is_here(origin)));
    Ok(records)
}

fn layer_of(holders: &Holders<'_>, place: &Place) -> Result<Told, Failure> {
    let Place { layer, below, history } = place;
    let store = holders.store;
    let stored = store.locate(layer)?;
    let here = stored.unwrap_or(*layer);
    let held = holders.of(&here)?;
    let mut lines = vec![described(store, &here)?];
    let records = records(holders, &here, *below)?;
    let record_of_step = records.first();
    let step = record_of_step.and_then(|origin| origin.name.as_deref());
    let maker = one_line(step.unwrap_or(history));
    let maker = if maker.is_empty() { "unknown: its image does not say" } else { &maker };
    lines.push(format!("made by   {maker}"));
    match record_of_step {
        Some(origin) => {
            lines.push(format!("made      {}", made(origin)));
            lines.push(format!("key       {}, whose record is kept", short(&origin.key)));
        }
        None => lines.push(format!("key       {}", keyless(&here))),
    }
    lines.extend(also_by(records.get(1..).unwrap_or_default()));
    lines.push(format!("held by   {}", held.by()));
    lines.push(format!("freed by  {}", held.freed_by()));
    let json = json!({
        "Layer": here.to_string(),
        "DiffID": layer.to_string().replace("sha256-", "sha256:"),
        "IsHere": stored.is_some(),
        "Size": store.layer_size(&here)?,
        "CreatedBy": history,
        "Step": step,
        "Records": records.iter().map(|origin| record(origin)).collect::<Vec<_>>(),
        "HeldBy": held.json(),
        "FreedBy": held.freed_by(),
    });
    Ok(Told { text: lines.join("\n   ") + "\n", json })
}

/// A line for each other step that came to it, with its keys.
fn also_by(records: &[&Origin]) -> Vec<String> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    for record in records {
        let Some(name) = record.name.as_deref().map(one_line) else { continue };
        match steps.iter_mut().find(|(known, _)| *known == name) {
            Some((_, keys)) => keys.push(short(&record.key)),
            None => steps.push((name, vec![short(&record.key)])),
        }
    }
    let line = |(name, keys): (String, Vec<String>)| {
        format!("also by   {name} ({}{})", few(&keys), others(&keys, "key"))
    };
    steps.into_iter().map(line).collect()
}

/// Why a layer has no key.
fn keyless(layer: &LayerId) -> &'static str {
    match layer {
        LayerId::Image(_) => "none: it came with an image",
        LayerId::Built(_) => {
            "none is kept: its record was removed, or the build was told to keep none"
        }
    }
}

/// When, and how long it took.
pub(super) fn made(origin: &Origin) -> String {
    let created = human::since_within(origin.record.created);
    let took = origin.took.map(|took| format!(", in {}", seconds(took))).unwrap_or_default();
    format!("{created}{took}; used last {}", human::since_within(origin.used))
}

pub(super) fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02}s", milliseconds / 1000, milliseconds % 1000 / 10)
}

pub(super) fn record(origin: &Origin) -> Value {
    json!({
        "Key": origin.key.to_string(),
        "Step": origin.name,
        "Project": origin.project,
        "Created": human::timestamp(origin.record.created),
        "LastUsed": human::timestamp(origin.used),
        "Milliseconds": origin.took,
    })
}
