//! What is told with an image: its making and its packages, where other tools look for it.

use serde_json::Value;

use crate::support::{Context, Store, registry_address, scratch, text, tool};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SPDX: &str = "https://spdx.dev/Document";

fn context() -> Context {
    Context::new(
        "FROM busybox\nARG WORD\nCOPY status /var/lib/dpkg/status\nCOPY release /etc/os-release\n\
         COPY metadata /usr/lib/python3/dist-packages/flask-3.dist-info/METADATA\n",
    )
    .file(
        "status",
        "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1+b2\n",
    )
    .file("release", "ID=debian\nVERSION_ID=12\n")
    .file("metadata", "Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\nLicense: BSD\n")
}

fn raw(image: &str) -> Value {
    let raw = tool("skopeo", &["inspect", "--raw", "--tls-verify=false", image]);
    serde_json::from_str(&raw).expect("JSON")
}

/// The statements about the images of an index in a registry, after a look at how they hang there.
fn statements(name: &str) -> Vec<Value> {
    let index = raw(&format!("docker://{name}"));
    let entries = index["manifests"].as_array().expect("manifests");
    let (images, said) = entries.split_at(entries.len() / 2);
    let repository = name.rsplit_once(':').expect("a tag").0;
    let mut statements = Vec::new();
    for (image, said) in images.iter().zip(said) {
        let note = |key: &str| said["annotations"][format!("vnd.docker.reference.{key}")].clone();
        assert_eq!(note("type"), "attestation-manifest");
        assert_eq!(note("digest"), image["digest"]);
        for part in ["os", "architecture"] {
            assert_eq!(said["platform"][part], "unknown");
        }
        let digest = said["digest"].as_str().expect("a digest");
        let copy = scratch();
        let from = format!("docker://{repository}@{digest}");
        let to = format!("dir:{}", text(copy.path()));
        tool("skopeo", &["copy", "-q", "--src-tls-verify=false", &from, &to]);
        for layer in raw(&to)["layers"].as_array().expect("layers") {
            assert_eq!(layer["mediaType"], "application/vnd.in-toto+json");
            let blob = layer["digest"].as_str().expect("a digest").trim_start_matches("sha256:");
            let bytes = std::fs::read(copy.path().join(blob)).expect("the statement");
            let statement: Value = serde_json::from_slice(&bytes).expect("JSON");
            let kind = &layer["annotations"]["in-toto.io/predicate-type"];
            assert_eq!(&statement["predicateType"], kind);
            let subject = statement["subject"][0]["digest"]["sha256"].as_str().expect("a digest");
            assert_eq!(image["digest"], format!("sha256:{subject}"));
            statements.push(statement);
        }
    }
    statements
}

#[test]
fn an_image_says_how_it_was_made_and_what_is_in_it() {
    let (store, context) = (Store::new(), context());
    let name = format!("{}/said/app-{}:1", registry_address(), std::process::id());
    let flags = ["--push", "--sbom=true", "--provenance=mode=max", "--build-arg", "WORD=spoken"];
    store.build_with(&name, context.path(), &flags);
    let said = statements(&name);
    let kinds: Vec<&Value> = said.iter().map(|said| &said["predicateType"]).collect();
    assert_eq!(kinds, [SPDX, PROVENANCE]);
    let packages = said[0]["predicate"]["packages"].as_array().expect("packages").iter();
    let urls: Vec<&Value> = packages
        .filter_map(|package| Some(&package.get("externalRefs")?[0]["referenceLocator"]))
        .collect();
    assert_eq!(
        urls,
        ["pkg:deb/debian/bash@5.2-1%2Bb2?arch=amd64&distro=debian-12", "pkg:pypi/flask@3.0"]
    );
    let made = &said[1]["predicate"]["buildDefinition"];
    let args = &made["externalParameters"]["request"]["args"];
    assert_eq!(args["build-arg:WORD"], "spoken");
    assert_eq!(made["externalParameters"]["configSource"]["path"], "Dockerfile");
    let base = &made["resolvedDependencies"][0];
    assert!(base["uri"].as_str().is_some_and(|uri| uri.starts_with("pkg:docker/busybox@latest")));
    let reference = format!("docker://{}/library/busybox", registry_address());
    let digest = ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &reference];
    let digest = tool("skopeo", &digest).trim().trim_start_matches("sha256:").to_owned();
    assert_eq!(base["digest"]["sha256"], digest);
    check_steps(&said[1]["predicate"]);
    // The image of such an index runs elsewhere.
    assert_eq!(Store::new().prints(&name, &["cat", "/etc/os-release"]).lines().count(), 2);
}

