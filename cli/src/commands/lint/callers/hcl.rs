//! Bake files in HCL as the tree that the same file in JSON is: `target "a" { … }` is `{"target": {"a": { … }}}`.
//!
//! Variables count with their defaults, a matrix gives a target for each of its combinations. What functions and conditions
//! give is not known: such a value is nothing.

use std::cell::Cell;
use std::collections::BTreeMap;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, Object, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Block, Body};
use hcl_edit::template::{Element, StringTemplate};
use lapstrake_parser::{Span, Spanned};

use super::super::config::{Node, Value};
use super::node::{entries, get};

/// The most targets that a matrix gives here.
const MOST: usize = 64;

/// As often defaults are looked at that have other variables in them.
const PASSES: usize = 4;

/// The longest text that is made of others, in bytes.
const LONGEST: usize = 4096;

/// As many values are made of a file: variables in variables could stand for more than there is room for.
const VALUES: usize = 200_000;

/// What variables hold.
type Variables = BTreeMap<String, Value>;

/// The tree of a text; nothing if it cannot be read.
pub(super) fn parse(text: &str) -> Option<Node> {
    let body = hcl_edit::parser::parse_body(text).ok()?;
    let left = Cell::new(VALUES);
    let variables = variables(&body, &left);
    let blocks = body.blocks().filter(|block| block.has_ident("target"));
    let targets = blocks.flat_map(|block| targets(block, &variables, &left)).collect();
    let whole = Span::new(0, text.len());
    let targets = Node { span: whole, value: Value::Table(targets) };
    let name = Spanned::new("target".to_owned(), whole);
    Some(Node { span: whole, value: Value::Table(vec![(name, targets)]) })
}

fn variables(body: &Body, left: &Cell<usize>) -> Variables {
    let mut variables = Variables::new();
    let attributes = body.attributes().map(|one| (one.key.as_str(), &one.value));
    let blocks = body.blocks().filter(|block| block.has_ident("variable"));
    let defaults = blocks.filter_map(|block| {
        Some((block.labels.first()?.as_str(), &block.body.get_attribute("default")?.value))
    });
    let all: Vec<(&str, &Expression)> = attributes.chain(defaults).collect();
    for _ in 0..PASSES {
        for (name, value) in &all {
            let scope = Scope { inner: &Variables::new(), outer: &variables, left };
            let value = scope.node(value).value;
            variables.insert((*name).to_owned(), value);
        }
    }
    variables
}

/// The targets that a block stands for.
fn targets(block: &Block, outer: &Variables, left: &Cell<usize>) -> Vec<(Spanned<String>, Node)> {
    let Some(label) = block.labels.first() else { return Vec::new() };
    let matrix = block.body.get_attribute("matrix").map(|one| {
        let matrix = Scope { inner: &Variables::new(), outer, left }.node(&one.value);
        combinations(&matrix)
    });
    let of_one = |inner: Variables| {
        let scope = Scope { inner: &inner, outer, left };
        let entries = block.body.attributes().map(|one| {
            let key = Spanned::new(one.key.as_str().to_owned(), place(one.key.span()));
            (key, scope.node(&one.value))
        });
        let target = Node { span: place(block.span()), value: Value::Table(entries.collect()) };
        let name = match get(&target, "name").map(|name| &name.value) {
            Some(Value::Text(name)) => name.clone(),
            _ => label.as_str().to_owned(),
        };
        (Spanned::new(name, place(label.span())), target)
    };
    let all = matrix.unwrap_or_else(|| vec![Variables::new()]);
    all.into_iter().map(of_one).collect()
}

/// What the variables of a matrix hold, together.
fn combinations(matrix: &Node) -> Vec<Variables> {
    let mut all = vec![Variables::new()];
    for (name, values) in entries(Some(matrix)).take(MOST) {
        let Value::List(values) = &values.value else { continue };
        let with = |combination: &Variables, value: &Node| {
            let mut combination = combination.clone();
            combination.insert(name.value.clone(), value.value.clone());
            combination
        };
        let pairs = all.iter().flat_map(|one| values.iter().map(move |value| (one, value)));
        all = pairs.take(MOST).map(|(one, value)| with(one, value)).collect();
    }
    all
}

/// What names stand for in an expression.
struct Scope<'v> {
    /// Those of the matrix, which come first.
    inner: &'v Variables,
    outer: &'v Variables,
    /// How many values may still be made.
    left: &'v Cell<usize>,
}

impl Scope<'_> {
    fn node(&self, expression: &Expression) -> Node {
        let span = place(expression.span());
        if !self.may_make(1) {
            return Node { span, value: Value::Nothing };
        }
        let value = match expression {
            Expression::String(text) => Value::Text(text.value().clone()),
            Expression::StringTemplate(template) => self.filled(template),
            Expression::Bool(flag) => Value::Boolean(*flag.value()),
            Expression::Number(number) => Value::Text(number.value().to_string()),
            Expression::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect())
            }
            Expression::Object(object) => self.table(object),
            Expression::Variable(name) => {
                self.variable(name.value().as_str()).unwrap_or(Value::Nothing)
            }
            Expression::Traversal(traversal) => self.traversed(traversal).unwrap_or(Value::Nothing),
            Expression::Parenthesis(inner) => self.node(inner.inner()).value,
            _ => Value::Nothing,
        };
        Node { span, value }
    }

    fn may_make(&self, count: usize) -> bool {
        let left = self.left.get().checked_sub(count);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    fn table(&self, object: &Object) -> Value {
        let entries = object.iter().filter_map(|(key, value)| {
            let key = match key {
                ObjectKey::Ident(name) => {
                    Spanned::new(name.value().to_string(), place(name.span()))
                }
                ObjectKey::Expression(expression) => match self.node(expression) {
                    Node { span, value: Value::Text(name) } => Spanned::new(name, span),
                    _ => return None,
                },
            };
            Some((key, self.node(value.expr())))
        });
        Value::Table(entries.collect())
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let value = self.inner.get(name).or_else(|| self.outer.get(name))?;
        self.may_make(size(value)).then(|| value.clone())
    }

    /// A text with the values of variables in it; nothing if one is not known.
    fn filled(&self, template: &StringTemplate) -> Value {
        let mut text = String::new();
        for element in template {
            match element {
                Element::Literal(literal) => text.push_str(literal.value()),
                Element::Interpolation(part) => match self.node(&part.expr).value {
                    Value::Text(part) => text.push_str(&part),
                    _ => return Value::Nothing,
                },
                Element::Directive(_) => return Value::Nothing,
            }
            if text.len() > LONGEST {
                return Value::Nothing;
            }
        }
        Value::Text(text)
    }

    /// `item.name`.
    fn traversed(&self, traversal: &Traversal) -> Option<Value> {
        let mut found = self.node(&traversal.expr);
        for operator in &traversal.operators {
            let TraversalOperator::GetAttr(name) = operator.value() else { return None };
            found = get(&found, name.value().as_str())?.clone();
        }
        Some(found.value)
    }
}

/// How many values there are in one.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::List(items) => items.iter().map(|item| size(&item.value)).sum(),
        Value::Table(entries) => entries.iter().map(|(_, value)| size(&value.value)).sum(),
        Value::Text(text) => text.len() / LONGEST,
        _ => 0,
    }
}

fn place(range: Option<std::ops::Range<usize>>) -> Span {
    range.map_or(Span::point(0), |range| Span::new(range.start, range.end))
}
