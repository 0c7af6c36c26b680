//! Scripts of pipelines: those of jobs of GitLab, and of steps of GitHub's workflows.

use std::path::PathBuf;

use lapstrake_parser::Spanned;

use super::super::config::{Node, Value};
use super::command;
use super::node::{entries, get, get_in, items, text};
use super::place::Places;
use super::read::{Asked, local};

/// As many bytes of scripts are looked at: what holds for all jobs counts once for each.
const MOST: usize = 4 << 20;

/// The parts of a job in the order in which they run, in one shell.
const PARTS: [&str; 2] = ["before_script", "script"];

/// The builds that the jobs of `.gitlab-ci.yml` ask for; paths count from the root of the repository.
pub(super) fn of_gitlab(root: &Node, source: &str) -> Vec<Asked> {
    let usual = get(root, "before_script").or_else(|| get_in(root, &["default", "before_script"]));
    let jobs = entries(Some(root)).filter(|(_, job)| get(job, "script").is_some());
    let mut left = MOST;
    let mut of_job = |(_, job): &(Spanned<String>, Node)| {
        let mut folder = Some(PathBuf::new());
        let parts = PARTS.map(|part| get(job, part).or(usual.filter(|_| part == "before_script")));
        let texts = parts.into_iter().flatten().flat_map(|part| match &part.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(part),
        });
        let mut asked = Vec::new();
        for script in texts {
            left = left.saturating_sub(text(Some(script)).map_or(0, str::len));
            if left > 0 {
                asked.extend(builds(script, source, &mut folder));
            }
        }
        asked
    };
    jobs.flat_map(&mut of_job).collect()
}

/// The builds that the commands of GitHub's workflows ask for.
pub(super) fn of_workflow(root: &Node, source: &str) -> Vec<Asked> {
    let usual = folder_of(get(root, "defaults").and_then(|all| get(all, "run")));
    let jobs = entries(get(root, "jobs"));
    let of_job = |(_, job): &(Spanned<String>, Node)| {
        let usual = folder_of(get_in(job, &["defaults", "run"])).or_else(|| usual.clone());
        let steps = items(get(job, "steps"));
        let of_step = |step: &Node| {
            let mut folder = match get(step, "working-directory") {
                Some(_) => folder_of(Some(step)).flatten(),
                None => usual.clone().unwrap_or_else(|| Some(PathBuf::new())),
            };
            get(step, "run").map(|run| builds(run, source, &mut folder)).unwrap_or_default()
        };
        steps.flat_map(of_step).collect::<Vec<_>>()
    };
    jobs.flat_map(of_job).collect()
}

/// The folder that something names for its commands; `Some(None)` if it names one that is not known.
fn folder_of(node: Option<&Node>) -> Option<Option<PathBuf>> {
    let named = get(node?, "working-directory")?;
    Some(text(Some(named)).and_then(local).filter(|path| !path.is_absolute()))
}

fn builds(script: &Node, source: &str, folder: &mut Option<PathBuf>) -> Vec<Asked> {
    let Some(text) = text(Some(script)).filter(|text| !text.is_empty()) else { return Vec::new() };
    let mut asked = command::builds(&without_expressions(text), folder);
    if asked.is_empty() {
        return asked;
    }
    let places = Places::of(text, script.span, source);
    for name in asked.iter_mut().flat_map(|one| one.arguments.iter_mut().chain(&mut one.target)) {
        name.span = places.span(name.span);
    }
    asked
}

/// The text with a variable of the same length in the place of each `${{ … }}`, which GitHub fills in.
fn without_expressions(text: &str) -> String {
    let mut parts = text.split("${{");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once("}}") {
            Some((inner, behind)) if !inner.contains('\n') => {
                plain.push('$');
                plain.extend(std::iter::repeat_n('_', inner.len() + 4));
                plain.push_str(behind);
            }
            _ => {
                plain.push_str("${{");
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_variables_of_their_length() {
        let text = "docker build -t a:${{ github.sha }} ${{ x }}/b";
        let plain = without_expressions(text);
        assert_eq!(plain, "docker build -t a:$________________ $_______/b");
        assert_eq!(plain.len(), text.len());
        assert_eq!(without_expressions("${{ a\n"), "${{ a\n");
    }
}
