//! Each form, read again by another parser.

use lapstrake_parser::{Fix, Severity};
use roxmltree::Document;
use serde_json::Value;

use super::*;
use lapstrake_parser::Span;

const TEXT: &str = "FROM scratch\nLABEL é=\"<&>\" b\nLABEL é=\"<&>\" b\n";

/// A file with two findings that are alike but for their places, one of the syntax, and a clean file.
fn with_sample(check: impl Fn(&[Report<'_>])) {
    let (odd, _) = Source::read("a b%/Dockerfile", TEXT.as_bytes());
    let (clean, _) = Source::read("/x/Dockerfile", b"FROM scratch\n");
    let value = |from: usize| {
        let at = from + TEXT[from..].find("\"<&>\"").unwrap();
        Span::new(at, at + 5)
    };
    let (first, second) = (value(0), value(value(0).end));
    let finding = |span| Diagnostic::warning("label-empty", span, "is \"<&>\" \u{1b}\u{0} é");
    let first = finding(first)
        .with_label(Span::new(0, 4), "beside <this>")
        .with_help("write 'x'")
        .with_fix(Fix::same(first, "\"x\""))
        .with_url("https://example.org/label");
    let second = finding(second);
    let mut third =
        Diagnostic::error("unknown-flag", Span::new(0, TEXT.len()), "all of it").with_cause("why");
    third.severity = Severity::Error;
    let all = [&first, &second, &third];
    let findings = all.map(|diagnostic| Finding { source: &odd, diagnostic, aliases: &[] });
    check(&[
        Report { source: &odd, findings: findings.to_vec() },
        Report { source: &clean, findings: Vec::new() },
    ]);
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Required are by the specification: `version`, `runs` (3.13), `tool.driver.name` (3.14, 3.18, 3.19),
/// a rule's `id` (3.49), a result's `message` (3.27), `artifactChanges`, `artifactLocation`,
/// `replacements` and `deletedRegion` (3.55 to 3.57). Columns count from 1 and end behind (3.30).
#[test]
fn sarif_has_what_the_specification_wants() {
    with_sample(|reports| {
        let log = parsed(&sarif(reports));
        assert_eq!((&log["version"], log["runs"].as_array().unwrap().len()), (&"2.1.0".into(), 1));
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert_eq!(
            (&driver["name"], &run["columnKind"]),
            (&"lap lint".into(), &"unicodeCodePoints".into())
        );
        assert_eq!(driver["rules"][0]["id"], "label-empty");
        assert_eq!(driver["rules"][0]["helpUri"], "https://example.org/label");
        assert_eq!(driver["rules"][1]["shortDescription"]["text"], title("unknown-flag"));
        let result = &run["results"][0];
        assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&"label-empty".into(), &0.into()));
        assert_eq!(result["level"], "warning");
        assert!(result["message"]["text"].as_str().unwrap().ends_with("\nwrite 'x'"));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b%25/Dockerfile");
        let region = serde_json::json!({
            "startLine": 2, "startColumn": 9, "endLine": 2, "endColumn": 14,
            "byteOffset": 22, "byteLength": 5,
        });
        assert_eq!(place["region"], region);
        let related = &result["relatedLocations"][0];
        assert_eq!(related["message"]["text"], "beside <this>");
        assert_eq!(related["physicalLocation"]["region"]["endColumn"], 5);
        let change = &result["fixes"][0]["artifactChanges"][0];
        assert_eq!(change["artifactLocation"], place["artifactLocation"]);
        assert_eq!(change["replacements"][0]["deletedRegion"], region);
        assert_eq!(change["replacements"][0]["insertedContent"]["text"], "\"x\"");
        let whole = &run["results"][2];
        assert_eq!((&whole["level"], &whole["ruleIndex"]), (&"error".into(), &1.into()));
        assert_eq!(whole["locations"][0]["physicalLocation"]["region"]["endLine"], 3);
        assert_eq!(run["artifacts"][1]["location"]["uri"], "file:///x/Dockerfile");
        assert_eq!(run["results"].as_array().map(Vec::len), Some(3));
    });
}

/// As GitLab's "Code Quality report format" and the Code Climate engine specification have them.
#[test]
fn issues_have_fingerprints_of_their_own() {
    with_sample(|reports| {
        let list = parsed(&gitlab(reports));
        let issues = list.as_array().unwrap();
        let severities: Vec<_> =
            issues.iter().map(|one| one["severity"].as_str().unwrap()).collect();
        assert_eq!(severities, ["major", "major", "blocker"]);
        assert_eq!(issues[0]["location"]["path"], "a b%/Dockerfile");
        assert_eq!(issues[2]["location"]["lines"], serde_json::json!({ "begin": 1, "end": 3 }));
        assert_eq!(issues[2]["description"], "all of it: why");
        assert_eq!(issues[0]["check_name"], "label-empty");
        let mut prints: Vec<_> =
            issues.iter().map(|one| one["fingerprint"].as_str().unwrap()).collect();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 3);
        let text = codeclimate(reports);
        let stream: Vec<Value> =
            text.split('\0').filter(|one| !one.trim().is_empty()).map(parsed).collect();
        assert_eq!(stream.len(), 3);
        for (one, issue) in stream.iter().zip(issues) {
            assert_eq!(
                (&one["type"], &one["categories"][0]),
                (&"issue".into(), &"Bug Risk".into())
            );
            assert_eq!(
                (&one["fingerprint"], &one["severity"]),
                (&issue["fingerprint"], &issue["severity"])
            );
        }
        let begin = &stream[0]["location"]["positions"]["begin"];
        assert_eq!((&begin["line"], &begin["column"]), (&2.into(), &9.into()));
    });
}

