//! Commands that install what a project depends on, and the files of the project that they read for it.

use crate::package::is_pip_install;
use crate::shell::Command;

/// What a command reads: names of files, with `*` for any text, in any folder.
pub(crate) struct Reads {
    /// The command in a few words.
    pub(crate) tool: String,
    /// The files.
    names: Vec<String>,
}

/// Programs, words that make them install, and what they read then.
const TOOLS: [(&str, &[&str], &[&str]); 13] = [
    ("npm", &["ci", "install", "i"], &NPM),
    ("pnpm", &["install", "i", "fetch"], &PNPM),
    ("yarn", &["install", ""], &YARN),
    ("bun", &["install", "i"], &["package.json", "bun.lock", "bun.lockb", "bunfig.toml"]),
    ("go", &["mod download"], &["go.mod", "go.sum", "go.work", "go.work.sum"]),
    ("cargo", &["fetch"], &["Cargo.toml", "Cargo.lock", "config.toml", "rust-toolchain*"]),
    ("bundle", &["install"], &["Gemfile*", "*.gemspec", ".ruby-version", ".bundle"]),
    ("composer", &["install"], &["composer.json", "composer.lock", "auth.json"]),
    ("mvn", &["dependency:go-offline", "dependency:resolve"], &["pom.xml", "settings.xml"]),
    ("gradle", &["dependencies"], &GRADLE),
    ("gradlew", &["dependencies"], &GRADLE),
    ("dotnet", &["restore"], &DOTNET),
    ("poetry", &["install"], &["pyproject.toml", "poetry.lock", "poetry.toml"]),
];

const NPM: [&str; 4] = ["package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"];
const PNPM: [&str; 6] =
    ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc", ".pnpmfile.cjs", "*.patch"];
const YARN: [&str; 6] =
    ["package.json", "yarn.lock", ".yarnrc", ".yarnrc.yml", ".pnp.cjs", "yarn-*.cjs"];
const GRADLE: [&str; 6] = [
    "*.gradle",
    "*.gradle.kts",
    "gradle.properties",
    "libs.versions.toml",
    "gradlew",
    "gradle-wrapper.*",
];
const DOTNET: [&str; 10] = [
    "*.csproj",
    "*.fsproj",
    "*.vbproj",
    "*.sln",
    "*.slnx",
    "*.props",
    "*.targets",
    "nuget.config",
    "NuGet.Config",
    "global.json",
];

/// Flags of pip that a file with requirements follows.
const REQUIREMENTS: [&str; 4] = ["r", "requirement", "c", "constraint"];

/// What a command reads; nothing if it does not install what the project depends on, or reads all of the project.
pub(crate) fn reads(command: &Command) -> Option<Reads> {
    let of = |tool: String, names: &[&str]| {
        Some(Reads { tool, names: names.iter().map(|name| (*name).to_owned()).collect() })
    };
    let name = command.base_name();
    if is_pip_install(command) {
        return requirements(command, "pip install -r");
    }
    let operands: Vec<&str> = command.operands(&[]).iter().map(|word| word.text.as_str()).collect();
    if name == "uv" {
        return match operands.as_slice() {
            ["pip", "install", ..] => requirements(command, "uv pip install -r"),
            ["sync", ..] if command.has_flag("no-install-project") => of(
                "uv sync".to_owned(),
                &["pyproject.toml", "uv.lock", "uv.toml", ".python-version"],
            ),
            _ => None,
        };
    }
    let (program, words, names) = TOOLS.iter().find(|(program, ..)| *program == name)?;
    let word = words.iter().find(|word| {
        let wanted: Vec<&str> = word.split_whitespace().collect();
        match *program {
            // Behind the word stands what is installed beside the project.
            "npm" | "pnpm" | "bun" | "go" => operands == wanted,
            "yarn" => operands == wanted && !command.has_any_flag(&["version", "v", "help"]),
            _ => operands.starts_with(&wanted),
        }
    })?;
    if *program == "poetry" && !command.has_any_flag(&["no-root", "no-directory"]) {
        return None;
    }
    of(format!("{program} {word}").trim_end().to_owned(), names)
}

/// `pip install -r FILE …`, and nothing beside.
fn requirements(command: &Command, tool: &str) -> Option<Reads> {
    let words = command.arguments().iter().map(|word| word.text.as_str());
    let mut names = Vec::new();
    let mut is_next = false;
    for word in words {
        let long = word.split_once('=').filter(|(flag, _)| flag.starts_with("--"));
        let short = word.strip_prefix("-r").or_else(|| word.strip_prefix("-c"));
        let file = match (long, short) {
            _ if is_next => Some(word),
            (Some((flag, file)), _) => {
                REQUIREMENTS.contains(&flag.trim_start_matches('-')).then_some(file)
            }
            (None, Some(file)) if !file.is_empty() => Some(file),
            // The project itself.
            (None, None) if word.starts_with('.') || word == "-e" || word == "--editable" => {
                return None;
            }
            _ => None,
        };
        names.extend(file.map(|file| file.rsplit('/').next().unwrap_or_default().to_owned()));
        is_next = !is_next
            && REQUIREMENTS.iter().any(|flag| word.trim_start_matches('-') == *flag)
            && word.starts_with('-');
    }
    if names.is_empty() || names.iter().any(|name| name.contains('$')) {
        return None;
    }
    // A file with requirements may name others.
    names.extend(["requirements*.txt", "constraints*.txt"].map(str::to_owned));
    Some(Reads { tool: tool.to_owned(), names })
}

impl Reads {
    /// True if the file of that path is read.
    pub(crate) fn has(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.names.iter().any(|pattern| match pattern.split_once('*') {
            Some((start, end)) => {
                name.len() >= start.len() + end.len()
                    && name.starts_with(start)
                    && name.ends_with(end)
            }
            None => name == pattern,
        })
    }
}
