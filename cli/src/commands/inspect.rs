//! `lap inspect`.

use serde_json::Value;

use crate::args::Inspect;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::template::Template;
use crate::{images, output, platform};

/// Prints a JSON array of what is there, or a line for each, and a message for each that is not.
pub(crate) fn run(inspect: &Inspect, session: &Session) -> Result<Exit, Failure> {
    let form = Form::parse(inspect.format.as_deref())?;
    let platform = platform::of_flag(inspect.platform.as_deref())?;
    let images = images::local(session.store_to_read()?);
    let mut found = Vec::new();
    let mut exit = Exit::SUCCESS;
    for name in &inspect.images {
        match images.inspect(name, platform.as_ref()) {
            Ok(image) => found.push(image),
            Err(error) => {
                exit = Exit::FAILED;
                output::stderr(&Failure::of(&error).text());
            }
        }
    }
    let text = match &form {
        Form::Array => pretty(&Value::Array(found))?,
        Form::Json => found.iter().map(|image| format!("{image}\n")).collect(),
        Form::Lines(template) => {
            let lines = found.iter().map(|image| Ok(template.fill(image)? + "\n"));
            lines.collect::<Result<String, Failure>>()?
        }
    };
    output::foreign(&text)?;
    Ok(exit)
}

/// `--format`.
enum Form {
    Array,
    Json,
    Lines(Template),
}

impl Form {
    fn parse(format: Option<&str>) -> Result<Self, Failure> {
        match format {
            None | Some("") => Ok(Self::Array),
            Some("json") => Ok(Self::Json),
            Some(template) => Template::parse(template).map(Self::Lines),
        }
    }
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
