//! What variables may hold where they are used, as far as that decides whether the shell splits them.
//!
//! A text is gone through in the order in which it runs. Where ways part and meet again a variable holds
//! what it may hold on any of them; a way that ends (`exit`) does not count. Loops are gone through until
//! nothing changes. Subshells keep what they set to themselves.

use std::collections::BTreeMap;

use lapstrake_parser::Span;

use super::piece::{Parameter, Piece, PieceKind};
use super::tree::{Chain, List, Node, NodeKind, Pipeline};
use super::walk::{DECLARING, Role};
use super::{Command, Part, Script, ShellWord};

/// What a variable may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Nothing.
    Empty,
    /// Something, in one piece: no blanks, nothing that stands for file names.
    Whole,
    /// Anything.
    Any,
}

/// How often loops are gone through before what they do is taken as it is.
const ROUNDS: usize = 3;

/// How often variables may be set in a text; beyond that nothing is said of it.
const MOST_SET: usize = 100_000;

/// Variables that the shell sets, to numbers.
const NUMBERS: [&str; 14] = [
    "$", "?", "!", "#", "-", "EUID", "LINENO", "OPTIND", "PPID", "RANDOM", "SECONDS", "SHLVL",
    "UID", "COLUMNS",
];

/// Where the shell splits a variable that may hold blanks, or something that stands for file names.
///
/// `is_whole` says which variables hold neither at the start; `assigns` whether the shell takes arguments of
/// `export` for assignments.
pub(crate) fn split<'s>(
    script: &'s Script,
    part: &'s Part,
    is_whole: &dyn Fn(&str) -> bool,
    assigns: bool,
) -> Vec<(Span, &'s Parameter)> {
    let mut loops = BTreeMap::new();
    let mut found = Vec::new();
    for _ in 0..ROUNDS {
        let mut flow = Flow {
            script,
            is_whole,
            assigns,
            values: BTreeMap::new(),
            undo: Vec::new(),
            left: MOST_SET,
            is_over: false,
            functions: BTreeMap::new(),
            loops,
            has_news: false,
            found: Vec::new(),
        };
        flow.list(&part.list);
        flow.is_over = false;
        for pieces in &part.heredocs {
            flow.pieces(pieces);
        }
        if flow.left == 0 {
            return Vec::new();
        }
        let has_news = flow.has_news;
        (loops, found) = (flow.loops, flow.found);
        if !has_news {
            break;
        }
    }
    found
}

/// What a way has set, with what it is at its end.
#[derive(Default)]
struct Way<'s> {
    set: BTreeMap<&'s str, Option<Value>>,
    is_over: bool,
}

struct Flow<'s, 'f> {
    script: &'s Script,
    is_whole: &'f dyn Fn(&str) -> bool,
    assigns: bool,
    values: BTreeMap<&'s str, Value>,
    /// What was there before each change.
    undo: Vec<(&'s str, Option<Value>)>,
    /// How often variables may still be set; with nothing left, nothing is gone through any more.
    left: usize,
    /// The way has ended.
    is_over: bool,
    /// What each function sets.
    functions: BTreeMap<&'s str, Vec<(&'s str, Value)>>,
    /// What the body of each loop sets, by where it stands.
    loops: BTreeMap<usize, BTreeMap<&'s str, Value>>,
    has_news: bool,
    found: Vec<(Span, &'s Parameter)>,
}

impl<'s> Flow<'s, '_> {
    fn value(&self, name: &str) -> Value {
        match self.values.get(name) {
            Some(value) => *value,
            None if NUMBERS.contains(&name) || (self.is_whole)(name) => Value::Whole,
            None => Value::Any,
        }
    }

    fn set(&mut self, name: &'s str, value: Option<Value>) {
        let before = match value {
            Some(value) => self.values.insert(name, value),
            None => self.values.remove(name),
        };
        self.undo.push((name, before));
        self.left = self.left.saturating_sub(1);
    }

