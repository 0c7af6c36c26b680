//! `--check` and `--call`: what is said of a Dockerfile without building it.

use serde_json::Value;

use crate::support::{Context, Store, text};

fn asked(store: &Store, context: &Context, flags: &[&str], code: i32) -> String {
    let context = text(context.path());
    let arguments = [&["build"], flags, &[context.as_str()]].concat();
    store.answer(&arguments).ends_with(code).stdout
}

#[test]
fn checks_fail_when_they_find_something() {
    let store = Store::new();
    let clean = Context::new("FROM scratch AS one\nCOPY a /\n").file("a", "");
    let said = asked(&store, &clean, &["--check"], 0);
    assert!(said.contains("no"), "{said}");
    let casing = Context::new("FROM scratch AS One\nCOPY a /\nMAINTAINER me\n").file("a", "");
    let said = asked(&store, &casing, &["--call", "check", "--format", "short"], 1);
    for rule in [":1:17: warning[StageNameCasing]", ":3:1: warning[MaintainerDeprecated]"] {
        assert!(said.contains(rule), "{rule} in {said}");
    }
    assert!(store.ok(&["images", "-q"]).is_empty());
    let json = asked(&store, &casing, &["--call", "check,format=json"], 1);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["diagnostics"].as_array().map(Vec::len), Some(2));
    // Faults are found like any other thing to say.
    let broken = Context::new("FROM scratch\nCPOY a /\n");
    let said = asked(&store, &broken, &["--check"], 1);
    assert!(said.contains("CPOY"), "{said}");
    store.answer(&["build", "--call", "chek", "."]).ends_with(1).says(&["outline"]);
}

#[test]
fn targets_and_what_they_take_are_told() {
    let store = Store::new();
    let context = Context::new(
        "# VERSION says which one is built\nARG VERSION=3\n\n# compile makes the program\n\
         FROM scratch AS compile\nARG VERSION\n\n# final is what is shipped\nFROM scratch AS final\n\
         COPY --from=compile / /\n",
    );
    let targets = asked(&store, &context, &["--call", "targets,format=json"], 0);
    let targets: Value = serde_json::from_str(&targets).expect("JSON");
    let names: Vec<_> =
        targets["targets"].as_array().expect("targets").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["compile", "final"]);
    assert_eq!(targets["targets"][1]["default"], true);
    let outline = asked(&store, &context, &["--call", "outline", "--target", "compile"], 0);
    assert!(outline.contains("VERSION") && outline.contains('3'), "{outline}");
}
