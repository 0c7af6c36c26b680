//! `cargo xtask tidy`: the project's own rules, as code. Also run as a test of this package.
//!
//! Each module holds one family of rules and returns a line for each fault: `path[:line]: what`.

mod dependency;
mod document;
mod page;
mod source;
mod tree;

use crate::failure::{Outcome, wrong};
use crate::project::Project;

pub(crate) fn run(project: &Project) -> Outcome<()> {
    let faults = faults(project)?;
    if faults.is_empty() {
        println!("tidy");
        return Ok(());
    }
    Err(wrong(format!("{} rules broken", faults.len()), format!("\n{}", faults.join("\n"))))
}

fn faults(project: &Project) -> Outcome<Vec<String>> {
    let tree = tree::Tree::read(project.root())?;
    let mut faults = dependency::faults(&tree);
    faults.extend(source::faults(&tree));
    faults.extend(document::faults(&tree));
    faults.extend(page::faults(&tree));
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_rules_hold() {
        let project = Project::locate().expect("workspace root");
        let faults = faults(&project).expect("readable source tree");
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }
}
