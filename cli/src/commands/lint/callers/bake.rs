//! The targets of a bake file, whatever it is written in.

use std::collections::BTreeSet;

use super::super::config::Node;
use super::node::{entries, get, spanned, text, texts};
use super::read::{Asked, is_plain, keys, local};

/// The builds of all targets but those that others inherit from, which need be none of their own.
pub(super) fn builds(root: &Node, is_override: bool) -> Vec<Asked> {
    let all = || entries(get(root, "target"));
    let inherited: BTreeSet<&str> =
        all().flat_map(|(_, target)| texts(get(target, "inherits"))).collect();
    let targets = all().filter(|(name, _)| !inherited.contains(name.value.as_str()));
    targets.filter_map(|(_, target)| build(root, target, is_override)).collect()
}

fn build(root: &Node, target: &Node, is_override: bool) -> Option<Asked> {
    let Lineage { targets, is_whole } = lineage(root, target);
    let setting = |name: &str| targets.iter().find_map(|target| get(target, name));
    let (context, dockerfile) = (setting("context"), setting("dockerfile"));
    // What another file says of the target is not known.
    let is_elsewhere = is_override || !is_whole;
    if setting("dockerfile-inline").is_some()
        || (is_elsewhere && context.is_none() && dockerfile.is_none())
    {
        return None;
    }
    let path = |node: Option<&Node>, usual: &str| match node {
        Some(node) => local(text(Some(node))?),
        None => Some(usual.into()),
    };
    let context = path(context, ".")?;
    let dockerfile = context.join(path(dockerfile, "Dockerfile")?);
    let target_of = setting("target").and_then(spanned);
    let contexts = targets.iter().flat_map(|target| keys(get(target, "contexts")));
    Some(Asked {
        dockerfile,
        context: Some(context),
        target: target_of.filter(|target| is_plain(&target.value)),
        // Not all that inherit an argument need take it.
        arguments: keys(get(target, "args")),
        contexts: contexts.map(|name| name.value).collect(),
        platforms: texts(setting("platforms")).map(str::to_owned).collect(),
    })
}

/// A target and those that it inherits from.
struct Lineage<'n> {
    /// What stands in front counts first.
    targets: Vec<&'n Node>,
    /// All of them are in the file.
    is_whole: bool,
}

fn lineage<'n>(root: &'n Node, target: &'n Node) -> Lineage<'n> {
    let mut lineage = Lineage { targets: Vec::new(), is_whole: true };
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut open = vec![target];
    while let Some(target) = open.pop() {
        lineage.targets.push(target);
        // The last one that is inherited from counts first, and so is taken first.
        for name in texts(get(target, "inherits")) {
            match entries(get(root, "target")).find(|(key, _)| key.value == name) {
                Some((_, parent)) if seen.insert(name) => open.push(parent),
                Some(_) => {}
                None => lineage.is_whole = false,
            }
        }
    }
    lineage
}