/// The steps of [`context`] hang together and stand where they do in the Dockerfile.
fn check_steps(predicate: &Value) {
    let steps = &predicate["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"];
    let steps = steps.as_array().expect("steps");
    let of = |step: &Value, key: &str| step["op"]["Op"].get(key).cloned();
    let sources: Vec<Value> = steps.iter().filter_map(|step| of(step, "source")).collect();
    let identifier = |source: &Value| source["identifier"].as_str().expect("text").to_owned();
    assert_eq!(sources.len(), 2, "{sources:?}");
    assert!(identifier(&sources[0]).starts_with("docker-image://busybox:latest@sha256:"));
    assert_eq!(identifier(&sources[1]), "local://context");
    let copies: Vec<&Value> = steps.iter().filter(|step| of(step, "file").is_some()).collect();
    let names: Vec<&str> = steps.iter().filter_map(|step| step["id"].as_str()).collect();
    let locations =
        &predicate["runDetails"]["metadata"]["buildkit_metadata"]["source"]["locations"];
    for (number, copy) in copies.iter().enumerate() {
        let inputs = copy["inputs"].as_array().expect("inputs");
        let known = |input: &Value| {
            let input = input.as_str().and_then(|input| input.strip_suffix(":0"));
            input.is_some_and(|input| names.contains(&input))
        };
        assert!(inputs.len() == 2 && inputs.iter().all(known), "{copy}");
        let id = copy["id"].as_str().expect("an id");
        let range = &locations[id]["locations"][0]["ranges"][0];
        assert_eq!(range["start"]["line"], number + 3);
        assert_eq!(range["end"]["line"], number + 3);
    }
    assert_eq!(copies.len(), 3);
}

#[test]
fn without_more_values_are_not_told() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let name = format!("{}/said/two-{}:1", registry_address(), std::process::id());
    let archive = text(&out.path().join("a.tar"));
    let output = format!("type=oci,compression=gzip,dest={archive}");
    let flags = ["--attest", "type=provenance", "--platform", "linux/amd64,linux/arm64"];
    let scratch = Context::new("FROM scratch\nARG WORD\nCOPY Dockerfile /\n");
    let values = ["--build-arg", "WORD=hush", "--push", "-o", &output];
    store.build_with(&name, scratch.path(), &[&flags[..], &values].concat());
    let said = statements(&name);
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|said| !said.to_string().contains("hush")));
    assert!(said.iter().all(|said| !said.to_string().contains("llbDefinition")));
    let index = tool("tar", &["-xOf", &archive, "index.json"]);
    assert!(index.contains("application/vnd.oci.image.index.v1+json"), "{index}");
    // A plain build says nothing.
    store.build_with(&name, context.path(), &["--push", "--provenance=false"]);
    assert_eq!(raw(&format!("docker://{name}")).get("manifests"), None);
}

/// Files that leave without an image have the statements beside them, and are their subjects.
#[test]
fn files_have_statements_beside_them() {
    let (store, out) = (Store::new(), scratch());
    let context = Context::new("FROM scratch\nARG TARGETARCH\nCOPY d /\n").file("d/f", "content\n");
    let digest = tool("sha256sum", &[&text(&context.path().join("d/f"))]);
    let digest = digest.split_whitespace().next().expect("a digest").to_owned();
    let folder = text(&out.path().join("files"));
    let archive = text(&out.path().join("files.tar"));
    let to_archive = format!("type=tar,dest={archive},attestation-prefix=of-");
    let flags = ["--provenance=true", "--sbom=true", "-o", &folder, "-o", &to_archive];
    store.build_with("files", context.path(), &flags);
    let subject = serde_json::json!([{ "name": "f", "digest": { "sha256": digest } }]);
    for (name, kind) in [("provenance.json", PROVENANCE), ("sbom.spdx.json", SPDX)] {
        let beside = std::fs::read_to_string(format!("{folder}/{name}")).expect("a statement");
        let in_archive = tool("tar", &["-xOf", &archive, &format!("of-{name}")]);
        for said in [&beside, &in_archive] {
            let said: Value = serde_json::from_str(said).expect("JSON");
            assert_eq!((&said["predicateType"], &said["subject"]), (&kind.into(), &subject));
        }
    }
    assert_eq!(tool("tar", &["-xOf", &archive, "f"]), "content\n");

    // Of several platforms in one folder each has its own.
    let both = ["--platform", "linux/amd64,linux/arm64", "--provenance=true", "-o"];
    let one = format!("type=tar,platform-split=false,dest={archive}");
    store.build_with("files", context.path(), &[&both[..], &[&one]].concat());
    let names = tool("tar", &["-tf", &archive]);
    for name in ["provenance.linux_amd64.json", "provenance.linux_arm64.json"] {
        assert!(names.lines().any(|line| line == name), "{names}");
    }
    store.build_with("files", context.path(), &[&both[..], &[&folder]].concat());
    assert!(out.path().join("files/linux_arm64/provenance.json").exists());

    // A file of the image is not written over.
    let own = Context::new("FROM scratch\nCOPY f /provenance.json\n").file("f", "own");
    let answer = store.try_build("own", own.path(), &["--provenance=true", "-o", &folder]);
    answer.ends_with(1).says(&["provenance.json", "attestation-prefix"]);
    // Nor is one in another folder.
    let place = format!("type=local,dest={folder},attestation-prefix=../");
    store.try_build("own", own.path(), &["-o", &place]).says(&["attestation-prefix"]);
}

#[test]
fn what_cannot_be_told() {
    let (store, context) = (Store::new(), context());
    let context = text(context.path());
    for flags in [
        vec!["--sbom=true"],
        vec!["--provenance=true", "-o", "type=docker,dest=a"],
        vec!["--provenance=true", "-o", "type=oci,dest=a,oci-mediatypes=false"],
    ] {
        let answer = store.answer(&[&["build"], &flags[..], &[context.as_str()]].concat());
        answer.ends_with(1).says(&["--provenance", "type=oci"]);
    }
}
