//! The tree as JSON, in the shape in which BuildKit's own parser was recorded.

use lapstrake_parser::{
    CommandForm, Dockerfile, Flag, Heredoc, Instruction, InstructionKind, KeyValue, Parsed,
    Severity, Stage, Transfer, Word,
};
use serde_json::{Map, Value, json};

/// A whole file.
pub(crate) fn document(file: &str, parsed: &Parsed) -> Value {
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
    let gaps = dockerfile.instructions.iter().filter(|one| !one.blank_lines.is_empty());
    let gaps: Vec<_> = gaps.map(|one| one.lines.1).collect();
    if !gaps.is_empty() {
        document.insert("empty_continuation_lines".to_owned(), json!(gaps));
    }
    let errors = parsed.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|one| format!("{}: {}", one.code, one.message)).collect();
    if !errors.is_empty() {
        document.insert("errors".to_owned(), json!(errors));
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
    object.insert("instruction".to_owned(), json!(instruction.keyword.value.as_str()));
    object
        .insert("flags".to_owned(), json!(instruction.flags.iter().map(flag).collect::<Vec<_>>()));
    object.insert("args".to_owned(), json!(arguments(&instruction.kind)));
    object.insert("json_form".to_owned(), json!(is_json(&instruction.kind)));
    object.insert("original".to_owned(), json!(instruction.original.as_str()));
    object.insert("start_line".to_owned(), json!(start));
    object.insert("end_line".to_owned(), json!(end));
    let comments: Vec<_> = instruction.comments.iter().map(|one| one.value.as_str()).collect();
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

fn arguments(kind: &InstructionKind) -> Vec<String> {
    match kind {
        InstructionKind::From(from) => {
            let rest = [&from.separator, &from.name];
            let rest = rest.into_iter().flatten().map(|word| word.value.to_string());
            std::iter::once(from.image.text.to_string()).chain(rest).collect()
        }
        InstructionKind::Run(form)
        | InstructionKind::Cmd(form)
        | InstructionKind::Entrypoint(form) => command(form),
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => paths(transfer),
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            pairs.iter().flat_map(triple).collect()
        }
        InstructionKind::Arg(names) => names
            .iter()
            .map(|one| match &one.value {
                Some(value) => format!("{}={}", one.name.text, value.text),
                None => one.name.text.to_string(),
            })
            .collect(),
        InstructionKind::Workdir(word)
        | InstructionKind::User(word)
        | InstructionKind::Stopsignal(word)
        | InstructionKind::Maintainer(word) => texts(std::slice::from_ref(word)),
        InstructionKind::Expose(words) | InstructionKind::Shell(words) => texts(words),
        InstructionKind::Volume(volume) => texts(&volume.paths),
        InstructionKind::Healthcheck(check) => {
            let command = check.command.as_ref().map(command).unwrap_or_default();
            std::iter::once(check.word.text.to_string()).chain(command).collect()
        }
        InstructionKind::Onbuild(_) => Vec::new(),
    }
}

fn command(form: &CommandForm) -> Vec<String> {
    match form {
        CommandForm::Shell(text) if text.text.is_empty() => Vec::new(),
        CommandForm::Shell(text) => vec![text.text.to_string()],
        CommandForm::Exec(words) => texts(words),
    }
}

fn paths(transfer: &Transfer) -> Vec<String> {
    let words = transfer.sources.iter().map(lapstrake_parser::Source::word);
    words.chain([&transfer.destination]).map(|word| word.text.to_string()).collect()
}

fn triple(pair: &KeyValue) -> [String; 3] {
    let separator = if pair.legacy { "" } else { "=" };
    [pair.key.text.to_string(), pair.value.text.to_string(), separator.to_owned()]
}

fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.text.to_string()).collect()
}
