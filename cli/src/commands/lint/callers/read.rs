//! What files that ask for builds say: compose files, bake files, workflows of GitHub and pipelines of GitLab.

use std::path::{Path, PathBuf};

use lapstrake_parser::{Span, Spanned};

use super::super::config::{Node, Value, yaml};
use super::node::{entries, get, items, spanned, text, texts};
use super::place::Places;
use super::{bake, hcl, script};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Compose,
    /// In JSON, unless it is HCL; what is an override adds to the targets of another file.
    Bake {
        is_hcl: bool,
        is_override: bool,
    },
    Workflow,
    /// `.gitlab-ci.yml`.
    Pipeline,
}

impl Form {
    /// What a file of that name is, if one of those that lie in the root of a project.
    pub(super) fn of(name: &str) -> Option<Self> {
        let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
        let is_compose =
            ["compose.", "docker-compose."].iter().any(|start| name.starts_with(start));
        match name {
            ".gitlab-ci.yml" => Some(Self::Pipeline),
            _ if is_yaml && is_compose => Some(Self::Compose),
            _ => {
                let rest = name.strip_prefix("docker-bake.")?;
                let (stem, ending) = rest.rsplit_once('.').unwrap_or(("", rest));
                let is_hcl = ending == "hcl";
                (is_hcl || ending == "json")
                    .then_some(Self::Bake { is_hcl, is_override: stem == "override" })
            }
        }
    }
}

/// A build that a file asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Seen from the folder that paths count from.
    pub(super) dockerfile: PathBuf,
    /// Likewise; nothing if it is not known.
    pub(super) context: Option<PathBuf>,
    pub(super) target: Option<Spanned<String>>,
    pub(super) arguments: Vec<Spanned<String>>,
    pub(super) contexts: Vec<String>,
    pub(super) platforms: Vec<String>,
}

/// The builds that a text asks for; none if it cannot be read. JSON is read as the YAML that it is.
pub(super) fn builds(form: Form, source: &str) -> Vec<Asked> {
    let root = match form {
        Form::Bake { is_hcl: true, .. } => hcl::parse(source),
        _ => yaml::parse_foreign(source).ok(),
    };
    let Some(root) = root else { return Vec::new() };
    match form {
        Form::Compose => {
            let services = entries(get(&root, "services"));
            services.filter_map(|(_, service)| of_service(get(service, "build")?)).collect()
        }
        Form::Bake { is_override, .. } => bake::builds(&root, is_override),
        Form::Workflow => {
            let jobs = entries(get(&root, "jobs"));
            let steps = jobs.flat_map(|(_, job)| items(get(job, "steps")));
            let actions = steps.filter_map(|step| of_step(step, source));
            actions.chain(script::of_workflow(&root, source)).collect()
        }
        Form::Pipeline => script::of_gitlab(&root, source),
    }
}

fn of_service(build: &Node) -> Option<Asked> {
    let (context, dockerfile) = match &build.value {
        Value::Text(context) => (context.as_str(), "Dockerfile"),
        // Without a context it may be what another file adds to.
        _ => (
            text(Some(get(build, "context")?))?,
            get(build, "dockerfile").map_or(Some("Dockerfile"), |file| text(Some(file)))?,
        ),
    };
    if get(build, "dockerfile_inline").is_some() {
        return None;
    }
    let target = get(build, "target").and_then(spanned).filter(|target| is_plain(&target.value));
    let contexts = keys(get(build, "additional_contexts")).into_iter().map(|name| name.value);
    let context = local(context)?;
    Some(Asked {
        // It counts from the context.
        dockerfile: context.join(local(dockerfile)?),
        context: Some(context),
        target,
        arguments: keys(get(build, "args")),
        contexts: contexts.collect(),
        platforms: texts(get(build, "platforms")).map(str::to_owned).collect(),
    })
}

/// A step of `docker/build-push-action`: its paths count from the root of the repository.
fn of_step(step: &Node, source: &str) -> Option<Asked> {
    let uses = text(get(step, "uses"))?;
    if !uses.starts_with("docker/build-push-action@") {
        return None;
    }
    let with = get(step, "with");
    let setting = |name: &str| with.and_then(|with| get(with, name));
    let context = local(text(setting("context")).unwrap_or("."))?;
    let dockerfile = match text(setting("file")) {
        Some(file) => local(file)?,
        None => context.join("Dockerfile"),
    };
    let target = setting("target").and_then(spanned).filter(|target| is_plain(&target.value));
    let names = |name: &str| setting(name).map(|node| lines(node, source)).unwrap_or_default();
    let contexts = names("build-contexts").into_iter().map(|name| name.value);
    let platforms = text(setting("platforms")).unwrap_or_default().split([',', '\n']);
    let platforms = platforms.map(|one| one.trim().to_owned()).filter(|one| !one.is_empty());
    Some(Asked {
        dockerfile,
        context: Some(context),
        target,
        arguments: names("build-args"),
        contexts: contexts.collect(),
        platforms: platforms.collect(),
    })
}

/// The names in lines of `NAME=value`, where they stand in the text.
fn lines(node: &Node, source: &str) -> Vec<Spanned<String>> {
    let Value::Text(text) = &node.value else { return Vec::new() };
    let places = Places::of(text, node.span, source);
    let mut start = 0;
    let mut names = Vec::new();
    for line in text.split_inclusive('\n') {
        let name = line.trim().split('=').next().unwrap_or_default();
        let from = start + line.len() - line.trim_start().len();
        if is_name(name) {
            let span = places.span(Span::new(from, from + name.len()));
            names.push(Spanned::new(name.to_owned(), span));
        }
        start += line.len();
    }
    names
}

/// The names of a table, or those in front of `=` in a list.
pub(super) fn keys(node: Option<&Node>) -> Vec<Spanned<String>> {
    let of_table = entries(node).map(|(name, _)| name.clone());
    let of_list = items(node).filter_map(|item| {
        let Spanned { value, span } = spanned(item)?;
        let name = value.split('=').next().unwrap_or_default().to_owned();
        // A quote in front is part of the span.
        let start = span.end.saturating_sub(value.len()).max(span.start);
        let is_bare = span.len() == value.len();
        let start = if is_bare { span.start } else { start.saturating_sub(1) };
        let end = start + name.len();
        Some(Spanned::new(name, Span::new(start, end)))
    });
    of_table.chain(of_list).filter(|name| is_name(&name.value)).collect()
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
}

/// A path, unless it is the address of something else, or made of variables.
pub(super) fn local(path: &str) -> Option<PathBuf> {
    let is_far = path.contains("://") || path.starts_with("git@") || path.contains(':');
    (!is_far && is_plain(path)).then(|| Path::new(path).to_owned())
}

pub(super) fn is_plain(text: &str) -> bool {
    !text.contains('$')
}

#[cfg(test)]
mod tests;