#[test]
fn a_fingerprint_stays_when_lines_come_in_above() {
    let print = |text: &str, at: usize| {
        let (source, _) = Source::read("Dockerfile", text.as_bytes());
        let diagnostic = Diagnostic::warning("label-empty", Span::new(at, at + 1), "m");
        let finding = Finding { source: &source, diagnostic: &diagnostic, aliases: &[] };
        let list = parsed(&gitlab(&[Report { source: &source, findings: vec![finding] }]));
        list[0]["fingerprint"].as_str().unwrap().to_owned()
    };
    assert_eq!(print("FROM a\nRUN b\n", 7), print("# c\n\nFROM a\nRUN b\n", 12));
    assert_ne!(print("FROM a\nRUN b\n", 7), print("FROM a\nRUN c\n", 7));
}

#[test]
fn checkstyle_is_xml() {
    with_sample(|reports| {
        let text = checkstyle(reports);
        let document = Document::parse(&text).unwrap();
        let root = document.root_element();
        assert_eq!(
            (root.tag_name().name(), root.attribute("version")),
            ("checkstyle", Some("4.3"))
        );
        let files: Vec<_> = root.children().filter(|node| node.has_tag_name("file")).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].attribute("name"), Some("a b%/Dockerfile"));
        let errors: Vec<_> =
            files[0].children().filter(|node| node.has_tag_name("error")).collect();
        let attributes = ["line", "column", "severity", "message", "source"];
        let found = attributes.map(|name| errors[0].attribute(name).unwrap());
        assert_eq!(found, ["2", "9", "warning", "is \"<&>\" \u{fffd}\u{fffd} é", "label-empty"]);
        assert_eq!((errors.len(), errors[2].attribute("severity")), (3, Some("error")));
    });
}

#[test]
fn junit_is_xml() {
    with_sample(|reports| {
        let text = junit(reports);
        let document = Document::parse(&text).unwrap();
        let root = document.root_element();
        assert_eq!((root.attribute("tests"), root.attribute("failures")), (Some("4"), Some("3")));
        let suites: Vec<_> =
            root.children().filter(|node| node.has_tag_name("testsuite")).collect();
        assert_eq!((suites.len(), suites[0].attribute("name")), (2, Some("a b%/Dockerfile")));
        let cases = |at: usize| suites[at].children().filter(|node| node.has_tag_name("testcase"));
        let names: Vec<_> = cases(0).map(|case| case.attribute("name").unwrap()).collect();
        assert_eq!(names, ["label-empty 2:9", "label-empty 3:9", "unknown-flag 1:1"]);
        let failures: Vec<_> = cases(0).filter_map(|case| case.first_element_child()).collect();
        assert_eq!(failures.len(), 3);
        assert_eq!(failures[0].attribute("type"), Some("warning"));
        let said = "a b%/Dockerfile:2:9: is \"<&>\" \u{fffd}\u{fffd} é\nwrite 'x'";
        assert_eq!(failures[0].text(), Some(said));
        assert!(cases(1).all(|case| case.first_element_child().is_none()));
    });
}

