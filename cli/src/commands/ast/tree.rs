//! The tree as JSON, in the shape in which BuildKit's own parser was recorded, and with the places of
//! everything: bytes from the beginning of the file, first and behind the last.

use lapstrake_parser::{
    ArgDeclaration, CommandForm, Dockerfile, Flag, Heredoc, Instruction, InstructionKind, KeyValue,
    Parsed, Severity, Span, Stage, Transfer, Word,
};
use serde_json::{Map, Value, json};

/// A whole file.
pub(super) fn document(file: &str, parsed: &Parsed) -> Value {
    let dockerfile = &parsed.dockerfile;
    let mut document = Map::new();
    document.insert("file".to_owned(), json!(file));
    document.insert("parser".to_owned(), json!("lapstrake-parser"));
    document.insert("escape_token".to_owned(), json!(dockerfile.escape.to_string()));
    let directives = directives(dockerfile);
    if !directives.is_empty() {
        document.insert("directives".to_owned(), Value::Object(directives));
    }
    let instructions: Vec<_> = dockerfile.instructions.iter().map(instruction).collect();
    document.insert("instructions".to_owned(), Value::Array(instructions));
    let stages: Vec<_> = dockerfile.stages().iter().map(stage).collect();
    document.insert("stages".to_owned(), Value::Array(stages));
    let gaps = dockerfile.instructions.iter().filter(|one| !one.blank_lines().is_empty());
    let gaps: Vec<_> = gaps.map(|one| one.lines.1).collect();
    if !gaps.is_empty() {
        document.insert("empty_continuation_lines".to_owned(), json!(gaps));
    }
    let errors = parsed.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let (errors, spans): (Vec<_>, Vec<_>) =
        errors.map(|one| (format!("{}: {}", one.code, one.message), span(one.span))).unzip();
    if !errors.is_empty() {
        document.insert("errors".to_owned(), json!(errors));
        document.insert("error_spans".to_owned(), json!(spans));
    }
    Value::Object(document)
}

fn directives(dockerfile: &Dockerfile) -> Map<String, Value> {
    let pairs = dockerfile.directives.iter();
    pairs.map(|one| (one.name.value.to_lowercase(), json!(one.value.value))).collect()
}

fn stage(stage: &Stage<'_>) -> Value {
    let (start, end) = stage.instruction.lines;
    let mut object = json!({
        "base": stage.from.image.as_str(),
        "commands": stage.instructions.len(),
        "start_line": start,
        "end_line": end,
    });
    let name = stage.name();
    let description = name.as_deref().and_then(|name| stage.instruction.description(name));
    let platform = stage.from.platform.as_ref().map(Word::as_str);
    let optional =
        [("name", name.as_deref()), ("doc_comment", description), ("platform", platform)];
    for (key, value) in optional.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        object[key] = json!(value);
    }
    object
}

fn instruction(instruction: &Instruction) -> Value {
    let (start, end) = instruction.lines;
    let mut object = Map::new();
    object.insert("instruction".to_owned(), json!(instruction.keyword().value));
    object
        .insert("flags".to_owned(), json!(instruction.flags.iter().map(flag).collect::<Vec<_>>()));
    let (arguments, places): (Vec<_>, Vec<_>) = arguments(&instruction.kind).into_iter().unzip();
    object.insert("args".to_owned(), json!(arguments));
    object.insert("json_form".to_owned(), json!(is_json(&instruction.kind)));
    object.insert("original".to_owned(), json!(instruction.original()));
    object.insert("start_line".to_owned(), json!(start));
    object.insert("end_line".to_owned(), json!(end));
    object.insert("span".to_owned(), span(instruction.span));
    object.insert("keyword_span".to_owned(), span(instruction.keyword().span));
    let flags: Vec<_> = instruction.flags.iter().map(|flag| span(flag.span)).collect();
    object.insert("flag_spans".to_owned(), json!(flags));
    let places: Vec<_> = places.into_iter().map(|place| place.map(span)).collect();
    object.insert("arg_spans".to_owned(), json!(places));
    let comments: Vec<_> = instruction.comments().into_iter().map(|one| one.value).collect();
    if !comments.is_empty() {
        object.insert("prev_comments".to_owned(), json!(comments));
    }
    if !instruction.heredocs.is_empty() && !is_trigger(instruction) {
        let heredocs: Vec<_> = instruction.heredocs.iter().map(heredoc).collect();
        object.insert("heredocs".to_owned(), Value::Array(heredocs));
    }
    if let InstructionKind::Onbuild(onbuild) = &instruction.kind
        && let Some(trigger) = &onbuild.instruction
    {
        object.insert("onbuild".to_owned(), self::instruction(trigger));
    }
    Value::Object(object)
}

