//! # Package managers keep what they fetched in a cache mount
//!
//! A RUN that runs again fetches everything again, however little changed, and what it keeps for the next time stays in the layer,
//! where nothing reads it. A cache mount is there for all builds and in no image. Looks at npm, pnpm, uv, Poetry, Go, Cargo, Maven,
//! Gradle, Composer and .NET; for apt, apk, dnf, yum, pip and yarn there are rules of their own.
//!
//! ```dockerfile
//! FROM node:22
//! COPY package.json package-lock.json ./
//! RUN npm ci
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! COPY package.json package-lock.json ./
//! RUN --mount=type=cache,target=/root/.npm npm ci
//! ```
//!
//! **Fix**: none: where the cache is depends on the user and on variables.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::Command;

pub(super) static RULE: Rule =
    Rule::own("prefer-cache-mount", Severity::Info, Check::Script(check))
        .strict()
        .confident(Confidence::Medium);

/// A program that keeps what it fetched.
struct Tool {
    name: &'static str,
    /// The words by which it fetches.
    fetches: &'static [&'static str],
    /// Where root has its cache.
    cache: &'static str,
    /// What the paths of its caches have in them, wherever they are.
    paths: &'static [&'static str],
}

const fn tool(
    name: &'static str,
    fetches: &'static [&'static str],
    cache: &'static str,
    paths: &'static [&'static str],
) -> Tool {
    Tool { name, fetches, cache, paths }
}

/// Each by its own documentation.
const TOOLS: [Tool; 11] = [
    tool("npm", &["ci", "install", "i"], "/root/.npm", &["npm", "node_modules"]),
    tool("pnpm", &["install", "i", "fetch"], "/root/.local/share/pnpm/store", &["pnpm"]),
    tool("uv", &["sync", "pip"], "/root/.cache/uv", &["uv", ".cache"]),
    tool("poetry", &["install"], "/root/.cache/pypoetry", &["poetry", ".cache"]),
    tool("go", &["build", "install", "mod", "test"], "/root/.cache/go-build", &["go", ".cache"]),
    tool("cargo", &["build", "install", "fetch"], "/usr/local/cargo/registry", &["cargo"]),
    tool("mvn", &["package", "install", "verify", "compile"], "/root/.m2", &[".m2", "maven"]),
    tool("gradle", &["build", "assemble", "dependencies"], "/root/.gradle", &["gradle"]),
    tool("gradlew", &["build", "assemble", "dependencies"], "/root/.gradle", &["gradle"]),
    tool("composer", &["install", "require"], "/root/.composer/cache", &["composer", "/tmp/cache"]),
    tool("dotnet", &["restore", "build", "publish"], "/root/.nuget/packages", &["nuget"]),
];

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    let mut told: Vec<&str> = Vec::new();
    for command in &run.script.commands {
        let Some(tool) = TOOLS.iter().find(|tool| fetches(tool, command)) else { continue };
        let has_cache = tool.paths.iter().any(|path| run.has_mount(path));
        if has_cache || told.contains(&tool.name) {
            continue;
        }
        told.push(tool.name);
        let message = format!("`{}` fetches everything again when this runs again", tool.name);
        let help = format!(
            "keep it: `RUN --mount=type=cache,target={}`, if that is its cache",
            tool.cache
        );
        findings.add(command.name_span(), message).help(help);
    }
}

fn fetches(tool: &Tool, command: &Command) -> bool {
    command.base_name() == tool.name
        && command.operands(&["prefix", "C", "f", "p", "project-dir"]).first().is_some_and(|word| {
            let is_maven = matches!(tool.name, "mvn" | "gradle" | "gradlew");
            is_maven && command.has_any_argument(tool.fetches)
                || tool.fetches.contains(&word.text.as_str())
        })
}
