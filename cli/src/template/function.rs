//! The functions of templates: Go's own and Docker's.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Fault, Outcome};

/// Calls a function.
pub(super) fn call(name: &str, arguments: Vec<Value>) -> Outcome<Value> {
    let text_of = |at: usize| text(name, &arguments, at);
    Ok(match name {
        "json" => Value::String(json(argument(name, &arguments, 0)?)?),
        "join" => Value::String(join(&arguments)?),
        "split" => text_of(0)?.split(text_of(1)?).map(Value::from).collect(),
        "lower" => text_of(0)?.to_lowercase().into(),
        "upper" => text_of(0)?.to_uppercase().into(),
        "title" => title(text_of(0)?).into(),
        "truncate" => {
            text_of(0)?.chars().take(number(name, &arguments, 1)?).collect::<String>().into()
        }
        "pad" => pad(text_of(0)?, number(name, &arguments, 1)?, number(name, &arguments, 2)?)?,
        "print" => print(&arguments).into(),
        "println" => {
            let words: Vec<String> = arguments.iter().map(shown).collect();
            format!("{}\n", words.join(" ")).into()
        }
        "printf" => printf(text_of(0)?, arguments.get(1..).unwrap_or_default())?.into(),
        "len" => length(argument(name, &arguments, 0)?)?.into(),
        "index" => index(arguments)?,
        "slice" => slice(&arguments)?,
        "not" => (!is_true(argument(name, &arguments, 0)?)).into(),
        "and" => decisive(arguments, false)?,
        "or" => decisive(arguments, true)?,
        "eq" => equal(&arguments)?.into(),
        "ne" => (!equal(&arguments)?).into(),
        "lt" => (compare(&arguments)? == Ordering::Less).into(),
        "le" => (compare(&arguments)? != Ordering::Greater).into(),
        "gt" => (compare(&arguments)? == Ordering::Greater).into(),
        "ge" => (compare(&arguments)? != Ordering::Less).into(),
        _ => {
            return Err(Fault {
                what: format!("the function {name} is not known"),
                help: Some(
                    "there are json join split lower upper title truncate pad print println printf \
                     len index slice not and or eq ne lt le gt ge"
                        .to_owned(),
                ),
            });
        }
    })
}

/// Go's truth: not empty, not zero.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
    }
}

/// As Go prints values (`%v`).
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(items) => {
            let items = items.iter().map(|(key, item)| format!("{key}:{}", shown(item)));
            format!("map[{}]", items.collect::<Vec<_>>().join(" "))
        }
    }
}

/// What kind of a value it is, for messages.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn argument<'a>(name: &str, arguments: &'a [Value], at: usize) -> Outcome<&'a Value> {
    arguments.get(at).ok_or_else(|| Fault::new(format!("{name} wants more arguments")))
}

fn text<'a>(name: &str, arguments: &'a [Value], at: usize) -> Outcome<&'a str> {
    let found = argument(name, arguments, at)?;
    found.as_str().ok_or_else(|| Fault::new(format!("{name} wants a text, not {}", kind(found))))
}

fn number(name: &str, arguments: &[Value], at: usize) -> Outcome<usize> {
    let found = argument(name, arguments, at)?;
    let number = found.as_u64().and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| Fault::new(format!("{name} wants a number, not {}", shown(found))))
}

fn json(value: &Value) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Fault::new(error.to_string()))
}

fn join(arguments: &[Value]) -> Outcome<String> {
    let separator = text("join", arguments, 1)?;
    match argument("join", arguments, 0)? {
        Value::Array(items) => Ok(items.iter().map(shown).collect::<Vec<_>>().join(separator)),
        Value::Null => Ok(String::new()),
        other => Err(Fault::new(format!("join wants a list, not {}", kind(other)))),
    }
}

fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut is_start = true;
    for letter in text.chars() {
        match is_start {
            true => titled.extend(letter.to_uppercase()),
            false => titled.push(letter),
        }
        is_start = letter.is_whitespace();
    }
    titled
}

fn pad(text: &str, before: usize, after: usize) -> Outcome<Value> {
    /// Nobody has a wider terminal.
    const MAX: usize = 10_000;
    match text.is_empty() {
        true => Ok(text.into()),
        false if before > MAX || after > MAX => Err(Fault::new("pad wants smaller numbers")),
        false => Ok(format!("{}{text}{}", " ".repeat(before), " ".repeat(after)).into()),
    }
}

/// Go's `Sprint`: spaces between what is no text.
fn print(arguments: &[Value]) -> String {
    let mut text = String::new();
    let mut before: Option<&Value> = None;
    for argument in arguments {
        if before.is_some_and(|before| !before.is_string() && !argument.is_string()) {
            text.push(' ');
        }
        text += &shown(argument);
        before = Some(argument);
    }
    text
}

