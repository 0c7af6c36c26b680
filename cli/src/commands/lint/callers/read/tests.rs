//! What is read of each kind of file.

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

const JSON: Form = Form::Bake { is_hcl: false, is_override: false };
const HCL: Form = Form::Bake { is_hcl: true, is_override: false };

#[test]
fn files_are_known_by_their_names() {
    for (name, form) in [
        ("docker-bake.json", Some(JSON)),
        ("docker-bake.hcl", Some(HCL)),
        ("docker-bake.ci.hcl", Some(HCL)),
        ("docker-bake.override.hcl", Some(Form::Bake { is_hcl: true, is_override: true })),
        ("docker-compose.prod.yml", Some(Form::Compose)),
        ("compose.yaml", Some(Form::Compose)),
        (".gitlab-ci.yml", Some(Form::Pipeline)),
        ("docker-bake.toml", None),
        ("bake.hcl", None),
        ("Dockerfile", None),
    ] {
        assert_eq!(Form::of(name), form, "{name}");
    }
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
    assert_eq!(said(JSON, text), expected);
}

#[test]
fn workflows_are_read() {
    let text = "on: push\njobs:\n  build:\n    steps:\n      - uses: actions/checkout@v4\n      \
                - uses: docker/build-push-action@v6\n        with:\n          file: deploy/Dockerfile\n          \
                target: release\n          build-args: |\n            VERSION=${{ github.sha }}\n            \
                DEBUG\n      - uses: docker/build-push-action@v6\n        with:\n          context: ${{ matrix.dir }}\n";
    assert_eq!(said(Form::Workflow, text), ["deploy/Dockerfile release: VERSION DEBUG + "]);
}

#[test]
fn steps_of_workflows_build() {
    let text = "jobs:\n  a:\n    defaults: { run: { working-directory: app } }\n    steps:\n      - run: docker build --build-arg 'A=é' .\n      \
                - run: |\n          é\n\n          docker build --target \"dev\" \\\n            --build-arg REV=${{ github.sha }} \\\n            .\n        \
                working-directory: web\n  b:\n    steps:\n      - run: docker build ${{ matrix.dir }}\n      - run: >-\n          cd c &&\n          docker build\n          \
                --build-arg FOLDED=1 .\n";
    let expected =
        ["app/./Dockerfile : A + ", "web/./Dockerfile dev: REV + ", "c/./Dockerfile : FOLDED + "];
    assert_eq!(said(Form::Workflow, text), expected);
}

#[test]
fn jobs_of_pipelines_build() {
    let text = "default:\n  before_script:\n    - cd app\nbuild:\n  script:\n    - echo\n    \
                - 'docker build --build-arg VERSION=$CI_COMMIT_TAG .'\n    - |\n      docker build \\\n        --target dev .\n\
                other:\n  before_script: []\n  script: docker build -f x/Dockerfile .\n.hidden: 1\n";
    let expected =
        ["app/./Dockerfile : VERSION + ", "app/./Dockerfile dev:  + ", "x/Dockerfile :  + "];
    assert_eq!(said(Form::Pipeline, text), expected);
}

#[test]
fn bake_files_in_hcl_are_read() {
    let text = r#"
        # é
        variable "DIR" { default = "app" }
        variable "BASE" { default = "${DIR}/base" }
        variable "TAG" {}
        group "default" { targets = ["a", "many"] }
        target "_common" {
          context = DIR
          args = { COMMON = 1 }
          platforms = ["linux/amd64", "linux/arm64"]
        }
        target "a" {
          inherits   = ["_common"]
          dockerfile = "${DIR}.Dockerfile"
          target     = "bin"
          args = {
            GO = "1.${TAG}"
            "REV" = null
          }
          contexts = { base = "docker-image://x" }
        }
        target "b" {
          context = BASE
          tags = ["x:${TAG}"]
        }
        target "many" {
          name     = "many-${item.tgt}"
          matrix   = { item = [{ tgt = "dev" }, { tgt = "prod" }] }
          target   = item.tgt
        }
        target "far" { context = "https://github.com/a/b.git" }
        target "unknown" { context = TAG == "" ? "a" : "b" }
        target "elsewhere" { inherits = ["not-here"] }
        target "inline" { dockerfile-inline = "FROM x" }
    "#;
    let root = hcl::parse(text).unwrap();
    let said: Vec<String> = bake::builds(&root, false)
        .iter()
        .map(|asked| {
            let name =
                |name: &Spanned<String>| text[name.span.range()].trim_matches('"').to_owned();
            let arguments: Vec<String> = asked.arguments.iter().map(name).collect();
            let target = asked.target.as_ref().map_or("", |target| &target.value);
            format!(
                "{} {target}: {arguments:?} {:?} {}",
                asked.dockerfile.display(),
                asked.contexts,
                asked.platforms.len()
            )
        })
        .collect();
    let expected = [
        "app/app.Dockerfile bin: [\"GO\", \"REV\"] [\"base\"] 2",
        "app/base/Dockerfile : [] [] 0",
        "./Dockerfile dev: [] [] 0",
        "./Dockerfile prod: [] [] 0",
    ];
    assert_eq!(said, expected);
    for broken in ["target {", "target \"a\" { context = ", "\u{feff}target \"a\" {}"] {
        builds(HCL, broken);
    }
}

#[test]
fn an_override_says_nothing_of_what_it_does_not_name() {
    let form = Form::Bake { is_hcl: true, is_override: true };
    let text = "target \"a\" { args = { A = 1 } }\ntarget \"b\" { context = \"b\" }\n";
    assert_eq!(said(form, text), ["b/Dockerfile :  + "]);
}

#[test]
fn deep_and_round_bake_files_end() {
    let round = "target \"a\" { inherits = [\"b\"] }\ntarget \"b\" { inherits = [\"a\"] }\ntarget \"c\" { inherits = [\"a\"] }\n";
    assert_eq!(said(HCL, round), ["./Dockerfile :  + "]);
    for piece in ["[", "{", "(", "!", "-", "\"${", "a ? ", "a.", "a[", "f(", "{a="] {
        let text = format!("target \"a\" {{ context = {}", piece.repeat(100_000));
        assert!(builds(HCL, &text).is_empty(), "{piece}");
    }
    let double = (1..60).map(|at| {
        format!("variable \"v{at}\" {{ default = \"${{v{}}}${{v{}}}\" }}\nvariable \"l{at}\" {{ default = [l{}, l{}] }}\n", at - 1, at - 1, at - 1, at - 1)
    });
    let first = "variable \"v0\" { default = \"xx\" }\nvariable \"l0\" { default = [1, 2] }\n";
    let text = format!(
        "{first}{}target \"a\" {{ context = v59, args = l59 }}",
        double.collect::<String>()
    );
    assert!(builds(HCL, &text.replace(", args", "\nargs")).is_empty());
    let wide = format!(
        "target \"a\" {{ matrix = {{ {} }} }}",
        (0..100).map(|at| format!("v{at} = [1,2,3,4,5,6,7,8,9]\n")).collect::<String>()
    );
    assert!(builds(HCL, &wide).len() <= 64);
}
