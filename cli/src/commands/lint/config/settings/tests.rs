use super::super::{toml, yaml};
use super::*;

fn own(text: &str) -> Result<Settings, Vec<String>> {
    read(text, &toml::parse(text).unwrap(), Dialect::Own)
}

fn hadolint(text: &str) -> Result<Settings, Vec<String>> {
    read(text, &yaml::parse(text).unwrap(), Dialect::Hadolint)
}

/// Faults as `TEXT: MESSAGE (HELP)`.
fn read(text: &str, tree: &Node, dialect: Dialect) -> Result<Settings, Vec<String>> {
    settings(tree, dialect).map_err(|faults| {
        let drawn = faults.into_iter().map(|one| {
            let help = one.help.map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{}: {}{help}", &text[one.span.range()], one.message)
        });
        drawn.collect()
    })
}

#[test]
fn both_dialects_say_the_same() {
    let toml =
        own("[lint]\nfailure-threshold = \"error\"\nno-fail = true\nignored = [\"DL3003\"]\n\
        trusted-registries = [\"docker.io\", \"*.example.com\"]\nstrict-labels = true\n\
        disable-ignore-pragma = true\n[lint.override]\ninfo = [\"DL3020\"]\nerror = [\"DL3057\"]\n\
        [lint.label-schema]\nauthor = \"text\"\n\"org.x\" = \"semver\"\n");
    let yaml = hadolint(
        "failure-threshold: error\nno-fail: true\nignored: [DL3003]\n\
        trustedRegistries: [docker.io, '*.example.com']\nstrict-labels: true\n\
        disable-ignore-pragma: true\noverride:\n  info: [DL3020]\n  error:\n    - DL3057\n\
        label-schema:\n  author: \"\"\n  org.x: semver\n",
    );
    let policy = Policy {
        ignored: vec!["DL3003".into()],
        severities: vec![("DL3057".into(), Severity::Error), ("DL3020".into(), Severity::Info)],
        ignores_comments: true,
        trusted_registries: vec!["docker.io".into(), "*.example.com".into()],
        label_schema: [
            ("author".to_owned(), LabelKind::Text),
            ("org.x".to_owned(), LabelKind::Version),
        ]
        .into(),
        strict_labels: true,
        max_layer: None,
    };
    let expected =
        Settings { preset: None, threshold: Some(Threshold::Error), never_fails: true, policy };
    assert_eq!(toml, Ok(expected.clone()));
    assert_eq!(yaml, Ok(expected));
}

#[test]
fn layers_have_a_budget() {
    let most = |text: &str| {
        own(&format!("[lint]\nmax-layer = {text}\n")).map(|settings| settings.policy.max_layer)
    };
    for (text, bytes) in
        [("\"200MB\"", 200_000_000), ("\"1.5 GB\"", 1_500_000_000), ("\"7B\"", 7), ("\"0kB\"", 0)]
    {
        assert_eq!(most(text), Ok(Some(bytes)), "{text}");
    }
    for text in ["\"200\"", "\"-1MB\"", "\"infGB\"", "\"MB\"", "true"] {
        assert!(most(text).is_err(), "{text}");
    }
    assert!(hadolint("max-layer: 200MB\n").is_err());
}

/// The example in hadolint's README, whose other settings are for its command line.
#[test]
fn what_hadolint_has_beside_is_accepted() {
    let text = "format: tty\nno-color: true\nverbose: false\ntrustedRegistries: docker.io\nignored:\n\
        - SC1010\n- DL3005\noverride: {style: [SC2086]}\nfailure-threshold: style\n";
    let settings = hadolint(text).unwrap();
    assert_eq!(settings.threshold, Some(Threshold::Info));
    assert_eq!(settings.policy.trusted_registries, ["docker.io"]);
    assert_eq!(settings.policy.ignored, ["SC1010", "DL3005"]);
    for text in ["", "# nothing\n", "ignored:\n"] {
        assert_eq!(hadolint(text), Ok(Settings::default()), "{text:?}");
    }
}

#[test]
fn faults_have_places_and_remedies() {
    for (text, faults) in [
        (
            "ignord: [DL3003]\n",
            vec!["ignord: there is no setting `ignord` (did you mean `ignored`?)"],
        ),
        (
            "ignored: [apt-ask, unpined-apt-package, DL9999]\n",
            vec![
                "apt-ask: there is no rule `apt-ask` (did you mean `apt-asks`?)",
                "unpined-apt-package: there is no rule `unpined-apt-package` (did you mean \
                 `unpinned-apt-package`?)",
            ],
        ),
        ("ignored: [3003]\n", vec!["3003: a text is wanted here, and this is a number"]),
        ("strict-labels: \"yes\"\n", vec!["\"yes\": a boolean is wanted here, and this is a text"]),
        (
            "failure-threshold: errors\n",
            vec![
                "errors: `errors` is none of error, warning, info, style, ignore, none (did you mean \
                 `error`?)",
            ],
        ),
        (
            "label-schema: {a: number}\n",
            vec!["number: `number` is none of text, url, rfc3339, semver, hash, spdx, email"],
        ),
        (
            "override: {eror: [DL3003]}\n",
            vec!["eror: there is no setting `eror` (did you mean `error`?)"],
        ),
        ("override: DL3003\n", vec!["DL3003: a table is wanted here, and this is a text"]),
    ] {
        assert_eq!(hadolint(text), Err(faults.into_iter().map(str::to_owned).collect()), "{text}");
    }
    let faults = own("[lnt]\n[lint]\npreset = \"stict\"\ntrustedRegistries = []\n").unwrap_err();
    let expected = [
        "lnt: there is no setting `lnt` (did you mean `lint`?)",
        "\"stict\": `stict` is none of recommended, strict, hadolint, buildkit (did you mean `strict`?)",
        "trustedRegistries: there is no setting `trustedRegistries` (did you mean `trusted-registries`?)",
    ];
    let mut sorted = faults.clone();
    sorted.sort_by_key(|fault| expected.iter().position(|one| one == fault));
    assert_eq!(sorted, expected);
}
