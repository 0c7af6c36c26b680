//! Rules about Rust text: sizes, `unsafe`, who may print and read the environment, no leftovers.
//!
//! They read lines, not syntax: rustfmt has been over the text, so an item ends at the brace that is
//! indented like its first line.

use super::tree::Tree;

const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 80;

/// The modules that may hold `unsafe`: as a file or as a folder.
const UNSAFE: [&str; 2] = ["executor/src/sys", "crates/rootfs/src/sys"];

/// The packages that talk to the user and read the environment.
const FRONT: [&str; 2] = ["cli/", "crates/xtask/"];

/// Names that say nothing about what a module holds.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "manager", "helper", "helpers"];

pub(crate) fn faults(tree: &Tree) -> Vec<String> {
    tree.files(".rs").flat_map(|(path, text)| file_faults(path, text)).collect()
}

fn file_faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES {
        faults.push(format!("{path}: {lines} lines, more than {FILE_LINES}: split it"));
    }
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    if EMPTY_NAMES.contains(&stem) {
        faults.push(format!("{path}: name the module after what it holds"));
    }
    let long = functions(text).filter(|function| function.lines > FUNCTION_LINES);
    faults.extend(long.map(|function| {
        format!(
            "{path}:{}: a function of {} lines, more than {FUNCTION_LINES}",
            function.start, function.lines
        )
    }));
    faults.extend(line_faults(path, text));
    faults
}

fn line_faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let product = product_lines(path, text);
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        let mut fault = |what: &str| faults.push(format!("{path}:{number}: {what}"));
        if line.starts_with("//") {
            continue;
        }
        if line.contains(concat!("#[ig", "nore")) {
            fault("a test is switched off");
        }
        if line.contains(concat!("allow(unsafe", "_code"))
            && !UNSAFE.iter().any(|module| path.starts_with(module))
        {
            fault("unsafe belongs into executor::sys");
        }
        if number > product {
            continue;
        }
        if LEFTOVERS.iter().any(|leftover| line.contains(leftover)) {
            fault("unfinished or debugging code");
        }
        if !FRONT.iter().any(|package| path.starts_with(package))
            && FRONT_ONLY.iter().any(|call| line.contains(call))
        {
            fault("only cli prints and reads the environment");
        }
    }
    faults
}

const LEFTOVERS: [&str; 3] =
    [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("db", "g!(")];
const FRONT_ONLY: [&str; 7] = [
    concat!("print", "ln!("),
    concat!("eprint", "ln!("),
    concat!("print", "!("),
    "env::var",
    "env::set_var",
    "env::home_dir",
    "env::current_dir",
];

/// How many of a file's lines are product code: all up to its test module, none in a test, an
/// example or a build script.
fn product_lines(path: &str, text: &str) -> usize {
    let beside = ["/tests/", "/benches/", "/examples/"];
    let is_test = beside.iter().any(|folder| path.contains(folder)) || path.ends_with("build.rs");
    if is_test || path.ends_with("/tests.rs") {
        return 0;
    }
    let lines: Vec<&str> = text.lines().collect();
    let opens_tests =
        |pair: &[&str]| matches!(pair, ["#[cfg(test)]", module] if module.starts_with("mod "));
    lines.windows(2).position(opens_tests).unwrap_or(usize::MAX)
}

struct Function {
    /// Line on which it starts, from 1.
    start: usize,
    /// From there to its closing brace.
    lines: usize,
}

fn functions(text: &str) -> impl Iterator<Item = Function> + '_ {
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len()).filter_map(move |index| {
        let rest = lines.get(index..)?;
        let first = rest.first()?;
        if !starts_function(first.trim_start()) || first.trim_end().ends_with([';', '}']) {
            return None;
        }
        let indent = &first[..first.len() - first.trim_start().len()];
        let end = rest.iter().position(|line| {
            line.strip_prefix(indent).is_some_and(|tail| tail == "}" || tail == ");")
        })?;
        Some(Function { start: index + 1, lines: end + 1 })
    })
}

fn starts_function(line: &str) -> bool {
    let words = ["pub", "pub(crate)", "pub(super)", "const", "unsafe", "async", "extern", "\"C\""];
    let mut rest = line.split(' ').skip_while(|word| words.contains(word));
    rest.next() == Some("fn")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "impl A {{\n    pub fn long() {{\n{}    }}\n}}\n",
            "        step();\n".repeat(lines - 2)
        )
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let found: Vec<(usize, usize)> =
            functions(&function(7)).map(|f| (f.start, f.lines)).collect();
        assert_eq!(found, [(2, 7)]);
    }

    #[test]
    fn long_functions_are_faults() {
        assert!(file_faults("cache/src/a.rs", &function(FUNCTION_LINES)).is_empty());
        assert_eq!(file_faults("cache/src/a.rs", &function(FUNCTION_LINES + 1)).len(), 1);
    }

    #[test]
    fn only_the_front_prints() {
        let text = format!("fn a() {{\n    {}\"x\");\n}}\n", FRONT_ONLY[0]);
        assert_eq!(
            line_faults("cache/src/a.rs", &text),
            ["cache/src/a.rs:2: only cli prints and reads the environment"]
        );
        assert!(line_faults("cli/src/a.rs", &text).is_empty());
        assert!(line_faults("cache/tests/a.rs", &text).is_empty());
    }

    #[test]
    fn tests_may_print() {
        let text =
            format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n    {}\"x\");\n}}\n", FRONT_ONLY[0]);
        assert!(line_faults("cache/src/a.rs", &text).is_empty());
    }

    #[test]
    fn unsafe_has_one_home() {
        let text = format!("#![{})]\n", concat!("allow(unsafe", "_code"));
        assert!(line_faults("executor/src/sys/clone.rs", &text).is_empty());
        assert_eq!(
            line_faults("cache/src/lib.rs", &text),
            ["cache/src/lib.rs:1: unsafe belongs into executor::sys"]
        );
    }
}
