//! EXPOSE.

use lapstrake_parser::{Diagnostic, Word, port};

use super::fault::{fault, with_help};
use super::stage::Stage;
use super::{format, word};

/// Each word may be several once its variables are expanded; each range is as many ports.
pub(super) fn expose(stage: &mut Stage, words: &[Word], escape: char) -> Result<(), Diagnostic> {
    let mut words: Vec<&Word> = words.iter().collect();
    // BuildKit's history shows the words in this order, as they are written.
    words.sort_by_key(|word| word.as_str());
    let mut ports: Vec<String> = Vec::new();
    for word in words {
        for text in word::expand_many(word, &stage.environment, escape)? {
            let parsed = port::parse_port(&text).map_err(|error| {
                let help = "write PORT, PORT/udp or FIRST-LAST";
                with_help(fault("expose-port", word.span, error.to_string()), help)
            })?;
            ports.extend(parsed.iter().map(ToString::to_string));
        }
    }
    stage.note(format!("EXPOSE {}", format::plain_list(&ports)));
    for port in ports {
        stage.config().exposed_ports.insert(port, Default::default());
    }
    Ok(())
}
