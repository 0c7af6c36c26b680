//! Faults for editors: `FILE:LINE:COLUMN: LEVEL[CODE]: MESSAGE`, one line each, as compilers write
//! them. The column counts characters from 1.

use lapstrake_parser::Diagnostic;

use super::source::Source;
use super::wrap;

/// The line of a fault, with its end. Causes follow the message behind colons.
pub(super) fn line(source: &Source, fault: &Diagnostic) -> String {
    let place = source.position(source.fitting(fault.span).start);
    let message = std::iter::once(&fault.message).chain(&fault.causes);
    let message: Vec<String> = message.map(|text| wrap::message(text)).collect();
    let message = message.join(": ").replace('\n', " ");
    let (name, level, code) = (source.name(), fault.severity.name(), fault.code);
    format!("{name}:{}:{}: {level}[{code}]: {message}\n", place.line, place.column)
}
