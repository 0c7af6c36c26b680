//! From tokens to a tree.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::Value;

use super::token::{Piece, Token};
use super::{Fault, Outcome};

/// Blocks in blocks, and groups in groups.
const MAX_DEPTH: usize = 100;

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    /// Prints what its pipeline gives, unless that goes into a variable.
    Action(Pipeline),
    Block(Block),
}

/// `if`, `range` or `with`.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) subject: Pipeline,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// What a block does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    If,
    Range,
    With,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "if" => Some(Self::If),
            "range" => Some(Self::Range),
            "with" => Some(Self::With),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Range => "range",
            Self::With => "with",
        }
    }
}

/// Commands, each of which is given what the one before it gave.
#[derive(Debug)]
pub(super) struct Pipeline {
    /// Variables that get the result.
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Vec<Operand>>,
}

/// A word of a command.
#[derive(Debug)]
pub(super) enum Operand {
    Fields { of: Option<String>, names: Vec<String> },
    Group(Box<Pipeline>, Vec<String>),
    Literal(Value),
    Function(String),
}

type Pieces = IntoIter<Piece>;

/// The whole template.
pub(super) fn nodes(pieces: Vec<Piece>) -> Outcome<Vec<Node>> {
    let mut pieces = pieces.into_iter();
    match sequence(&mut pieces, 0)? {
        (nodes, Ended::Template) => Ok(nodes),
        (_, Ended::End) => Err(Fault::new("{{end}} ends nothing")),
        (_, Ended::Else(_)) => Err(Fault::new("{{else}} belongs to nothing")),
    }
}

/// How a sequence of nodes ended.
enum Ended {
    Template,
    End,
    /// With what stands behind `else`.
    Else(Vec<Token>),
}

fn sequence(pieces: &mut Pieces, depth: usize) -> Outcome<(Vec<Node>, Ended)> {
    if depth > MAX_DEPTH {
        return Err(Fault::new("it is nested too deeply"));
    }
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let tokens = match piece {
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(tokens) => tokens,
        };
        match first_word(&tokens) {
            Some("end") => return Ok((nodes, Ended::End)),
            Some("else") => return Ok((nodes, Ended::Else(tokens.into_iter().skip(1).collect()))),
            Some(word @ ("define" | "template" | "block" | "break" | "continue")) => {
                return Err(Fault::new(format!("{word} is not supported")));
            }
            Some(word) if Kind::parse(word).is_some() => {
                nodes.push(Node::Block(block(tokens, pieces, depth)?));
            }
            _ => nodes.push(Node::Action(pipeline(tokens)?)),
        }
    }
    Ok((nodes, Ended::Template))
}

fn first_word(tokens: &[Token]) -> Option<&str> {
    match tokens.first() {
        Some(Token::Name(word)) => Some(word),
        _ => None,
    }
}

/// A block whose first words are `tokens`.
fn block(tokens: Vec<Token>, pieces: &mut Pieces, depth: usize) -> Outcome<Block> {
    let kind = first_word(&tokens).and_then(Kind::parse);
    let kind = kind.ok_or_else(|| Fault::new("only if and with follow else"))?;
    let subject = pipeline(tokens.into_iter().skip(1).collect())?;
    let depth = depth.saturating_add(1);
    let (body, ended) = sequence(pieces, depth)?;
    let unended = || Fault::new(format!("{} has no {{{{end}}}}", kind.word()));
    let otherwise = match ended {
        Ended::End => Vec::new(),
        Ended::Template => return Err(unended()),
        Ended::Else(rest) if rest.is_empty() => match sequence(pieces, depth)? {
            (otherwise, Ended::End) => otherwise,
            _ => return Err(unended()),
        },
        // Its end is that of this block too.
        Ended::Else(rest) => vec![Node::Block(block(rest, pieces, depth)?)],
    };
    Ok(Block { kind, subject, body, otherwise })
}

fn pipeline(tokens: Vec<Token>) -> Outcome<Pipeline> {
    let mut tokens = tokens.into_iter().peekable();
    let pipeline = read_pipeline(&mut tokens, 0)?;
    match tokens.next() {
        None => Ok(pipeline),
        Some(_) => Err(Fault::new("a closing parenthesis has no opening one")),
    }
}

type Tokens = Peekable<IntoIter<Token>>;

fn read_pipeline(tokens: &mut Tokens, depth: usize) -> Outcome<Pipeline> {
    if depth > MAX_DEPTH {
        return Err(Fault::new("it is nested too deeply"));
    }
    let mut variables = Vec::new();
    let mut commands = vec![Vec::new()];
    while let Some(token) = tokens.next_if(|token| *token != Token::Close) {
        let is_first = commands.len() == 1;
        let Some(command) = commands.last_mut() else { break };
        match token {
            Token::Pipe => commands.push(Vec::new()),
            Token::Comma | Token::Declare | Token::Assign if is_first => {
                variables.push(variable(command)?);
            }
            token => command.push(operand(token, tokens, depth)?),
        }
    }
    if commands.iter().any(Vec::is_empty) {
        return Err(Fault::new("an action is empty, or a part of one"));
    }
    Ok(Pipeline { variables, commands })
}

/// The variable that stands alone before `:=`.
fn variable(command: &mut Vec<Operand>) -> Outcome<String> {
    match (command.pop(), command.is_empty()) {
        (Some(Operand::Fields { of: Some(name), names }), true) if names.is_empty() => Ok(name),
        _ => Err(Fault::new("only variables can be given a value")),
    }
}

fn operand(token: Token, tokens: &mut Tokens, depth: usize) -> Outcome<Operand> {
    Ok(match token {
        Token::Fields { of, names } => Operand::Fields { of, names },
        Token::Text(text) => Operand::Literal(text.into()),
        Token::Number(number) => Operand::Literal(number.into()),
        Token::Name(name) => match name.as_str() {
            "true" => Operand::Literal(true.into()),
            "false" => Operand::Literal(false.into()),
            "nil" => Operand::Literal(Value::Null),
            _ => Operand::Function(name),
        },
        Token::Open => {
            let group = read_pipeline(tokens, depth.saturating_add(1))?;
            if tokens.next() != Some(Token::Close) {
                return Err(Fault::new("an opening parenthesis has no closing one"));
            }
            let behind = tokens.next_if(|token| matches!(token, Token::Behind(_)));
            let names = match behind {
                Some(Token::Behind(names)) => names,
                _ => Vec::new(),
            };
            Operand::Group(Box::new(group), names)
        }
        Token::Behind(_) | Token::Pipe | Token::Close => {
            return Err(Fault::new("a field or a bar is not expected"));
        }
        Token::Comma | Token::Declare | Token::Assign => {
            return Err(Fault::new("a comma or an assignment is not expected"));
        }
    })
}
