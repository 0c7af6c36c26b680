//! Image configs: Docker's superset, kept through reading and writing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use lapstrake_oci::{Config, Digest, Empty, Healthcheck, History, ImageConfig, Platform, RootFs};
use serde_json::{Value, json};

/// A config with everything that `docker build` and `docker commit` of several ages write.
fn of_docker() -> Value {
    json!({
        "architecture": "arm",
        "author": "somebody",
        "config": {
            "AttachStderr": false,
            "ArgsEscaped": true,
            "Cmd": ["-c", "a b"],
            "Domainname": "example.org",
            "Entrypoint": ["/bin/x"],
            "Env": ["PATH=/bin", "B=ü"],
            "ExposedPorts": {"53/udp": {}, "80/tcp": {}},
            "Healthcheck": {
                "Test": ["CMD-SHELL", "true"],
                "Interval": 30_000_000_000_i64,
                "Timeout": 1_000_000_000,
                "StartPeriod": 5,
                "StartInterval": 6,
                "Retries": 3
            },
            "Hostname": "host",
            "Image": "sha256:abc",
            "Labels": {"a": "b", "z": ""},
            "OnBuild": ["RUN x"],
            "Shell": ["/bin/bash", "-c"],
            "StopSignal": "SIGINT",
            "StopTimeout": 10,
            "Tty": false,
            "User": "1:2",
            "Volumes": {"/v": {}},
            "WorkingDir": "/w"
        },
        "container_config": {"Cmd": null},
        "created": "2024-01-02T03:04:05.678901234Z",
        "docker_version": "20.10.7",
        "history": [
            {"created": "2024-01-02T03:04:05Z", "created_by": "/bin/sh -c #(nop) ADD", "comment": "c", "author": "a"},
            {"created_by": "ENV x", "empty_layer": true, "x-more": 1}
        ],
        "moby.buildkit.buildinfo.v1": "e30=",
        "os": "linux",
        "os.features": ["f"],
        "os.version": "1.2",
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"a").to_string()], "x-rootfs": {}},
        "variant": "v7"
    })
}

#[test]
fn parse_and_rewrite_loses_nothing() {
    let bytes = serde_json::to_vec(&of_docker()).unwrap();
    let config = ImageConfig::parse(&bytes).unwrap();
    let again = config.to_bytes().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), of_docker());
    assert_eq!(ImageConfig::parse(&again).unwrap().to_bytes().unwrap(), again);
    assert_eq!(config.platform().to_string(), "linux(1.2)/arm/v7");
    assert_eq!(config.config.healthcheck.unwrap().interval, 30_000_000_000);
}

#[test]
fn writes_fields_in_order_and_leaves_empty_ones_out() {
    let mut config = ImageConfig::new(&Platform::parse("linux/amd64").unwrap());
    assert_eq!(
        String::from_utf8(config.to_bytes().unwrap()).unwrap(),
        r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#
    );
    config.created = Some("1970-01-01T00:00:00Z".to_owned());
    config.rootfs = RootFs::new(vec![Digest::of(b"abc")]);
    config.history = vec![History { created_by: "RUN x".to_owned(), ..History::default() }];
    config.config = Config {
        cmd: vec!["sh".to_owned()],
        env: vec!["B=1".to_owned(), "A=2".to_owned()],
        volumes: [("/v".to_owned(), Empty {})].into(),
        healthcheck: Some(Healthcheck { test: vec!["NONE".to_owned()], ..Healthcheck::default() }),
        ..Config::default()
    };
    let expected = concat!(
        r#"{"created":"1970-01-01T00:00:00Z","architecture":"amd64","os":"linux","#,
        r#""config":{"Env":["B=1","A=2"],"Cmd":["sh"],"Volumes":{"/v":{}},"Healthcheck":{"Test":["NONE"]}},"#,
        r#""rootfs":{"type":"layers","diff_ids":["sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]},"#,
        r#""history":[{"created_by":"RUN x"}]}"#
    );
    assert_eq!(String::from_utf8(config.to_bytes().unwrap()).unwrap(), expected);
}

#[test]
fn oci_spec_reads_what_we_write() {
    let bytes = serde_json::to_vec(&of_docker()).unwrap();
    let bytes = ImageConfig::parse(&bytes).unwrap().to_bytes().unwrap();
    let theirs = oci_spec::image::ImageConfiguration::from_reader(bytes.as_slice()).unwrap();
    assert_eq!(theirs.os().to_string(), "linux");
    assert_eq!(theirs.rootfs().diff_ids(), &[Digest::of(b"a").to_string()]);
    assert_eq!(theirs.created().clone().unwrap(), "2024-01-02T03:04:05.678901234Z");
    let history = theirs.history().clone().unwrap_or_default();
    assert_eq!(history.len(), 2);
    assert_eq!(history[1].empty_layer(), Some(true));
    let run = theirs.config().clone().unwrap();
    assert_eq!(run.entrypoint().clone().unwrap(), ["/bin/x"]);
    assert_eq!(run.stop_signal().clone().unwrap(), "SIGINT");
    assert_eq!(run.working_dir().clone().unwrap(), "/w");
}

/// Docker wrote `null` for what was empty, and `null` behind ports.
#[test]
fn reads_null_as_nothing() {
    let text = br#"{"architecture":"amd64","os":"linux","author":null,"history":null,"config":{"User":null,
        "Env":null,"Cmd":null,"Entrypoint":null,"Volumes":null,"Labels":null,"OnBuild":null,"Healthcheck":null,
        "ExposedPorts":{"80/tcp":null}},"rootfs":{"type":"layers","diff_ids":null}}"#;
    let config = ImageConfig::parse(text).unwrap();
    assert!(config.config.cmd.is_empty() && config.rootfs.diff_ids.is_empty());
    assert_eq!(config.config.exposed_ports.len(), 1);
    let nothing = br#"{"config":null,"rootfs":{"type":"layers"}}"#;
    assert_eq!(ImageConfig::parse(nothing).unwrap().platform(), Platform::host());
}

#[test]
fn refuses_what_is_no_config() {
    for text in [
        r#"{"architecture":"amd64","os":"linux"}"#,
        r#"{"rootfs":{"type":"other","diff_ids":[]}}"#,
        r#"{"rootfs":{"type":"layers","diff_ids":["sha256:x"]}}"#,
        r#"{"rootfs":{"type":"layers","diff_ids":[]},"config":{"Env":["a"],"Env":["b"]}}"#,
        r#"{"rootfs":{"type":"layers","diff_ids":[]},"config":{"Healthcheck":{"Interval":1e99}}}"#,
        "[]",
    ] {
        assert!(ImageConfig::parse(text.as_bytes()).is_err(), "{text}");
    }
    let diff_id = format!("\"{}\"", Digest::of(b"a"));
    let many = format!(
        r#"{{"rootfs":{{"type":"layers","diff_ids":[{diff_id}{}]}}}}"#,
        format!(",{diff_id}").repeat(5000)
    );
    assert!(ImageConfig::parse(many.as_bytes()).unwrap_err().to_string().contains("diff ids"));
}
