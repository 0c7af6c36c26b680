//! What compose files, bake files and workflows say of builds.

use std::path::{Path, PathBuf};

use lapstrake_parser::{Span, Spanned};

use super::super::config::{Node, Value, yaml};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Compose,
    Bake,
    Workflow,
}

impl Form {
    /// What a file of that name is, if one of those that lie in the root of a project.
    pub(super) fn of(name: &str) -> Option<Self> {
        let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
        let is_compose =
            ["compose.", "docker-compose."].iter().any(|start| name.starts_with(start));
        match name {
            "docker-bake.json" | "docker-bake.override.json" => Some(Self::Bake),
            _ if is_yaml && is_compose => Some(Self::Compose),
            _ => None,
        }
    }
}

/// A build that a file asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Seen from the folder that paths count from.
    pub(super) dockerfile: PathBuf,
    pub(super) target: Option<Spanned<String>>,
    pub(super) arguments: Vec<Spanned<String>>,
    pub(super) contexts: Vec<String>,
}

/// The builds that a text asks for; none if it cannot be read. JSON is read as the YAML that it is.
pub(super) fn builds(form: Form, source: &str) -> Vec<Asked> {
    let Ok(root) = yaml::parse_foreign(source) else { return Vec::new() };
    match form {
        Form::Compose => {
            let services = entries(get(&root, "services"));
            services.filter_map(|(_, service)| of_service(get(service, "build")?)).collect()
        }
        Form::Bake => {
            // What others inherit from need be no build of its own.
            let all = || entries(get(&root, "target"));
            let inherited = all().flat_map(|(_, target)| items(get(target, "inherits")));
            let inherited: Vec<&str> = inherited.filter_map(|name| text(Some(name))).collect();
            let targets = all().filter(|(name, _)| !inherited.contains(&name.value.as_str()));
            targets.filter_map(|(_, target)| of_table(target, BAKE)).collect()
        }
        Form::Workflow => {
            let jobs = entries(get(&root, "jobs"));
            let steps = jobs.flat_map(|(_, job)| items(get(job, "steps")));
            steps.filter_map(|step| of_step(step, source)).collect()
        }
    }
}

/// The names of settings.
#[derive(Clone, Copy)]
struct Names {
    dockerfile: &'static str,
    arguments: &'static str,
    contexts: &'static str,
}

const COMPOSE: Names =
    Names { dockerfile: "dockerfile", arguments: "args", contexts: "additional_contexts" };

const BAKE: Names = Names { dockerfile: "dockerfile", arguments: "args", contexts: "contexts" };

fn of_service(build: &Node) -> Option<Asked> {
    match &build.value {
        Value::Text(context) => {
            let dockerfile = local(context)?.join("Dockerfile");
            Some(Asked { dockerfile, target: None, arguments: Vec::new(), contexts: Vec::new() })
        }
        // Without a context it may be what another file adds to.
        _ => get(build, "context").and_then(|_| of_table(build, COMPOSE)),
    }
}

