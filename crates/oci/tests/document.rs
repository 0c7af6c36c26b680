//! Manifests and indexes from outside: what is read, what is kept, what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use lapstrake_oci::{
    Compression, Descriptor, Digest, Document, Error, Index, Manifest, MediaType, Platform,
};

const CONFIG: &str = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size":3}"#;
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn manifest() -> Manifest {
    let layer = MediaType::OciLayer(Compression::Gzip);
    Manifest::new(
        MediaType::OciManifest,
        Descriptor::of(MediaType::OciConfig, b"{}"),
        vec![Descriptor::of(layer.clone(), b"one"), Descriptor::of(layer, b"two")],
    )
}

fn entry(platform: &str) -> Descriptor {
    let platform = Platform::parse(platform).unwrap();
    let bytes = platform.to_string().into_bytes();
    Descriptor { platform: Some(platform), ..Descriptor::of(MediaType::OciManifest, &bytes) }
}

#[test]
fn oci_spec_reads_the_manifest_we_write() {
    let ours = manifest();
    let bytes = ours.to_bytes().unwrap();
    let theirs = oci_spec::image::ImageManifest::from_reader(bytes.as_slice()).unwrap();
    assert_eq!(theirs.schema_version(), 2);
    assert_eq!(theirs.layers().len(), 2);
    assert_eq!(theirs.layers()[1].digest().to_string(), Digest::of(b"two").to_string());
    assert_eq!(theirs.layers()[1].size(), 3);
    assert_eq!(theirs.config().digest().digest(), Digest::of(b"{}").hex());
    assert_eq!(Manifest::parse(&bytes).unwrap(), ours);
}

#[test]
fn we_read_the_manifest_oci_spec_writes() {
    let bytes = manifest().to_bytes().unwrap();
    let theirs = oci_spec::image::ImageManifest::from_reader(bytes.as_slice()).unwrap();
    assert_eq!(Manifest::parse(theirs.to_string().unwrap().as_bytes()).unwrap(), manifest());
}

#[test]
fn oci_spec_reads_the_index_we_write() {
    let ours = Index::new(MediaType::OciIndex, vec![entry("linux/amd64"), entry("linux/arm/v7")]);
    let bytes = ours.to_bytes().unwrap();
    let theirs = oci_spec::image::ImageIndex::from_reader(bytes.as_slice()).unwrap();
    let platform = theirs.manifests()[1].platform().clone().unwrap();
    assert_eq!(platform.architecture().to_string(), "arm");
    assert_eq!(platform.variant().clone().unwrap(), "v7");
    assert_eq!(Index::parse(&bytes).unwrap(), ours);
}

#[test]
fn keeps_unknown_fields_and_writes_one_form() {
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{CONFIG},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size":3,"annotations":{{"a":"b"}},"x-layer":[1,null]}}],"x-top":{{"deep":[true,1.5]}}}}"#
    );
    let manifest = Manifest::parse(text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(manifest.to_bytes().unwrap()).unwrap(), text);
}