    /// Goes a way, and back to where it began.
    fn way(&mut self, go: impl FnOnce(&mut Self)) -> Way<'s> {
        let (mark, was_over) = (self.undo.len(), self.is_over);
        go(self);
        let mut way = Way { set: BTreeMap::new(), is_over: self.is_over };
        for (name, before) in self.undo.drain(mark..).rev() {
            way.set.entry(name).or_insert_with(|| self.values.get(name).copied());
            match before {
                Some(before) => self.values.insert(name, before),
                None => self.values.remove(name),
            };
        }
        self.is_over = was_over;
        way
    }

    /// Goes on where these ways meet.
    fn meet(&mut self, ways: &[Way<'s>]) {
        let open = ways.iter().filter(|way| !way.is_over);
        let count = open.clone().count();
        self.is_over |= count == 0;
        // What each variable may hold, and how many ways set it.
        let mut met: BTreeMap<&'s str, (Value, usize)> = BTreeMap::new();
        for (name, value) in open.flat_map(|way| &way.set) {
            let (joined, times) = met.entry(name).or_insert((Value::Empty, 0));
            *joined = joined.with(value.unwrap_or(Value::Any));
            *times += 1;
        }
        for (name, (value, times)) in met {
            let is_kept = times < count;
            let value = if is_kept { value.with(self.value(name)) } else { value };
            self.set(name, Some(value));
        }
    }

    fn list(&mut self, list: &'s List) {
        for chain in &list.chains {
            if chain.is_background {
                self.way(|flow| flow.chain(chain));
            } else {
                self.chain(chain);
            }
        }
    }

    fn chain(&mut self, chain: &'s Chain) {
        for (at, pipeline) in chain.pipelines.iter().enumerate() {
            if at == 0 {
                self.pipeline(pipeline);
            } else {
                let goes = self.way(|flow| flow.pipeline(pipeline));
                // What ended in front of `&&` or `||` may not have.
                self.meet(&[goes, Way::default()]);
            }
        }
    }

    fn pipeline(&mut self, pipeline: &'s Pipeline) {
        match pipeline.nodes.as_slice() {
            [node] => self.node(node),
            nodes => {
                for node in nodes {
                    self.way(|flow| flow.node(node));
                }
            }
        }
    }

    fn node(&mut self, node: &'s Node) {
        if self.left == 0 {
            return;
        }
        for redirection in &node.redirections {
            if !matches!(redirection.operator, "<<" | "<<-") {
                self.word(&redirection.target, Role::Target);
            }
        }
        match &node.kind {
            NodeKind::Simple(number) => {
                if let Some(command) = self.script.commands.get(*number) {
                    self.command(command);
                }
            }
            NodeKind::Assignments(words) => {
                for word in words {
                    self.word(word, Role::Assignment);
                    self.assign(word);
                }
            }
            NodeKind::Subshell(list) => {
                self.way(|flow| flow.list(list));
            }
            NodeKind::Group(list) => self.list(list),
            NodeKind::If { branches, otherwise } => self.branches(branches, otherwise.as_ref()),
            NodeKind::While { condition, body } => {
                self.turns(node.span.start, |flow| {
                    flow.list(condition);
                    flow.list(body);
                });
            }
            NodeKind::For { name, words, body } => {
                let items = words.as_deref().unwrap_or_default();
                items.iter().for_each(|word| self.word(word, Role::Item));
                let value = self.item(items);
                self.turns(node.span.start, |flow| {
                    flow.set(&name.text, Some(value));
                    flow.list(body);
                });
            }
            NodeKind::Count { head, body } => {
                self.pieces(head);
                self.turns(node.span.start, |flow| flow.list(body));
            }
            NodeKind::Case { subject, arms } => self.choices(subject, arms),
            NodeKind::Test(words) => words.iter().for_each(|word| self.word(word, Role::Test)),
            NodeKind::Arithmetic(pieces) => self.pieces(pieces),
            NodeKind::Function { name, body } => {
                // It may be called again once it has set what it sets.
                let way = self.turn(node.span.start, |flow| flow.node(body));
                let set = way.set.into_iter();
                let set = set.map(|(name, value)| (name, value.unwrap_or(Value::Any))).collect();
                self.functions.insert(name, set);
            }
        }
    }

    fn branches(&mut self, branches: &'s [(List, List)], otherwise: Option<&'s List>) {
        let Some(((condition, body), rest)) = branches.split_first() else { return };
        self.list(condition);
        let mut ways = vec![self.way(|flow| flow.list(body))];
        let conditions = self.way(|flow| {
            for (condition, body) in rest {
                flow.list(condition);
                ways.push(flow.way(|flow| flow.list(body)));
            }
            ways.push(flow.way(|flow| otherwise.into_iter().for_each(|list| flow.list(list))));
        });
        // Not all of these may have been looked at.
        for (name, value) in conditions.set {
            self.set(name, Some(self.value(name).with(value.unwrap_or(Value::Any))));
        }
        self.meet(&ways);
    }

    fn choices(&mut self, subject: &'s ShellWord, arms: &'s [(Vec<ShellWord>, List)]) {
        self.word(subject, Role::Choice);
        let mut ways = Vec::new();
        let mut has_all = false;
        for (patterns, body) in arms {
            patterns.iter().for_each(|word| self.word(word, Role::Choice));
            has_all |= patterns.iter().any(|word| word.text == "*");
            ways.push(self.way(|flow| flow.list(body)));
        }
        if !has_all {
            ways.push(Way::default());
        }
        self.meet(&ways);
    }

    /// Goes through a loop, which may be done any number of times.
    fn turns(&mut self, place: usize, go: impl FnOnce(&mut Self)) {
        let way = self.turn(place, go);
        self.meet(&[Way { is_over: false, ..way }, Way::default()]);
    }

    /// Goes a way that may have been gone before.
    fn turn(&mut self, place: usize, go: impl FnOnce(&mut Self)) -> Way<'s> {
        let before = self.loops.get(&place).cloned().unwrap_or_default();
        let way = self.way(|flow| {
            for (name, value) in &before {
                flow.set(name, Some(flow.value(name).with(*value)));
            }
            go(flow);
        });
        let set = way.set.iter();
        let set: BTreeMap<_, _> =
            set.map(|(name, value)| (*name, value.unwrap_or(Value::Any))).collect();
        if set != before {
            self.has_news = true;
            self.loops.insert(place, set);
        }
        way
    }

    fn command(&mut self, command: &'s Command) {
        command.assignments.iter().for_each(|word| self.word(word, Role::Assignment));
        for (at, word) in command.words.iter().enumerate() {
            self.word(word, Role::Argument(command, at));
        }
        match command.name() {
            "exit" | "return" => self.is_over = true,
            name if DECLARING.contains(&name) => {
                command.arguments().iter().for_each(|word| self.assign(word));
            }
            "read" | "getopts" | "mapfile" | "readarray" => self.forget(command.arguments()),
            "printf" if command.arguments().first().is_some_and(|word| word.text == "-v") => {
                self.forget(command.arguments().get(1..2).unwrap_or_default());
            }
            "let" => {
                for (name, _) in command.arguments().iter().filter_map(ShellWord::assigned_name) {
                    self.set(name, Some(Value::Whole));
                }
            }
            "unset" => {
                for word in command.arguments() {
                    self.set(&word.text, Some(Value::Empty));
                }
            }
            name => {
                for (name, value) in self.functions.get(name).cloned().unwrap_or_default() {
                    self.set(name, Some(self.value(name).with(value)));
                }
            }
        }
    }

    fn forget(&mut self, names: &'s [ShellWord]) {
        for word in names.iter().filter(|word| word.is_literal) {
            self.set(&word.text, Some(Value::Any));
        }
    }

    fn assign(&mut self, word: &'s ShellWord) {
        let Some((name, adds)) = word.assigned_name() else { return };
        let before = if adds { self.value(name) } else { Value::Empty };
        let mut pieces = word.pieces.iter();
        let first = pieces.next().and_then(Piece::literal).unwrap_or_default();
        let first = first.split_once('=').map_or("", |(_, value)| value);
        let value = pieces
            .fold(before.with(Value::of(first)), |value, piece| value.with(self.of_piece(piece)));
        self.set(name, Some(value));
    }

    /// What the variable of a loop holds.
    fn item(&self, items: &[ShellWord]) -> Value {
        let of_word = |word: &ShellWord| {
            let pieces = word.pieces.iter();
            pieces.fold(Value::Empty, |value, piece| value.with(self.of_item(piece)))
        };
        items.iter().map(of_word).reduce(Value::with).unwrap_or(Value::Any)
    }

    /// As [`Self::of_piece`]; what the shell splits may be anything then.
    fn of_item(&self, piece: &Piece) -> Value {
        match &piece.kind {
            PieceKind::Parameter(_) => Value::Any,
            _ => self.of_piece(piece),
        }
    }

    fn of_piece(&self, piece: &Piece) -> Value {
        match &piece.kind {
            PieceKind::Double(pieces) => {
                pieces.iter().fold(Value::Empty, |value, piece| value.with(self.of_piece(piece)))
            }
            PieceKind::Parameter(parameter) if parameter.is_plain() => self.value(&parameter.name),
            PieceKind::Arithmetic(_) => Value::Whole,
            _ => piece.literal().map_or(Value::Any, |text| Value::of(&text)),
        }
    }

    fn word(&mut self, word: &'s ShellWord, role: Role<'s>) {
        let is_split =
            role.is_split(word, self.assigns) && !role.is_program(word) && !is_default(word, role);
        for piece in &word.pieces {
            self.piece(piece, is_split);
        }
    }

    fn pieces(&mut self, pieces: &'s [Piece]) {
        pieces.iter().for_each(|piece| self.piece(piece, false));
    }

    fn piece(&mut self, piece: &'s Piece, is_split: bool) {
        match &piece.kind {
            PieceKind::Double(pieces) | PieceKind::Arithmetic(pieces) => self.pieces(pieces),
            PieceKind::Braces(pieces) => {
                pieces.iter().for_each(|piece| self.piece(piece, is_split));
            }
            PieceKind::Parameter(parameter) => {
                self.pieces(&parameter.pieces);
                if is_split && self.needs_quotes(parameter) {
                    self.found.push((piece.span, parameter));
                }
                if parameter.modifier.starts_with(":=") || parameter.modifier.starts_with('=') {
                    self.set(&parameter.name, Some(Value::Any));
                }
            }
            PieceKind::Substitution { list, .. } | PieceKind::Process(list) => {
                self.way(|flow| flow.list(list));
            }
            PieceKind::Array(words) => {
                words.iter().for_each(|word| self.word(word, Role::Element));
            }
            PieceKind::Literal(_)
            | PieceKind::Single(_)
            | PieceKind::DollarSingle(_)
            | PieceKind::Glob(_) => {}
        }
    }

    fn needs_quotes(&self, parameter: &Parameter) -> bool {
        let is_alternative = parameter.modifier.trim_start_matches(':').starts_with('+');
        let is_count = parameter.sign == Some('#');
        !is_alternative
            && !is_count
            && !parameter.is_array()
            && self.value(&parameter.name) != Value::Whole
    }
}

/// True for `: ${name:=…}`, which is there for what it sets.
fn is_default(word: &ShellWord, role: Role<'_>) -> bool {
    let sets = |piece: &Piece| match &piece.kind {
        PieceKind::Parameter(parameter) => {
            parameter.modifier.trim_start_matches(':').starts_with('=')
        }
        _ => false,
    };
    matches!(role, Role::Argument(command, _) if command.name() == ":")
        && word.pieces.iter().any(sets)
}

impl Value {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            Self::Empty
        } else if text.contains([' ', '\t', '\n', '*', '?', '[']) {
            Self::Any
        } else {
            Self::Whole
        }
    }

    /// What one may hold or the other, and as well what both hold, one behind the other.
    const fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, value) | (value, Self::Empty) => value,
            (Self::Whole, Self::Whole) => Self::Whole,
            _ => Self::Any,
        }
    }
}
