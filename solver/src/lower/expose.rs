//! EXPOSE.

use lapstrake_parser::{Word, port};

use super::fault::{Faults, all, fault, with_help};
use super::stage::Stage;
use super::{format, word};

/// Each word may be several once its variables are expanded; each range is as many ports.
pub(super) fn expose(stage: &mut Stage, words: &[Word], escape: char) -> Result<(), Faults> {
    let mut words: Vec<&Word> = words.iter().collect();
    // BuildKit's history shows the words in this order, as they are written.
    words.sort_by_key(|word| word.as_str());
    let ports: Vec<String> = all(words.into_iter().map(|word| ports(stage, word, escape)))?
        .into_iter()
        .flatten()
        .collect();
    stage.note(format!("EXPOSE {}", format::plain_list(&ports)));
    for port in ports {
        stage.config().exposed_ports.insert(port, Default::default());
    }
    Ok(())
}

fn ports(stage: &Stage, word: &Word, escape: char) -> Result<Vec<String>, Faults> {
    let texts = word::expand_many(word, &stage.environment, escape)?;
    let ports = all(texts.iter().map(|text| {
        port::parse_port(text).map_err(|error| {
            let help = "write PORT, PORT/udp or FIRST-LAST";
            with_help(fault("expose-port", word.span(), error.to_string()), help)
        })
    }))?;
    Ok(ports.iter().flatten().map(ToString::to_string).collect())
}
