use super::*;

#[test]
fn parses_and_normalizes() {
    let host = host_architecture();
    let cases = [
        ("linux/amd64", "linux/amd64"),
        ("Linux/X86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("macos/arm64", "darwin/arm64"),
        ("arm64", "linux/arm64"),
        ("armel", "linux/arm/v6"),
        ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
        ("linux/foo", "linux/foo"),
        ("linux", &format!("linux/{host}")),
    ];
    for (text, expected) in cases {
        assert_eq!(Platform::parse(text).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn refuses_other_shapes() {
    let cases = [
        ("", InvalidPlatform::Parts),
        ("foo", InvalidPlatform::Unknown),
        ("linux/", InvalidPlatform::Characters),
        ("linux//v7", InvalidPlatform::Characters),
        ("linux/amd64/v1/x", InvalidPlatform::Parts),
        ("linux/am d64", InvalidPlatform::Characters),
        ("*", InvalidPlatform::Characters),
        ("windows(10/amd64", InvalidPlatform::Characters),
    ];
    for (text, reason) in cases {
        assert_eq!(parse(text), Err(reason), "{text}");
    }
}

/// The order that containerd's `Only` gives (containerd/platforms, `platformVector`).
#[test]
fn ranks_as_containerd() {
    let ordered = |wanted: &str, offered: &[&str]| -> Vec<Option<usize>> {
        let wanted = Platform::parse(wanted).unwrap();
        offered.iter().map(|text| wanted.rank(&Platform::parse(text).unwrap())).collect()
    };
    assert_eq!(
        ordered("linux/amd64", &["linux/amd64", "linux/386", "linux/amd64/v2", "linux/arm64"]),
        [Some(0), Some(1), None, None]
    );
    assert_eq!(
        ordered(
            "linux/amd64/v3",
            &["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]
        ),
        [Some(0), Some(1), Some(2), Some(3)]
    );
    assert_eq!(
        ordered("linux/arm/v7", &["linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "linux/arm/v8"]),
        [Some(0), Some(1), Some(2), None]
    );
    assert_eq!(
        ordered("linux/arm64", &["linux/arm64/v8", "linux/arm/v8", "linux/arm/v7", "linux/arm/v5"]),
        [Some(0), Some(1), Some(2), Some(4)]
    );
    assert_eq!(
        ordered(
            "linux/arm64/v9.1",
            &["linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64/v8.7", "linux/arm64"]
        ),
        [Some(1), Some(2), None, Some(8)]
    );
    assert_eq!(
        ordered("linux/arm64/v8.2", &["linux/arm64/v8.1", "linux/arm64"]),
        [Some(1), Some(2)]
    );
    assert_eq!(ordered("linux/arm64", &["windows/arm64", "unknown/unknown"]), [None, None]);
}

#[test]
fn the_host_is_normal() {
    assert_eq!(Platform::host(), Platform::host().normalized());
    assert_eq!(Platform::host().rank(&Platform::default()), Some(0));
}

#[test]
fn features_of_the_system_have_to_be_wanted() {
    let plain = Platform::parse("windows/amd64").unwrap();
    let special = Platform { os_features: vec!["win32k".to_owned()], ..plain.clone() };
    assert_eq!((plain.rank(&special), special.rank(&plain)), (None, Some(0)));
}
