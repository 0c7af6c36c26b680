//! `testdata/e2e/chain30`: thirty layers on each other.

use crate::support::{Store, testdata};

#[test]
fn thirty_steps_make_thirty_layers() {
    let store = Store::new();
    store.build("chain", &testdata("chain30"));
    let expected: Vec<String> = (1..=30).map(|step| step.to_string()).collect();
    let files = store.prints("chain", &["sh", "-c", "for i in $(seq 1 30); do cat /step-$i; done"]);
    assert_eq!(files.lines().collect::<Vec<_>>(), expected);

    let layout = crate::support::text(&store.layout("chain"));
    let config =
        crate::support::tool("skopeo", &["inspect", "--config", &format!("oci:{layout}:latest")]);
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON from skopeo");
    let layers = config["rootfs"]["diff_ids"].as_array().expect("a list of diff ids");
    assert_eq!(layers.len(), 31);
    assert_eq!(config["history"].as_array().expect("a history").len(), 31);
}
