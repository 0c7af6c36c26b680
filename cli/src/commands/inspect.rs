//! `lap inspect`.

use serde_json::Value;

use crate::args::Inspect;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::{images, output};

/// Prints a JSON array of what is there, and a message for each that is not.
pub(crate) fn run(inspect: &Inspect, session: &Session) -> Result<Exit, Failure> {
    let images = images::local(session.store()?);
    let mut found = Vec::new();
    let mut exit = Exit::SUCCESS;
    for name in &inspect.images {
        match images.inspect(name) {
            Ok(image) => found.push(image),
            Err(error) => {
                exit = Exit::FAILED;
                output::stderr(&Failure::of(&error).text());
            }
        }
    }
    output::stdout(&pretty(&Value::Array(found))?)?;
    Ok(exit)
}

/// Four spaces deep, as Docker prints it. Escape sequences in labels stay escaped.
fn pretty(value: &Value) -> Result<String, Failure> {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    let written = value.serialize(&mut serializer);
    written.map_err(|error| Failure::new("cannot write the image as JSON").because(&error))?;
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