/// The Dockerfile counts from the context there.
fn of_table(build: &Node, names: Names) -> Option<Asked> {
    let inline = ["dockerfile_inline", "dockerfile-inline"];
    if inline.iter().any(|name| get(build, name).is_some()) {
        return None;
    }
    let context = local(text(get(build, "context")).unwrap_or("."))?;
    let dockerfile = local(text(get(build, names.dockerfile)).unwrap_or("Dockerfile"))?;
    let target = get(build, "target").and_then(spanned).filter(|target| is_plain(&target.value));
    let contexts = keys(get(build, names.contexts)).into_iter().map(|name| name.value);
    Some(Asked {
        dockerfile: context.join(dockerfile),
        target,
        arguments: keys(get(build, names.arguments)),
        contexts: contexts.collect(),
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
    let contexts = setting("build-contexts").map(|node| lines(node, source)).unwrap_or_default();
    Some(Asked {
        dockerfile,
        target,
        arguments: setting("build-args").map(|node| lines(node, source)).unwrap_or_default(),
        contexts: contexts.into_iter().map(|name| name.value).collect(),
    })
}

/// The names in lines of `NAME=value`, where they stand in the text.
fn lines(node: &Node, source: &str) -> Vec<Spanned<String>> {
    let Value::Text(text) = &node.value else { return Vec::new() };
    let mut from = node.span.start;
    let mut names = Vec::new();
    for line in text.lines() {
        let name = line.trim().split('=').next().unwrap_or_default();
        if !is_name(name) {
            continue;
        }
        let found = source.get(from..).and_then(|rest| rest.find(name));
        let span = found.map_or(node.span, |at| Span::new(from + at, from + at + name.len()));
        from = found.map_or(from, |at| from + at + name.len());
        names.push(Spanned::new(name.to_owned(), span));
    }
    names
}

/// The names of a table, or those in front of `=` in a list.
fn keys(node: Option<&Node>) -> Vec<Spanned<String>> {
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

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
}

fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    entries(Some(node)).find(|(key, _)| key.value == name).map(|(_, value)| value)
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = &(Spanned<String>, Node)> {
    match node.map(|node| &node.value) {
        Some(Value::Table(entries)) => entries.as_slice(),
        _ => &[],
    }
    .iter()
}

fn items(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    match node.map(|node| &node.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    }
    .iter()
}

fn text(node: Option<&Node>) -> Option<&str> {
    match &node?.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    }
}

fn spanned(node: &Node) -> Option<Spanned<String>> {
    Some(Spanned::new(text(Some(node))?.to_owned(), node.span))
}

/// A path, unless it is the address of something else, or made of variables.
fn local(path: &str) -> Option<PathBuf> {
    let is_far = path.contains("://") || path.starts_with("git@") || path.contains(':');
    (!is_far && is_plain(path)).then(|| Path::new(path).to_owned())
}

fn is_plain(text: &str) -> bool {
    !text.contains('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each build as `DOCKERFILE TARGET ARGUMENTS… + CONTEXTS…`; the places have to hold the names.
    fn said(form: Form, text: &str) -> Vec<String> {
        let said = builds(form, text).into_iter().map(|asked| {
            for name in asked.arguments.iter().chain(&asked.target) {
                assert_eq!(text[name.span.range()].trim_matches('"'), name.value, "{name:?}");
            }
            let target = asked.target.map(|target| target.value).unwrap_or_default();
            let arguments = asked.arguments.into_iter().map(|name| name.value);
            let arguments = arguments.collect::<Vec<_>>().join(" ");
            let contexts = asked.contexts.join(" ");
            format!("{} {target}: {arguments} + {contexts}", asked.dockerfile.display())
        });
        said.collect()
    }

    #[test]
    fn compose_files_are_read() {
        let text = "x-common: &common\n  restart: always\nservices:\n  web:\n    <<: *common\n    build: ./web\n  api:\n    \
                    build:\n      context: api\n      dockerfile: Dockerfile.dev\n      target: dev\n      args:\n        \
                    - VERSION=1\n        - \"NAME=a b\"\n      additional_contexts:\n        docs: ./docs\n  db:\n    \
                    build:\n      context: .\n      args: { PORT: 80 }\n  more:\n    build: { args: { DEBUG: 1 } }\n  far:\n    build: https://example.com/a.git\n  image:\n    image: x\n  \
                    inline:\n    build: { dockerfile_inline: FROM x }\n";
        let expected = [
            "./web/Dockerfile :  + ",
            "api/Dockerfile.dev dev: VERSION NAME + docs",
            "./Dockerfile : PORT + ",
        ];
        assert_eq!(said(Form::Compose, text), expected);
        assert!(said(Form::Compose, "services: [").is_empty());
    }

    #[test]
    fn bake_files_are_read() {
        let text = r#"{"group": {"default": {"targets": ["a"]}}, "target": {
            "_": {"args": {"ALL": "1"}},
            "a": {"context": "app", "target": "bin", "args": {"GO": "1"}, "contexts": {"base": "docker-image://x"}},
            "b": {"inherits": ["_"], "dockerfile": "b.Dockerfile", "target": "${T}"}}}"#;
        let expected = ["app/Dockerfile bin: GO + base", "./b.Dockerfile :  + "];
        assert_eq!(said(Form::Bake, text), expected);
    }

    #[test]
    fn workflows_are_read() {
        let text = "on: push\njobs:\n  build:\n    steps:\n      - uses: actions/checkout@v4\n      \
                    - uses: docker/build-push-action@v6\n        with:\n          file: deploy/Dockerfile\n          \
                    target: release\n          build-args: |\n            VERSION=${{ github.sha }}\n            \
                    DEBUG\n      - uses: docker/build-push-action@v6\n        with:\n          context: ${{ matrix.dir }}\n";
        assert_eq!(said(Form::Workflow, text), ["deploy/Dockerfile release: VERSION DEBUG + "]);
    }
}
