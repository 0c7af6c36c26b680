//! Filling a template in.

use serde_json::Value;

use super::parse::{Block, Kind, Node, Operand, Pipeline};
use super::{Fault, Outcome, function};

/// Fields that Docker's objects have even where ours are without them, and what is printed then:
/// Go's empty list, map, text or pointer.
const EMPTY: [(&str, &str); 16] = [
    ("ArgsEscaped", "false"),
    ("Cmd", "[]"),
    ("Domainname", ""),
    ("Entrypoint", "[]"),
    ("Env", "[]"),
    ("ExposedPorts", "map[]"),
    ("Healthcheck", "<nil>"),
    ("Labels", "map[]"),
    ("OnBuild", "[]"),
    ("OsVersion", ""),
    ("Shell", "[]"),
    ("StopSignal", ""),
    ("StopTimeout", "<nil>"),
    ("User", ""),
    ("Variant", ""),
    ("Volumes", "map[]"),
];
/// Maps whose keys are anybody's.
const FREE: [&str; 2] = ["Labels", "Annotations"];

/// The filled template.
pub(super) fn text(nodes: &[Node], data: &Value) -> Outcome<String> {
    let mut filling = Filling { root: data, variables: Vec::new(), text: String::new() };
    filling.nodes(nodes, data)?;
    Ok(filling.text)
}

struct Filling<'a> {
    root: &'a Value,
    variables: Vec<(String, Value)>,
    text: String,
}

impl Filling<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Outcome<()> {
        for node in nodes {
            match node {
                Node::Text(text) => self.text.push_str(text),
                Node::Block(block) => self.block(block, dot)?,
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    match pipeline.variables.is_empty() {
                        true => self.text.push_str(&shown(pipeline, &value)),
                        false => self.set(&pipeline.variables, vec![value])?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Variables of a block end with it.
    fn block(&mut self, block: &Block, dot: &Value) -> Outcome<()> {
        let before = self.variables.len();
        let subject = self.pipeline(&block.subject, dot)?;
        if block.kind == Kind::Range {
            self.range(block, subject, dot)?;
        } else {
            let is_true = function::is_true(&subject);
            if !block.subject.variables.is_empty() {
                self.set(&block.subject.variables, vec![subject.clone()])?;
            }
            let inner = if block.kind == Kind::With && is_true { &subject } else { dot };
            self.nodes(if is_true { &block.body } else { &block.otherwise }, inner)?;
        }
        self.variables.truncate(before);
        Ok(())
    }

    fn range(&mut self, block: &Block, subject: Value, dot: &Value) -> Outcome<()> {
        let items: Vec<(Value, Value)> = match subject {
            Value::Array(items) => {
                items.into_iter().enumerate().map(|(at, item)| (at.into(), item)).collect()
            }
            Value::Object(items) => {
                items.into_iter().map(|(key, item)| (key.into(), item)).collect()
            }
            Value::Null => Vec::new(),
            _ => return Err(Fault::new("range goes over lists and maps")),
        };
        if items.is_empty() {
            return self.nodes(&block.otherwise, dot);
        }
        for (key, item) in items {
            let before = self.variables.len();
            let values = match block.subject.variables.len() {
                0 => Vec::new(),
                1 => vec![item.clone()],
                _ => vec![key, item.clone()],
            };
            self.set(&block.subject.variables, values)?;
            self.nodes(&block.body, &item)?;
            self.variables.truncate(before);
        }
        Ok(())
    }

    fn set(&mut self, names: &[String], values: Vec<Value>) -> Outcome<()> {
        if names.len() != values.len() {
            return Err(Fault::new("there are too many variables"));
        }
        self.variables.extend(names.iter().cloned().zip(values));
        Ok(())
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value) -> Outcome<Value> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, value, dot)?);
        }
        value.ok_or_else(|| Fault::new("an action is empty"))
    }

    /// `piped` is the last argument.
    fn command(&self, command: &[Operand], piped: Option<Value>, dot: &Value) -> Outcome<Value> {
        let Some((first, rest)) = command.split_first() else {
            return Err(Fault::new("an action is empty"));
        };
        if let Operand::Function(name) = first {
            let arguments = rest.iter().map(|operand| self.operand(operand, dot));
            let mut arguments = arguments.collect::<Outcome<Vec<Value>>>()?;
            arguments.extend(piped);
            return function::call(name, arguments);
        }
        match rest.is_empty() && piped.is_none() {
            true => self.operand(first, dot),
            false => Err(Fault::new("only functions take arguments")),
        }
    }

    fn operand(&self, operand: &Operand, dot: &Value) -> Outcome<Value> {
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Function(name) => function::call(name, Vec::new()),
            Operand::Group(pipeline, names) => fields(self.pipeline(pipeline, dot)?, names),
            Operand::Fields { of: None, names } => fields(dot.clone(), names),
            Operand::Fields { of: Some(name), names } if name.is_empty() => {
                fields(self.root.clone(), names)
            }
            Operand::Fields { of: Some(name), names } => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let unknown = || Fault::new(format!("the variable ${name} is not known"));
                fields(found.ok_or_else(unknown)?.1.clone(), names)
            }
        }
    }
}

fn fields(mut value: Value, names: &[String]) -> Outcome<Value> {
    let mut parent = "";
    for name in names {
        value = field(value, parent, name)?;
        parent = name;
    }
    Ok(value)
}

fn field(value: Value, parent: &str, name: &str) -> Outcome<Value> {
    let mut map = match value {
        Value::Object(map) => map,
        Value::Null if FREE.contains(&parent) => return Ok(Value::Null),
        other => {
            return Err(Fault::new(format!("{} has no field .{name}", function::kind(&other))));
        }
    };
    if let Some(found) = map.remove(name) {
        return Ok(found);
    }
    if FREE.contains(&parent) || EMPTY.iter().any(|(known, _)| *known == name) {
        return Ok(Value::Null);
    }
    let known: Vec<String> = map.keys().map(|key| format!(".{key}")).collect();
    Err(Fault {
        what: format!("there is no field .{name}"),
        help: Some(format!("there are {}", known.join(" "))),
    })
}

/// What an action prints.
fn shown(pipeline: &Pipeline, value: &Value) -> String {
    match (value, &pipeline.commands[..]) {
        (Value::Null, [command]) => {
            let name = match &command[..] {
                [Operand::Fields { names, .. } | Operand::Group(_, names)] => names.last(),
                _ => None,
            };
            let empty = EMPTY.iter().find(|(known, _)| name.is_some_and(|name| name == known));
            empty.map_or("<no value>", |(_, shown)| shown).to_owned()
        }
        _ => function::shown(value),
    }
}
