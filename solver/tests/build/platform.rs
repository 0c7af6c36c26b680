//! What a stage and an image are for, and several platforms in one build. The rules are BuildKit's
//! (`dockerfile2llb`: `defaultArgs`, `resolveBaseImage`, `finalizeResultImage`, `prefixCommand`).

use crate::support::{Bench, Outcomes};

const ARM: &str = "linux/arm64";

fn label(bench: &Bench, outcomes: &Outcomes, name: &str) -> Option<String> {
    bench.config(outcomes.built()).config.labels.get(name).cloned()
}

fn platform(bench: &Bench, outcomes: &Outcomes) -> String {
    bench.config(outcomes.built()).platform().to_string()
}

#[test]
fn predefined_arguments_say_what_is_built_where() {
    let mut bench = Bench::new();
    let dockerfile = "ARG V=${TARGETVARIANT:-none}\nFROM base\nARG V TARGETPLATFORM TARGETOS \
        TARGETOSVERSION TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT\n\
        LABEL a=$TARGETPLATFORM:$TARGETOS:$TARGETOSVERSION:$TARGETARCH:$TARGETVARIANT:$V \
        b=$BUILDPLATFORM:$BUILDOS:$BUILDARCH:$BUILDVARIANT\n";
    for (asked, target) in [
        (None, "linux/amd64:linux::amd64::none"),
        (Some(ARM), "linux/arm64:linux::arm64::none"),
        (Some("linux/arm64/v8"), "linux/arm64:linux::arm64::none"),
        (Some("linux/arm"), "linux/arm/v7:linux::arm:v7:v7"),
        (
            Some("windows(10.0.17763)/amd64"),
            "windows(10.0.17763)/amd64:windows:10.0.17763:amd64::none",
        ),
    ] {
        bench.platforms = asked.into_iter().collect();
        let outcomes = bench.build(dockerfile);
        assert_eq!(label(&bench, &outcomes, "a").as_deref(), Some(target), "{asked:?}");
        let build = label(&bench, &outcomes, "b");
        assert_eq!(build.as_deref(), Some("linux/amd64:linux:amd64:"), "{asked:?}");
    }
    bench.platforms = vec![ARM];
    bench.arguments = vec![("TARGETARCH", "mine"), ("BUILDOS", "yours")];
    let outcomes = bench.build(dockerfile);
    let shown = (label(&bench, &outcomes, "a"), label(&bench, &outcomes, "b"));
    let expected = ("linux/arm64:linux::mine::none", "linux/amd64:yours:amd64:");
    assert_eq!((shown.0.as_deref(), shown.1.as_deref()), (Some(expected.0), Some(expected.1)));
}

#[test]
fn a_stage_is_for_what_its_from_says_and_what_it_takes_from_elsewhere_for_the_target() {
    let mut bench = Bench::new();
    bench.images.0.extend([("tool:latest", Vec::new()), ("only-arm:latest", Vec::new())]);
    let asked = |bench: &Bench, dockerfile: &str| {
        let outcomes = bench.build(dockerfile);
        (label(bench, &outcomes, "asked").unwrap(), platform(bench, &outcomes))
    };
    let pair = |asked: &str, is: &str| (asked.to_owned(), is.to_owned());
    let from_build = "FROM --platform=$BUILDPLATFORM base\n";
    assert_eq!(asked(&bench, "FROM base\n"), pair("linux/amd64", "linux/amd64"));
    // Without --platform the image is for what its base is for.
    let written = "FROM --platform=linux/arm base\n";
    assert_eq!(asked(&bench, written), pair("linux/arm/v7", "linux/arm/v7"));
    assert_eq!(asked(&bench, "FROM only-arm\n"), pair("linux/amd64", ARM));
    bench.platforms = vec![ARM];
    assert_eq!(asked(&bench, "FROM base\n"), pair(ARM, ARM));
    assert_eq!(asked(&bench, from_build), pair("linux/amd64", ARM));
    let child = "FROM --platform=linux/s390x base AS a\nFROM --platform=linux/386 a\n";
    assert_eq!(asked(&bench, child), pair("linux/s390x", ARM));
    bench.platforms = vec!["linux/s390x"];
    assert_eq!(asked(&bench, "FROM only-arm\n"), pair("linux/s390x", "linux/s390x"));
    let outcomes = bench.build("FROM --platform=linux/arm64 scratch\nCOPY --from=tool / /x\n");
    assert_eq!(platform(&bench, &outcomes), "linux/s390x");
}