/// As `reviewdog/proto/rdf/reviewdog.proto` has it: columns in bytes of UTF-8, from 1.
#[test]
fn reviewdog_counts_bytes() {
    with_sample(|reports| {
        let report = parsed(&rdjson(reports));
        assert_eq!(report["source"]["name"], "lap lint");
        let first = &report["diagnostics"][0];
        let range = serde_json::json!({
            "start": { "line": 2, "column": 10 }, "end": { "line": 2, "column": 15 },
        });
        assert_eq!(first["location"]["path"], "a b%/Dockerfile");
        assert_eq!(first["location"]["range"], range);
        assert_eq!(
            (&first["severity"], &first["code"]["value"]),
            (&"WARNING".into(), &"label-empty".into())
        );
        assert_eq!(first["code"]["url"], "https://example.org/label");
        assert_eq!(first["suggestions"][0], serde_json::json!({ "range": range, "text": "\"x\"" }));
        assert_eq!(first["relatedLocations"][0]["message"], "beside <this>");
        let lines: Vec<Value> = rdjsonl(reports).lines().map(parsed).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["location"], first["location"]);
        assert_eq!(lines[2]["source"]["name"], "lap lint");
    });
}

/// As the generic format of SonarQube 10.3 and later wants it: each issue names a rule that is there, columns count UTF-16
/// code units from 0, and a range that has them is not empty.
#[test]
fn sonarqube_has_what_the_format_wants() {
    with_sample(|reports| {
        let report = parsed(&sonarqube(reports));
        let ids: Vec<&Value> =
            report["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
        assert_eq!(ids, ["label-empty", "unknown-flag"]);
        for rule in report["rules"].as_array().unwrap() {
            for name in
                ["name", "description", "engineId", "cleanCodeAttribute", "type", "severity"]
            {
                assert!(rule[name].is_string(), "{name}: {rule}");
            }
            assert_eq!(rule["impacts"][0]["softwareQuality"], "MAINTAINABILITY");
        }
        let issues = report["issues"].as_array().unwrap();
        assert_eq!(issues.len(), 3);
        assert!(issues.iter().all(|issue| ids.contains(&&issue["ruleId"])));
        let first = &issues[0]["primaryLocation"];
        assert_eq!(first["filePath"], "a b%/Dockerfile");
        let expected = serde_json::json!({
            "startLine": 2, "endLine": 2, "startColumn": 8, "endColumn": 13,
        });
        assert_eq!(first["textRange"], expected);
        assert_eq!(issues[0]["secondaryLocations"][0]["message"], "beside <this>");
    });
}

/// `program:sourcefile:lineno:column: message` (GNU coding standards, 4.4), a line each.
#[test]
fn gnu_names_program_file_and_place() {
    with_sample(|reports| {
        let text = gnu(reports);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "lap:a b%/Dockerfile:2:9: label-empty warning: is \"<&>\"  é");
        assert_eq!(lines[2], "lap:a b%/Dockerfile:1:1: unknown-flag error: all of it: why");
        assert_eq!(lines.len(), 3);
    });
}

/// The fields are those that hadolint 2.15.1 writes, and so are the ids of its rules and of syntax.
#[test]
fn codacy_knows_hadolints_ids() {
    with_sample(|reports| {
        let text = codacy(reports);
        let lines: Vec<Value> = text.lines().map(parsed).collect();
        let expected = serde_json::json!({
            "filename": "a b%/Dockerfile",
            "line": 2,
            "message": "is \"<&>\" \u{1b}\u{0} é",
            "patternId": "DL3051",
        });
        assert_eq!(lines[0], expected);
        assert_eq!((&lines[2]["patternId"], lines.len()), (&"DL1000".into(), 3));
    });
}

#[test]
fn markdown_is_a_table_that_nothing_gets_out_of() {
    with_sample(|reports| {
        let text = markdown(reports);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "### a b%/Dockerfile");
        assert_eq!(
            lines[4],
            "| 2:9 | warning | [label-empty](https://example.org/label) | is \"&#60;&#38;&#62;\" \u{fffd}\u{fffd} é<br>write 'x' |"
        );
        assert!(lines[2..7].iter().all(|line| line.matches('|').count() == 5), "{text}");
        assert!(!text.contains("/x/Dockerfile"));
    });
    assert_eq!(markdown(&[]), "Nothing found.\n");
}
