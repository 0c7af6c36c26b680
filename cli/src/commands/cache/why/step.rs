//! Of a step: what its key is made of, why it ran, what builds on it.

use lapstrake_cache::{ActionKey, Origin};
use lapstrake_solver::why::{Known, known};
use serde_json::json;

use super::holder::{Holders, described};
use super::image::{made, record};
use super::{Told, failed, short};
use crate::failure::Failure;
use crate::human;
use crate::text::{clip, list_entry, one_line};

pub(super) fn tell(holders: &Holders<'_>, key: &ActionKey) -> Result<Told, Failure> {
    let Some(origin) = holders.origins.iter().find(|origin| origin.key == *key) else {
        return gone(holders, key);
    };
    let is_named = |other: &&Origin| other.name.is_some();
    let step = holders.records(&origin.record.layer).find(is_named);
    match step.filter(|_| origin.name.is_none()) {
        Some(step) => {
            let told = recorded(holders, step)?;
            let text = format!("{} is a second key of this step\n{}", short(key), told.text);
            Ok(Told { text, ..told })
        }
        None => recorded(holders, origin),
    }
}

fn recorded(holders: &Holders<'_>, origin: &Origin) -> Result<Told, Failure> {
    let (key, layer) = (&origin.key, &origin.record.layer);
    let account = match &origin.step {
        Some(step) => known(holders.store, step, key)?,
        None => None,
    };
    let held = holders.of(layer)?;
    let name = origin.name.as_deref().unwrap_or("internal work of a build");
    let mut lines = vec![one_line(name)];
    lines.push(format!("key        {key}"));
    if let Some(project) = &origin.project {
        lines.push(format!("project    {}", list_entry(&project.replace('\n', ", "))));
    }
    lines.push(format!("layer      {}", described(holders.store, layer)?));
    lines.push(format!("made       {}", made(origin)));
    // As the build said it, which knew more than is kept.
    let told = holders.store.told(key)?;
    let reason = told.or_else(|| account.as_ref().map(|account| account.reason.to_string()));
    lines.push(match &reason {
        Some(reason) => format!("ran        because: {reason}"),
        None => "ran        why is not kept".to_owned(),
    });
    if let Some(below) = &origin.below {
        lines.push(format!("stands on  {}", described(holders.store, below)?));
    }
    lines.push(format!("held by    {}", held.by()));
    lines.push(format!("freed by   {}", held.freed_by()));
    lines.extend(account.iter().flat_map(parts));
    let above = match held.steps.is_empty() {
        true => "nothing of which there is a record".to_owned(),
        false => held.above(),
    };
    lines.push(format!("what builds on it: {above}"));
    let json = json!({
        "Record": record(origin),
        "Layer": layer.to_string(),
        "Size": holders.store.layer_size(layer)?,
        "Below": origin.below.map(|below| below.to_string()),
        "Reason": reason,
        "Parts": account.as_ref().map(|account| {
            let parts = account.parts.iter();
            let part = |part: &lapstrake_solver::reason::Part| {
                json!({"Subject": part.subject.to_string(), "Text": part.text})
            };
            parts.map(part).collect::<Vec<_>>()
        }),
        "HeldBy": held.json(),
        "FreedBy": held.freed_by(),
    });
    Ok(Told { text: lines.join("\n") + "\n", json })
}

/// As much of a text as people read.
const WIDTH: usize = 200;

/// What the key is made of, in words.
fn parts(account: &Known) -> Vec<String> {
    let mut lines = vec!["its key is made of".to_owned()];
    for part in account.parts.iter().filter(|part| !part.is_unset()) {
        let subject = list_entry(&part.subject.to_string());
        let files = match part.subject {
            lapstrake_solver::reason::Subject::Files if account.files > 0 => {
                format!(" ({})", human::count(account.files as u64, "file"))
            }
            _ => String::new(),
        };
        let text = match part.text.is_empty() {
            true => "known by its content".to_owned(),
            false => clip(&one_line(&part.text), WIDTH),
        };
        lines.push(format!("  {subject:<24} {text}{files}").trim_end().to_owned());
    }
    lines
}

/// A key without a record.
fn gone(holders: &Holders<'_>, key: &ActionKey) -> Result<Told, Failure> {
    let evicted = holders.store.evicted(key)?;
    let log = failed(holders.store)?.into_iter().find(|(failed, _)| failed == key);
    let mut lines = vec![format!("key        {key}")];
    if let Some(time) = evicted {
        let since = human::since_within(time);
        lines.push(format!(
            "record     evicted {since}: the next build that needs the step executes it"
        ));
    }
    if let Some((_, build)) = &log {
        let command = &holders.command;
        lines.push("record     none: its command failed".to_owned());
        lines.push(format!("log        {command} build logs {build}"));
        lines.push(format!("a shell where it had begun: {command} run -it --step {}", short(key)));
    }
    let json = json!({
        "Key": key.to_string(),
        "Evicted": evicted.map(human::timestamp),
        "FailedIn": log.map(|(_, build)| build),
    });
    Ok(Told { text: lines.join("\n") + "\n", json })
}
