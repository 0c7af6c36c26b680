//! Annotations, as other tools find them.

use serde_json::{Value, json};

use crate::support::{Context, Store, registry_address, scratch, text, tool};

fn raw(image: &str) -> Value {
    let raw = tool("skopeo", &["inspect", "--raw", "--tls-verify=false", image]);
    serde_json::from_str(&raw).expect("JSON")
}

fn context() -> Context {
    Context::new("FROM scratch\nCOPY Dockerfile /\n")
}

#[test]
fn manifests_have_annotations_wherever_they_go() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let name = format!("{}/noted/app-{}:1", registry_address(), std::process::id());
    let archive = text(&out.path().join("a.tar"));
    let other = text(&out.path().join("b.tar"));
    let first = format!("type=oci,dest={archive},compression=gzip");
    let second = format!("type=oci,dest={other},annotation.Mine=x=y,annotation.a=there");
    let flags = [
        "--annotation",
        "a=every where",
        "--annotation",
        "manifest-descriptor:d=on the entry",
        "-o",
        &first,
        "-o",
        &second,
        "-o",
        "type=image,annotation-manifest.stored=here",
    ];
    store.build_with(&name, context.path(), &flags);
    assert_eq!(
        raw(&format!("oci-archive:{archive}:1"))["annotations"],
        json!({"a": "every where", "stored": "here"})
    );
    assert_eq!(
        raw(&format!("oci-archive:{other}:1"))["annotations"],
        json!({"a": "there", "Mine": "x=y", "stored": "here"})
    );
    let index: Value =
        serde_json::from_str(&tool("tar", &["-xOf", &archive, "index.json"])).expect("JSON");
    assert_eq!(index["manifests"][0]["annotations"]["d"], "on the entry");
    // They are the image's own: a later push has them as well.
    store.ok(&["push", &name]);
    assert_eq!(raw(&format!("docker://{name}"))["annotations"]["a"], "every where");
}

#[test]
fn indexes_have_annotations_and_platforms_their_own() {
    let (store, context) = (Store::new(), context());
    let name = format!("{}/noted/index-{}:1", registry_address(), std::process::id());
    let flags = [
        "--platform",
        "linux/amd64,linux/arm64",
        "--annotation",
        "index,manifest:on=both",
        "--annotation",
        "manifest[linux/arm64]:only=arm",
        "--annotation",
        "manifest-descriptor[linux/arm64]:entry=arm",
        "--push",
    ];
    store.build_with(&name, context.path(), &flags);
    let index = raw(&format!("docker://{name}"));
    assert_eq!(index["annotations"], json!({"on": "both"}));
    assert_eq!(index["manifests"][0].get("annotations"), None);
    assert_eq!(index["manifests"][1]["annotations"], json!({"entry": "arm"}));
    let repository = name.trim_end_matches(":1");
    let annotations = [0, 1].map(|at| {
        let digest = index["manifests"][at]["digest"].as_str().expect("a digest").to_owned();
        raw(&format!("docker://{repository}@{digest}"))["annotations"].clone()
    });
    assert_eq!(annotations, [json!({"on": "both"}), json!({"on": "both", "only": "arm"})]);
}

#[test]
fn annotations_that_would_be_on_nothing() {
    let (store, context) = (Store::new(), context());
    let context = text(context.path());
    for (flags, words) in [
        (vec!["--annotation", "index:a=b"], "index"),
        (vec!["--annotation", "manifest[linux/s390x]:a=b"], "linux/s390x"),
        (
            vec!["--annotation", "a=b", "-o", "type=oci,dest=x,oci-mediatypes=false"],
            "oci-mediatypes",
        ),
        (vec!["-o", "type=oci,dest=x,annotation-index.a=b"], "index"),
    ] {
        let answer = store.answer(&[&["build"], &flags[..], &[context.as_str()]].concat());
        answer.ends_with(1).says(&[words]);
    }
    let refused = store.answer(&["build", "--annotation", "layer:a=b", &context]);
    assert!(refused.stderr.contains("manifest-descriptor"), "{}", refused.stderr);
    assert!(refused.code.is_some_and(|code| code != 0));
}
