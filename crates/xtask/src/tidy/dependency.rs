//! Which package may use which, and that each outside dependency is there for a written reason.

use super::tree::Tree;

const OWN: &str = "lapstrake-";

/// Folder of a package, and the packages of this project that it may name in `[dependencies]`.
/// Edges run one way; what a line leaves out is an invariant (ARCHITECTURE.md): the executor knows
/// no image, the cache no network and no Dockerfile, the parser nothing at all.
const EDGES: [(&str, &[&str]); 19] = [
    ("parser", &[]),
    ("crates/oci", &[]),
    ("crates/causes", &[]),
    ("crates/ids", &["causes"]),
    ("crates/rootfs", &["parser", "oci", "ids"]),
    ("crates/http", &[]),
    ("crates/sbom", &[]),
    ("crates/registry", &["oci", "http"]),
    ("cache", &["oci", "rootfs"]),
    ("executor", &["causes", "ids", "rootfs"]),
    ("crates/image", &["oci", "ids", "rootfs", "registry", "cache"]),
    ("crates/source", &["oci", "http", "rootfs", "cache"]),
    ("crates/transfer", &["causes", "oci", "http", "rootfs", "registry", "cache", "image"]),
    ("solver", &["parser", "oci", "ids", "rootfs", "cache", "source", "transfer", "executor"]),
    ("crates/linter", &["parser", "oci", "rootfs"]),
    ("crates/format", &["parser"]),
    ("crates/lsp", &["parser", "linter", "format"]),
    (
        "cli",
        &[
            "parser", "causes", "oci", "ids", "http", "rootfs", "registry", "cache", "executor",
            "image", "source", "transfer", "solver", "linter", "format", "lsp", "sbom",
        ],
    ),
    ("crates/xtask", &[]),
];

const REASONS: &str = "docs/dependencies.md";

pub(crate) fn faults(tree: &Tree) -> Vec<String> {
    let mut faults: Vec<String> =
        manifests(tree).flat_map(|(path, text)| package_faults(path, text)).collect();
    faults.extend(reason_faults(tree));
    faults
}

/// The packages' manifests, without the workspace's own. What is a workspace of its own (fuzz
/// targets) is no part of the project's dependencies.
fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files("/Cargo.toml").filter(|(_, text)| text.lines().all(|line| line != "[workspace]"))
}

fn package_faults(path: &str, text: &str) -> Vec<String> {
    let folder = path.trim_end_matches("/Cargo.toml");
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == folder) else {
        return vec![format!(
            "{path}: give this package its place in EDGES (crates/xtask/src/tidy/dependency.rs)"
        )];
    };
    let mut faults = Vec::new();
    for (section, line) in entries(text).filter(|(section, _)| section.ends_with("dependencies")) {
        let name = dependency_name(line);
        if section == "dependencies" {
            let own = name.strip_prefix(OWN);
            if let Some(other) = own.filter(|other| !allowed.contains(other)) {
                faults.push(format!("{path}: {folder} must not depend on {other}"));
            }
        }
        if !line.contains("workspace") {
            faults.push(format!("{path}: {name} has to come from [workspace.dependencies]"));
        }
    }
    faults
}

/// Each dependency of the workspace is used by a package and has its reason, and no reason is left
/// over.
fn reason_faults(tree: &Tree) -> Vec<String> {
    let workspace = tree.file("Cargo.toml").unwrap_or_default();
    let names: Vec<&str> = entries(workspace)
        .filter(|(section, _)| *section == "workspace.dependencies")
        .map(|(_, line)| dependency_name(line))
        .filter(|name| !name.starts_with(OWN))
        .collect();
    let reasons: Vec<&str> =
        tree.file(REASONS).unwrap_or_default().lines().filter_map(reason_subject).collect();
    let without = names.iter().filter(|name| !reasons.contains(name));
    let left_over = reasons.iter().filter(|name| !names.contains(name));
    let unused = names.iter().filter(|name| !is_used(tree, name));
    let without = without.map(|name| format!("{REASONS}: say why the project depends on {name}"));
    let left_over = left_over.map(|name| format!("{REASONS}: {name} is no dependency any more"));
    let unused = unused.map(|name| format!("Cargo.toml: no package uses {name}"));
    without.chain(left_over).chain(unused).collect()
}

fn is_used(tree: &Tree, name: &str) -> bool {
    manifests(tree)
        .flat_map(|(_, text)| entries(text))
        .any(|(section, line)| section.ends_with("dependencies") && dependency_name(line) == name)
}

/// The name that a line of the list explains: ``- `name`: why``.
fn reason_subject(line: &str) -> Option<&str> {
    line.strip_prefix("- `")?.split_once("`: ").map(|(name, _)| name)
}

fn dependency_name(line: &str) -> &str {
    line.split(['=', '.', ' ']).next().unwrap_or(line)
}

/// The `key = value` lines of a manifest with their section. The project's manifests keep each
/// dependency on one line.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            return None;
        }
        (!line.is_empty() && !line.starts_with('#')).then_some((section, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_edge_is_named() {
        let manifest = "[package]\nname = \"lapstrake-parser\"\n[dependencies]\nlapstrake-oci.workspace = true\n";
        assert_eq!(
            package_faults("parser/Cargo.toml", manifest),
            ["parser/Cargo.toml: parser must not depend on oci"]
        );
    }

    #[test]
    fn tests_may_use_what_the_package_may_not() {
        let manifest = "[dev-dependencies]\nlapstrake-oci.workspace = true\n";
        assert!(package_faults("parser/Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn a_version_belongs_into_the_workspace() {
        let faults = package_faults("cli/Cargo.toml", "[dependencies]\nclap = \"4\"\n");
        assert_eq!(faults, ["cli/Cargo.toml: clap has to come from [workspace.dependencies]"]);
    }

    #[test]
    fn reasons_and_dependencies_agree() {
        let tree = Tree::of(&[
            ("Cargo.toml", "[workspace.dependencies]\nclap = \"4\"\nnom = { version = \"8\" }\n"),
            ("cli/Cargo.toml", "[dependencies]\nclap.workspace = true\n"),
            ("docs/dependencies.md", "- `clap`: arguments\n- `gone`: nothing\n"),
        ]);
        let expected = [
            "docs/dependencies.md: say why the project depends on nom",
            "docs/dependencies.md: gone is no dependency any more",
            "Cargo.toml: no package uses nom",
        ];
        assert_eq!(reason_faults(&tree), expected);
    }
}