/// `%s`, `%v`, `%d`, `%t`, `%q` and `%%`, with a width.
fn printf(format: &str, arguments: &[Value]) -> Outcome<String> {
    let mut text = String::new();
    let mut arguments = arguments.iter();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let left = letters.next_if_eq(&'-').is_some();
        let mut width: u16 = 0;
        while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
            letters.next();
            // Ten does not outgrow sixteen bits.
            width = width.saturating_mul(10).saturating_add(u16::try_from(digit).unwrap_or(0));
        }
        let verb = letters.next().ok_or_else(|| Fault::new("printf: a % stands alone"))?;
        if verb == '%' {
            text.push('%');
            continue;
        }
        let value = arguments.next();
        let value = value.ok_or_else(|| Fault::new(format!("printf has nothing for %{verb}")))?;
        let shown = match verb {
            's' | 'v' | 'd' | 't' => shown(value),
            'q' => json(&Value::String(shown(value)))?,
            other => return Err(Fault::new(format!("printf does not support %{other}"))),
        };
        let width = usize::from(width);
        match left {
            true => text += &format!("{shown:<width$}"),
            false => text += &format!("{shown:>width$}"),
        }
    }
    Ok(text)
}

fn length(value: &Value) -> Outcome<usize> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => Ok(text.len()),
        Value::Array(items) => Ok(items.len()),
        Value::Object(items) => Ok(items.len()),
        other => Err(Fault::new(format!("len wants something longer than {}", kind(other)))),
    }
}

fn index(arguments: Vec<Value>) -> Outcome<Value> {
    let mut arguments = arguments.into_iter();
    let missing = || Fault::new("index wants more arguments");
    let mut value = arguments.next().ok_or_else(missing)?;
    for key in arguments {
        value = match (value, &key) {
            (Value::Array(items), Value::Number(at)) => {
                let length = items.len();
                let outside = || Fault::new(format!("index {at} is outside of a list of {length}"));
                let at = at.as_u64().and_then(|at| usize::try_from(at).ok());
                at.and_then(|at| items.into_iter().nth(at)).ok_or_else(outside)?
            }
            (Value::Object(mut items), Value::String(key)) => {
                // Go's zero value of what the map holds.
                let holds_texts = items.values().all(Value::is_string);
                let zero = if holds_texts { Value::String(String::new()) } else { Value::Null };
                items.remove(key).unwrap_or(zero)
            }
            (Value::Null, Value::String(_)) => Value::String(String::new()),
            (other, _) => {
                let what = format!("index finds nothing in {} by {}", kind(&other), shown(&key));
                return Err(Fault::new(what));
            }
        };
    }
    Ok(value)
}

fn slice(arguments: &[Value]) -> Outcome<Value> {
    let subject = argument("slice", arguments, 0)?;
    let end = length(subject)?;
    let from = if arguments.len() > 1 { number("slice", arguments, 1)? } else { 0 };
    let to = if arguments.len() > 2 { number("slice", arguments, 2)? } else { end };
    let found = match subject {
        Value::String(text) => text.get(from..to).map(Value::from),
        Value::Array(items) => items.get(from..to).map(|items| items.to_vec().into()),
        _ => None,
    };
    found.ok_or_else(|| Fault::new(format!("slice {from} to {to} is outside of {}", kind(subject))))
}

/// The first argument whose truth is `wanted`, else the last.
fn decisive(arguments: Vec<Value>, wanted: bool) -> Outcome<Value> {
    let mut last = Err(Fault::new("and and or want arguments"));
    for argument in arguments {
        let is_decisive = is_true(&argument) == wanted;
        last = Ok(argument);
        if is_decisive {
            break;
        }
    }
    last
}

/// The first argument is equal to one of the others.
fn equal(arguments: &[Value]) -> Outcome<bool> {
    match arguments.split_first() {
        Some((first, rest)) if !rest.is_empty() => Ok(rest.contains(first)),
        _ => Err(Fault::new("eq and ne want two arguments")),
    }
}

fn compare(arguments: &[Value]) -> Outcome<Ordering> {
    let found = match arguments {
        [Value::String(one), Value::String(other)] => Some(one.cmp(other)),
        [Value::Number(one), Value::Number(other)] => {
            one.as_f64().zip(other.as_f64()).and_then(|(one, other)| one.partial_cmp(&other))
        }
        _ => None,
    };
    found.ok_or_else(|| Fault::new("cannot compare anything but two numbers or two texts"))
}