fn span(span: Span) -> Value {
    json!([span.start, span.end])
}

fn is_trigger(instruction: &Instruction) -> bool {
    instruction.lines == (0, 0)
}

fn flag(flag: &Flag) -> String {
    match &flag.value {
        Some(value) => format!("--{}={}", flag.name.value, value.text),
        None => format!("--{}", flag.name.value),
    }
}

fn heredoc(heredoc: &Heredoc) -> Value {
    json!({
        "name": heredoc.name.as_str(),
        "fd": heredoc.fd,
        "expand": heredoc.expand,
        "chomp": heredoc.chomp,
        "content": heredoc.content.as_str(),
        "marker_span": span(heredoc.marker),
        "body_span": span(heredoc.body),
    })
}

fn is_json(kind: &InstructionKind) -> bool {
    match kind {
        InstructionKind::Run(form)
        | InstructionKind::Cmd(form)
        | InstructionKind::Entrypoint(form) => matches!(form, CommandForm::Exec(_)),
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => transfer.json,
        InstructionKind::Shell(_) => true,
        InstructionKind::Volume(volume) => volume.json,
        InstructionKind::Healthcheck(check) => matches!(check.command, Some(CommandForm::Exec(_))),
        _ => false,
    }
}

/// The arguments, each with its place; what only stands for something has none.
fn arguments(kind: &InstructionKind) -> Vec<(String, Option<Span>)> {
    match kind {
        InstructionKind::From(from) => {
            let rest = [&from.separator, &from.name].into_iter().flatten();
            let rest = rest.map(|word| (word.value.to_string(), Some(word.span)));
            std::iter::once(argument(&from.image)).chain(rest).collect()
        }
        InstructionKind::Run(form)
        | InstructionKind::Cmd(form)
        | InstructionKind::Entrypoint(form) => command(form),
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => paths(transfer),
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            pairs.iter().flat_map(triple).collect()
        }
        InstructionKind::Arg(names) => names.iter().map(declaration).collect(),
        InstructionKind::Workdir(word)
        | InstructionKind::User(word)
        | InstructionKind::Stopsignal(word)
        | InstructionKind::Maintainer(word) => vec![argument(word)],
        InstructionKind::Expose(words) => words.iter().map(argument).collect(),
        InstructionKind::Shell(words) => words.iter().map(argument).collect(),
        InstructionKind::Volume(volume) => volume.paths.iter().map(argument).collect(),
        InstructionKind::Healthcheck(check) => {
            let command = check.command.as_ref().map(command).unwrap_or_default();
            std::iter::once(argument(&check.word)).chain(command).collect()
        }
        InstructionKind::Onbuild(_) => Vec::new(),
    }
}

fn argument(word: &Word) -> (String, Option<Span>) {
    (word.text.to_string(), Some(word.span()))
}

fn command(form: &CommandForm) -> Vec<(String, Option<Span>)> {
    match form {
        CommandForm::Shell(text) if text.text.is_empty() => Vec::new(),
        CommandForm::Shell(text) => vec![argument(text)],
        CommandForm::Exec(words) => words.iter().map(argument).collect(),
    }
}

fn paths(transfer: &Transfer) -> Vec<(String, Option<Span>)> {
    let words = transfer.sources.iter().map(lapstrake_parser::Source::word);
    words.chain([&transfer.destination]).map(argument).collect()
}

fn triple(pair: &KeyValue) -> [(String, Option<Span>); 3] {
    let separator = if pair.legacy { "" } else { "=" };
    [argument(&pair.key), argument(&pair.value), (separator.to_owned(), None)]
}

fn declaration(one: &ArgDeclaration) -> (String, Option<Span>) {
    match &one.value {
        Some(value) => {
            let span = one.name.span().cover(value.span());
            (format!("{}={}", one.name.text, value.text), Some(span))
        }
        None => argument(&one.name),
    }
}
