//! What stands between `[` and `]`, or `[[` and `]]`.

use super::{NodeKind, Script, ShellWord};

/// Operators with a word behind them.
const UNARY: [&str; 24] = [
    "-a", "-b", "-c", "-d", "-e", "-f", "-g", "-h", "-L", "-k", "-p", "-r", "-s", "-S", "-t", "-u",
    "-w", "-x", "-O", "-G", "-N", "-z", "-n", "-v",
];

/// Operators between two words.
const BINARY: [&str; 17] = [
    "-nt", "-ot", "-ef", "==", "!=", "<=", ">=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "=~",
    ">", "<", "=",
];

/// A test, as far as it can be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Test<'s> {
    /// The `-a`, `-o`, `&&` and `||` that join parts of it.
    pub(crate) joints: Vec<&'s ShellWord>,
    /// The comparisons in it: the words around an operator.
    pub(crate) comparisons: Vec<[&'s ShellWord; 3]>,
}

impl<'s> Test<'s> {
    /// Reads the words between the brackets; as much of them as makes sense.
    pub(crate) fn of(words: &'s [ShellWord]) -> Self {
        let mut test = Self::default();
        let mut rest = words;
        while !rest.is_empty() {
            rest = test.term(rest);
            let is_close = |word: &ShellWord| word.text == ")";
            while let Some((_, behind)) = rest.split_first().filter(|(word, _)| is_close(word)) {
                rest = behind;
            }
            let Some((joint, behind)) = rest.split_first() else { break };
            if !joint.is_literal || !matches!(joint.text.as_str(), "-a" | "-o" | "&&" | "||") {
                break;
            }
            test.joints.push(joint);
            rest = behind;
        }
        test
    }

    /// Reads what stands between two joints, and gives what stands behind it.
    fn term(&mut self, words: &'s [ShellWord]) -> &'s [ShellWord] {
        let mut rest = words;
        while let Some((word, behind)) = rest.split_first() {
            if !matches!(word.text.as_str(), "!" | "(") || is_binary(behind.first()) {
                break;
            }
            rest = behind;
        }
        match rest {
            [left, operator, right, behind @ ..] if is_binary(Some(operator)) => {
                self.comparisons.push([left, operator, right]);
                behind
            }
            [operator, _, behind @ ..] if is_one_of(operator, &UNARY) => behind,
            [_, behind @ ..] => behind,
            [] => rest,
        }
    }
}

/// The words between the brackets of `[ … ]` or `[[ … ]]`.
pub(crate) fn between_brackets<'s>(
    kind: &'s NodeKind,
    script: &'s Script,
) -> Option<&'s [ShellWord]> {
    match kind {
        NodeKind::Test(words) => Some(words),
        NodeKind::Simple(at) => {
            let command = script.commands.get(*at)?;
            let (last, words) = command.arguments().split_last()?;
            (command.name() == "[" && last.text == "]").then_some(words)
        }
        _ => None,
    }
}

fn is_binary(word: Option<&ShellWord>) -> bool {
    word.is_some_and(|word| is_one_of(word, &BINARY))
}

fn is_one_of(word: &ShellWord, operators: &[&str]) -> bool {
    word.is_literal && operators.contains(&word.text.as_str())
}