#[test]
fn reads_null_where_go_writes_it() {
    let text =
        format!(r#"{{"schemaVersion":2,"config":{CONFIG},"layers":null,"annotations":null}}"#);
    assert!(Manifest::parse(text.as_bytes()).unwrap().layers.is_empty());
}

#[test]
fn selects_by_platform_and_skips_attestations() {
    let mut attestation = entry("linux/amd64");
    attestation
        .annotations
        .insert("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned());
    let anywhere = Descriptor::of(MediaType::OciManifest, b"anywhere");
    let index = Index::new(
        MediaType::OciIndex,
        vec![
            attestation,
            anywhere.clone(),
            entry("linux/386"),
            entry("linux/arm64"),
            entry("linux/amd64"),
        ],
    );
    let found = |wanted| -> Vec<Digest> {
        let wanted = Platform::parse(wanted).unwrap();
        index.matching(&wanted).into_iter().map(|entry| entry.digest).collect()
    };
    let (amd64, i386) = (entry("linux/amd64").digest, entry("linux/386").digest);
    assert_eq!(found("linux/amd64"), [amd64, i386, anywhere.digest]);
    assert_eq!(found("linux/s390x"), [anywhere.digest]);
    assert_eq!(index.platforms().len(), 3);
}

/// S57: documents that two readers could understand differently.
#[test]
fn refuses_ambiguous_documents() {
    let layers = r#""layers":[]"#;
    let manifests = r#""manifests":[]"#;
    let config = format!(r#""config":{CONFIG}"#);
    let manifest_type = format!(r#""mediaType":"{OCI_MANIFEST}""#);
    let index_type = format!(r#""mediaType":"{OCI_INDEX}""#);
    let cased = CONFIG.replace("\"size\":3", "\"size\":3,\"Digest\":\"sha256:00\"");
    let documents: [&[&str]; 14] = [
        &[&config, layers, manifests],
        &[&manifest_type, &config, layers, manifests],
        &[&index_type, &config, layers, manifests],
        &[&index_type, manifests, &config],
        &[&config, layers, r#""Manifests":[]"#],
        &[manifests, r#""LAYERS":[]"#],
        &[manifests, "\"layer\u{17f}\":[]"],
        &[&config, layers, r#""fsLayers":[]"#],
        &[&index_type, &config, layers],
        &[&manifest_type, manifests],
        &[&manifest_type, &manifest_type, &config, layers],
        &[&manifest_type, &index_type, &config, layers],
        &[r#""mediaType":"application/vnd.oci.image.config.v1+json""#, &config, layers],
        &[&format!(r#""config":{cased}"#), layers],
    ];
    for fields in documents {
        let text = format!("{{\"schemaVersion\":2,{}}}", fields.join(","));
        let error = Document::parse(text.as_bytes(), None).expect_err(&text);
        assert!(matches!(error, Error::Ambiguous { .. }), "{text}: {error}");
    }
    let neither = Document::parse(br#"{"schemaVersion":2}"#, None).unwrap_err();
    assert!(matches!(neither, Error::Ambiguous { .. }));
}

#[test]
fn refuses_repeated_fields_inside() {
    let layers = r#"{"schemaVersion":2,"config":{},"layers":[],"layers":[]}"#;
    assert!(Document::parse(layers.as_bytes(), None).is_err());
    let digests = CONFIG.replace("\"size\"", "\"digest\":\"sha256:0\",\"size\"");
    let text = format!(r#"{{"schemaVersion":2,"config":{digests},"layers":[]}}"#);
    assert!(matches!(Document::parse(text.as_bytes(), None), Err(Error::Malformed { .. })));
}

#[test]
fn what_it_was_served_as_must_fit() {
    let bytes = manifest().to_bytes().unwrap();
    let parse = |served: &str| Document::parse(&bytes, Some(&MediaType::from(served)));
    assert!(matches!(parse(OCI_MANIFEST), Ok(Document::Manifest(_))));
    assert!(parse("application/json").is_ok());
    for served in [OCI_INDEX, "application/vnd.docker.distribution.manifest.v2+json", "text/html"] {
        assert!(matches!(parse(served), Err(Error::Ambiguous { .. })), "{served}");
    }
    let untyped = format!(r#"{{"schemaVersion":2,"config":{CONFIG},"layers":[]}}"#);
    let parse = |served: &str| Document::parse(untyped.as_bytes(), Some(&MediaType::from(served)));
    assert!(parse(OCI_MANIFEST).is_ok());
    assert!(parse(OCI_INDEX).is_err());
}

#[test]
fn refuses_other_schemas_and_kinds() {
    let old = br#"{"schemaVersion":1,"name":"a","fsLayers":[],"history":[]}"#;
    let error = Document::parse(old, None).unwrap_err();
    assert!(error.to_string().contains("push the image again"), "{error}");
    let manifest = manifest().to_bytes().unwrap();
    assert!(matches!(Index::parse(&manifest), Err(Error::Unexpected { .. })));
    let index = Index::new(MediaType::OciIndex, Vec::new()).to_bytes().unwrap();
    assert!(matches!(Manifest::parse(&index), Err(Error::Unexpected { .. })));
    for garbage in [&b""[..], b"[]", b"{", b"null", b"\xff"] {
        assert!(matches!(Document::parse(garbage, None), Err(Error::Malformed { .. })));
    }
}

/// S58: 4 MiB are read, more is not; neither are many layers nor deep nesting.
#[test]
fn bounds_size_layers_and_depth() {
    let padded = |size: usize| {
        let mut manifest = manifest();
        let overhead = manifest.to_bytes().unwrap().len() + r#","annotations":{"x":""}"#.len();
        manifest.annotations.insert("x".to_owned(), "y".repeat(size - overhead));
        manifest.to_bytes().unwrap()
    };
    assert_eq!(padded(4 << 20).len(), 4 << 20);
    assert!(Document::parse(&padded(4 << 20), None).is_ok());
    let error = Document::parse(&padded(5 << 20), None).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");

    let many = format!(
        r#"{{"schemaVersion":2,"config":{CONFIG},"layers":[{CONFIG}{}]}}"#,
        format!(",{CONFIG}").repeat(5000)
    );
    let error = Document::parse(many.as_bytes(), None).unwrap_err();
    assert!(matches!(error, Error::TooMany { items: "layers", count: 5001, .. }), "{error}");

    let deep = format!(
        r#"{{"schemaVersion":2,"config":{CONFIG},"layers":[],"x":{}{}}}"#,
        "[".repeat(1000),
        "]".repeat(1000)
    );
    assert!(matches!(Document::parse(deep.as_bytes(), None), Err(Error::Malformed { .. })));
}