#[test]
fn commands_of_different_machines_have_different_keys() {
    let mut bench = Bench::new();
    bench.images.0.insert("only-arm:latest", Vec::new());
    let dockerfile = "FROM base\nRUN write f 1\n";
    for platform in ["linux/amd64", ARM, "linux/arm64/v8", "linux/amd64"] {
        bench.platforms = vec![platform];
        bench.build(dockerfile).built();
    }
    assert_eq!(bench.executed().len(), 2);
    // What it is for is what the base is for.
    bench.platforms = vec!["linux/s390x"];
    bench.build("FROM only-arm\nRUN write f 1\n").built();
    assert_eq!(bench.executed().len(), 0);
}

#[test]
fn several_platforms_share_what_is_equal_and_give_an_index() {
    let mut bench = Bench::new();
    bench.file("src", "source");
    bench.platforms = vec!["linux/amd64", "linux/arm64", "linux/arm/v7"];
    let dockerfile = "FROM --platform=$BUILDPLATFORM base AS tool\nCOPY src /src\nRUN write tool 1\n\
        FROM tool AS cross\nARG TARGETARCH TARGETVARIANT\nRUN write out $TARGETARCH\n\
        FROM base\nWORKDIR /w\nCOPY --from=cross /out .\nLABEL for=x\nRUN write native 1\n";
    let outcomes = bench.build(dockerfile);
    let mut names: Vec<&str> = outcomes.steps.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "[linux/amd64 cross 1/1] RUN write out $TARGETARCH",
            "[linux/amd64 stage-2 2/4] WORKDIR /w",
            "[linux/amd64 stage-2 3/4] COPY --from=cross /out .",
            "[linux/amd64 stage-2 4/4] RUN write native 1",
            "[linux/amd64 tool 2/3] COPY src /src",
            "[linux/amd64 tool 3/3] RUN write tool 1",
            "[linux/amd64->arm/v7 cross 1/1] RUN write out $TARGETARCH",
            "[linux/amd64->arm64 cross 1/1] RUN write out $TARGETARCH",
            "[linux/arm/v7 stage-2 3/4] COPY --from=cross /out .",
            "[linux/arm/v7 stage-2 4/4] RUN write native 1",
            "[linux/arm64 stage-2 3/4] COPY --from=cross /out .",
            "[linux/arm64 stage-2 4/4] RUN write native 1",
        ]
    );
    let mut executed = bench.executed();
    executed.sort();
    let each = ["write native 1"; 3].into_iter().chain(["write out $TARGETARCH"; 3]);
    assert_eq!(executed, each.chain(["write tool 1"]).collect::<Vec<_>>());
    let configs = bench.configs(outcomes.built());
    let platforms: Vec<_> = configs
        .iter()
        .map(|(entry, config)| (entry.as_str(), config.platform().to_string()))
        .collect();
    let both = |text: &'static str| (text, text.to_owned());
    assert_eq!(platforms, [both("linux/amd64"), both("linux/arm64"), both("linux/arm/v7")]);
    // The name stands for the index.
    let tag = bench.store.tag("docker.io/library/result:latest").unwrap().unwrap();
    assert_eq!(tag.manifest, outcomes.built().document);
    assert_eq!(bench.build(dockerfile).built().document, outcomes.built().document);
    assert!(bench.executed().is_empty());
}

#[test]
fn stages_by_platform_name_and_faults_of_one_platform() {
    let mut bench = Bench::new();
    bench.platforms = vec!["linux/amd64", "windows/amd64"];
    let dockerfile = "FROM scratch AS for-linux\nLABEL a=linux\nFROM scratch AS for-windows\n\
        LABEL a=windows\nFROM for-${TARGETOS}\n";
    let outcomes = bench.build(dockerfile);
    let labels = bench.configs(outcomes.built());
    let labels: Vec<_> =
        labels.iter().map(|(_, config)| config.config.labels["a"].as_str()).collect();
    assert_eq!(labels, ["linux", "windows"]);
    let dockerfile = "FROM scratch\nARG TARGETOS\nEXPOSE ${TARGETOS#linux}80\n";
    match bench.build(dockerfile).result {
        Err(lapstrake_solver::Error::Faults(faults)) => assert_eq!(faults.len(), 1, "{faults:?}"),
        other => panic!("{other:?}"),
    }
}
