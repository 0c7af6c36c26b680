use super::*;

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// As distribution/reference does (normalize.go, regexp.go), but for the familiar form of the last,
/// which theirs shortens to another image.
#[test]
fn reads_names_as_docker_does() {
    let cases = [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("user/app", "docker.io/user/app:latest", "user/app:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/a/b:c", "docker.io/a/b:c", "a/b:c"),
        ("library/a", "docker.io/library/a:latest", "a:latest"),
        ("library/foo/bar", "docker.io/library/foo/bar:latest", "library/foo/bar:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("127.0.0.1:5000/a/b:T_1.x", "127.0.0.1:5000/a/b:T_1.x", "127.0.0.1:5000/a/b:T_1.x"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("[2001:db8::1]/app", "[2001:db8::1]/app:latest", "[2001:db8::1]/app:latest"),
        ("Upper/app", "Upper/app:latest", "Upper/app:latest"),
        ("xn--7o8h.com/my:8080", "xn--7o8h.com/my:8080", "xn--7o8h.com/my:8080"),
        ("192.168.0.1", "docker.io/library/192.168.0.1:latest", "192.168.0.1:latest"),
        ("test_com/foo", "docker.io/test_com/foo:latest", "test_com/foo:latest"),
        ("a__b/c-d---e.f", "docker.io/a__b/c-d---e.f:latest", "a__b/c-d---e.f:latest"),
        ("docker.io/localhost/x", "docker.io/localhost/x:latest", "docker.io/localhost/x:latest"),
    ];
    for (text, full, familiar) in cases {
        let reference = Reference::parse(text).unwrap();
        assert_eq!(reference.to_string(), full);
        assert_eq!(reference.familiar(), familiar);
        assert_eq!(Reference::parse(full).unwrap(), reference);
        assert_eq!(Reference::parse(familiar).unwrap(), reference);
    }
}

#[test]
fn keeps_tag_and_digest() {
    let reference = Reference::parse(&format!("busybox@{DIGEST}")).unwrap();
    assert_eq!((reference.tag(), reference.digest()), (None, Some(Digest::of(b"abc"))));
    assert_eq!(reference.familiar(), format!("busybox@{DIGEST}"));
    let both = Reference::parse(&format!("localhost:5000/a:1@{DIGEST}")).unwrap();
    assert_eq!((both.registry(), both.repository()), ("localhost:5000", "a"));
    assert_eq!((both.tag(), both.digest()), (Some("1"), Some(Digest::of(b"abc"))));
    assert_eq!(both.to_string(), format!("localhost:5000/a:1@{DIGEST}"));
    assert_eq!(both.with_tag("2").unwrap().to_string(), "localhost:5000/a:2");
    assert_eq!(
        both.with_digest(Digest::of(b"abc")).to_string(),
        format!("localhost:5000/a@{DIGEST}")
    );
}

#[test]
fn refuses_what_docker_refuses() {
    use InvalidReference as Invalid;
    let reason = |text: &str| grammar::parse(text).unwrap_err();
    assert_eq!(reason(""), Invalid::Empty);
    assert_eq!(reason(":justtag"), Invalid::Empty);
    assert_eq!(reason(&format!("@{DIGEST}")), Invalid::Empty);
    assert_eq!(reason("Busybox"), Invalid::Uppercase("library/Busybox".to_owned()));
    assert_eq!(reason("a/B:c"), Invalid::Uppercase("a/B".to_owned()));
    assert_eq!(reason("https://quay.io/a"), Invalid::Scheme("https".to_owned()));
    assert_eq!(reason(&"a".repeat(64)), Invalid::Id);
    assert_eq!(reason(&format!("x/{}", "a".repeat(255))), Invalid::RepositoryLength);
    assert_eq!(reason(&"a".repeat(2000)), Invalid::Long);
    for text in
        ["a//b", "a/", "a/../b", "-a", "a-", "a..b", "a___b", "a.-b", "a b", "ä", "a/$x", "/a"]
    {
        assert!(matches!(reason(text), Invalid::Repository(_)), "{text}");
    }
    for text in [
        "-x.com/a",
        "x-.com/a",
        "x..com/a",
        "x.com:/a",
        "x.com:99999/a",
        "[::1/a.b",
        "[]:1/a",
        "fc00::1:5000/a",
        "[fe80::1%eth0]:5000/a",
        "[2001:db8:3:4::192.0.2.33]:5000/a",
    ] {
        assert!(matches!(reason(text), Invalid::Registry(_)), "{text}: {:?}", reason(text));
    }
    for text in ["a:", "a:.x", "a:-x", "a:b@", "a:ü"] {
        let reason = reason(text);
        assert!(matches!(reason, Invalid::Tag(_) | Invalid::Digest { .. }), "{text}: {reason:?}");
    }
    assert!(matches!(reason(&format!("a:{}", "t".repeat(129))), Invalid::Tag(_)));
    for digest in
        ["sha256:../../x", &DIGEST.to_uppercase(), &DIGEST.replace("256", "512"), &DIGEST[..70]]
    {
        assert!(matches!(reason(&format!("a@{digest}")), Invalid::Digest { .. }), "{digest}");
    }
}

#[test]
fn the_error_names_the_subject_and_the_reason() {
    let error = Reference::parse("quay.io/Foo").unwrap_err().to_string();
    assert_eq!(
        error,
        "image name \"quay.io/Foo\" is invalid: the repository \"Foo\" must be lower case"
    );
}

#[test]
fn serde_as_full_text() {
    let reference = Reference::parse("busybox").unwrap();
    let json = serde_json::to_string(&reference).unwrap();
    assert_eq!(json, "\"docker.io/library/busybox:latest\"");
    assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), reference);
}

proptest::proptest! {
    #[test]
    fn never_panics_and_reads_back_what_it_writes(text in "[a-zA-Z0-9@:/._\\-\\[\\]é]{0,40}") {
        if let Ok(reference) = Reference::parse(&text) {
            proptest::prop_assert_eq!(&Reference::parse(&reference.to_string()).unwrap(), &reference);
            proptest::prop_assert_eq!(&Reference::parse(&reference.familiar()).unwrap(), &reference);
        }
    }
}
