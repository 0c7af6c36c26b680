//! Dockerfile text to a syntax tree, with the place of everything in it.
//!
//! [`parse`] takes a text and gives a [`Dockerfile`] and [`Diagnostic`]s. It never fails, reads no
//! file and no environment, and knows no image. What an instruction *does* is for the solver.
//! Text in the tree is as written: variables are put in later, by [`expand`](mod@expand), when
//! their values are known. Rule numbers such as A5 are those of the language reference the project
//! keeps.
//!
//! What is not here: image references, platforms, URLs, users and paths are plain text to this
//! crate.
//!
//! Where to start reading, from text to tree:
//! - [`Span`], [`Text`], [`Word`], `buffer`: places, and text that is shared.
//! - `line_end`, `physical`, `logical`, `eight`: lines, and lines joined by continuations.
//! - [`directive`], [`check`], [`syntax`]: what comes before the first instruction.
//! - `parse`: the loop over the instructions; [`dockerfile`], [`instruction`]: its result.
//! - `flag`, `flag_rule`, `split`, `json`, [`heredoc`]: the pieces of a line.
//! - `arguments`: what each instruction makes of its pieces.
//!
//! - `print`: the tree as text again.
//!
//! Beside the tree, for values that are complete only once variables are in:
//! - [`expand`](mod@expand): words.
//! - [`mount`], [`mode`], [`port`], [`signal`], [`duration`]: values of flags and arguments.
//! - [`glob`], [`ignore_file`]: patterns over paths.

mod arguments;
mod boolean;
mod buffer;
pub mod check;
pub mod csv;
pub mod diagnostic;
pub mod directive;
pub mod dockerfile;
pub mod duration;
mod eight;
pub mod expand;
mod flag;
mod flag_rule;
mod fragment;
pub mod glob;
mod head;
pub mod heredoc;
pub mod ignore_file;
pub mod instruction;
mod json;
mod keyword;
mod line_end;
mod logical;
pub mod mode;
pub mod mount;
mod order;
mod parse;
mod physical;
mod place_set;
pub mod port;
mod print;
pub mod signal;
pub mod size;
mod span;
mod split;
mod suggest;
pub mod syntax;
mod text;
mod unknown;
mod word;
mod written;

pub use diagnostic::{Diagnostic, Edit, Elsewhere, Fix, OtherFile, Safety, Severity};
pub use directive::{Directive, DirectiveKind};
pub use dockerfile::{Dockerfile, Instruction, Stage};
pub use expand::{
    ExpandError, Expanded, ExpandedWord, ExpandedWords, Expander, Quotes, Reference, Variables,
    expand, expand_words,
};
pub use flag::Flag;
pub use flag_rule::{FlagKind, FlagRule, known_flags};
pub use heredoc::Heredoc;
pub use instruction::{
    ArgDeclaration, CommandForm, Few, FromInstruction, Healthcheck, HealthcheckTiming,
    InstructionKind, KeyValue, Onbuild, Source, Transfer, Volume,
};
pub use keyword::Keyword;
pub use parse::{Parsed, decode, parse, parse_bytes, parse_shared, parse_trigger};
pub use print::print;
pub use span::{LineIndex, Position, Span, Spanned};
pub use suggest::suggest;
pub use text::Text;
pub use word::Word;
