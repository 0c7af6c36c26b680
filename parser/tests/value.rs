//! Values of flags and arguments: mounts, devices, modes, ports, signals, durations, checks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use lapstrake_parser::check::{CheckOptions, RuleSelection};
use lapstrake_parser::duration;
use lapstrake_parser::mode::Mode;
use lapstrake_parser::mount::{self, Device, Mount, MountError, MountType, Sharing};
use lapstrake_parser::port::parse_port;
use lapstrake_parser::signal::parse_signal;
use lapstrake_parser::{Span, Spanned, expand};
use std::time::Duration;

fn mount(value: &str) -> Result<Mount, Vec<MountError>> {
    let variables = |name: &str| (name == "set").then(|| "cache".to_owned());
    Mount::parse(value, |word| expand(word, &variables, '\\').map(|one| one.text))
}

#[test]
fn mounts_have_types_and_defaults() {
    let bind = mount("target=/a").unwrap();
    assert_eq!(
        (bind.kind, bind.read_only, bind.target.as_deref()),
        (MountType::Bind, true, Some("/a"))
    );
    assert!(!mount("type=cache,dst=/a").unwrap().read_only);
    assert!(!mount("type=tmpfs,destination=/a").unwrap().read_only);
    assert!(mount("type=cache,ro,target=/a").unwrap().read_only);
    assert!(mount("TYPE=CACHE,readwrite=false,target=/a").unwrap().read_only);
    assert!(!mount("rw=true,ro=0,target=/a").unwrap().read_only);
}

#[test]
fn mounts_have_options() {
    let cache = mount("type=$set,id=x,sharing=Locked,mode=0700,uid=1,gid=2,from=a,src=/b").unwrap();
    assert_eq!((cache.kind, cache.sharing), (MountType::Cache, Some(Sharing::Locked)));
    assert_eq!((cache.mode, cache.uid, cache.gid), (Some(0o700), Some(1), Some(2)));
    assert_eq!(mount("type=tmpfs,size=1.5k").unwrap().size, 1536);
    assert_eq!(mount("type=tmpfs,size=2GiB").unwrap().size, 2 << 30);
    let secret = mount("type=secret,id=a,required,env=").unwrap();
    assert_eq!((secret.required, secret.env.as_deref()), (true, Some("")));
    assert_eq!(mount("\"target=/a,\"\"b\"\"\",source=").unwrap().target.as_deref(), Some("/a,b"));
}

#[test]
fn faulty_mounts_say_where() {
    for (value, range, message) in [
        ("typ=tmpfs", 0..3, "a mount has no option `typ`"),
        ("type=tmp", 5..8, "there is no mount type `tmp`"),
        ("target=/a,x", 10..11, "`x` is not of the form `key=value`"),
        ("mode=1", 0..6, "a bind mount has no `mode`"),
        ("type=secret,id=a,from=b", 17..23, "a secret mount has no `from`"),
        ("type=secret,id=a,sharing=shared", 17..31, "a secret mount has no `sharing`"),
        ("type=secret", 0..11, "the secret is not named"),
        ("type=secret,id=a,src=b", 17..22, "a secret has a `source` or an `id`, not both"),
        ("sharing=shared", 0..14, "a bind mount has no `sharing`"),
        ("target=/a,MODE=1", 10..16, "a bind mount has no `mode`"),
        ("type=tmpfs,src=a,target=/a", 11..16, "a tmpfs mount has no `source`"),
        ("type=ssh,source=a", 9..17, "an ssh mount has no `source`"),
        ("type=tmpfs,required,target=/a", 11..19, "a tmpfs mount has no `required`"),
        ("type=cache,sharing=some", 19..23, "`sharing` cannot be `some`"),
        ("size=1m,type=tmpfs", 0..4, "a bind mount has no `size`"),
        ("type=tmpfs,size=-1", 16..18, "`size` cannot be `-1`"),
        ("type=cache,uid=a", 15..16, "`uid` is a number, not `a`"),
        ("ro=maybe", 3..8, "`ro` is true or false, not `maybe`"),
        ("target=a${b", 8..11, "the `}` of a variable is missing"),
        ("a\"b", 1..3, "the value is not a list of `key=value`"),
        ("", 0..0, "the value is not a list of `key=value`"),
    ] {
        let errors = mount(value).unwrap_err();
        let errors: Vec<_> =
            errors.iter().map(|error| (error.range.clone(), error.message.as_str())).collect();
        assert_eq!(errors, [(range, message)], "{value}");
    }
}

#[test]
fn all_faults_of_a_mount_come_at_once() {
    let hints = |value: &str| {
        let errors = mount(value).unwrap_err();
        errors.into_iter().map(|error| error.hint.unwrap_or(error.message)).collect::<Vec<_>>()
    };
    assert_eq!(
        hints("type=tmp,targt=/a,uid=x"),
        ["did you mean `tmpfs`?", "did you mean `target`?", "`uid` is a number, not `x`"]
    );
    // What belongs to some types only is no fault while the type is not known.
    assert_eq!(hints("type=secrt,id=a,required"), ["did you mean `secret`?"]);
    assert_eq!(hints("type=tmpf,size=1m"), ["did you mean `tmpfs`?"]);
}

#[test]
fn mounts_are_checked_before_variables_are_known() {
    assert!(mount::check("type=$t,from=a,target=$x").is_ok());
    assert!(mount::check("from=a$").is_ok());
    assert_eq!(mount::check("target=/a,from=$a").unwrap_err().range, 15..17);
    assert!(mount::check("a,\"b").is_err());
}

#[test]
fn options_are_found_before_variables_are_known() {
    let option = |value, names: &[&str]| mount::option(value, names);
    assert_eq!(option("from=a,FROM=b,x", &["from"]), Some(("b".to_owned(), 12..13)));
    assert_eq!(option("src=$a,target=/b", &["source", "src"]), Some(("$a".to_owned(), 4..6)));
    assert_eq!(option("\"src=a,b\"", &["src"]), Some(("a,b".to_owned(), 0..9)));
    assert_eq!(option("ro,target=/b", &["ro"]), None);
    assert_eq!(option("a\"b", &["a"]), None);
}

/// What the mode package that BuildKit uses does where chmod(1) of GNU refuses or differs.
#[test]
fn modes_are_those_of_buildkit() {
    for (text, before, directory, after) in [
        ("u=gr", 0o640, false, 0o440),
        ("u=rg", 0o640, false, 0o440),
        ("+gu", 0o640, false, 0o666),
        ("=ou", 0o640, false, 0),
        ("u+=g", 0o640, false, 0o440),
        ("+xt", 0o644, false, 0o1644),
        ("a+xt", 0o644, false, 0o1755),
        ("o+t", 0o644, true, 0o644),
        ("=t", 0o755, true, 0o1755),
        ("go=u-w", 0o640, false, 0o644),
        ("ug+rw-x", 0o755, false, 0o665),
        ("-X", 0o644, true, 0o644),
        ("u=X", 0o644, false, 0o044),
        ("u=X", 0o644, true, 0o144),
        ("u=x,+X", 0o644, false, 0o144),
        ("-x,+X", 0o755, false, 0o755),
    ] {
        assert_eq!(Mode::parse(text).unwrap().apply(before, directory), after, "{text} {before:o}");
    }
}

#[test]
fn devices_are_read() {
    let device = |value| Device::parse(value).map(|one| (one.name, one.required));
    assert_eq!(device("vendor/gpu=all"), Ok(("vendor/gpu=all".to_owned(), false)));
    assert_eq!(device("name=a,required"), Ok(("a".to_owned(), true)));
    assert_eq!(device("a,required=false"), Ok(("a".to_owned(), false)));
    assert!(device("a,b").is_err() && device("a,name=b").is_err() && device("a,x=y").is_err());
}

#[test]
fn modes_are_octal() {
    for (text, bits) in [("0644", 0o644), ("7777", 0o7777), ("0", 0), ("00000755", 0o755)] {
        assert_eq!(Mode::parse(text), Ok(Mode::Octal(bits)));
    }
    for text in
        ["", "64a", "10000", "8", "u", "u+q", "u=rw,", ",u=r", "x=r", "u=rw;g=r", "a", "+r,", "r"]
    {
        assert!(Mode::parse(text).is_err(), "{text}");
    }
}

/// Expected values are what GNU chmod does with an umask of 0.
#[test]
fn modes_are_symbolic() {
    for (text, before, directory, after) in [
        ("a+x", 0o644, false, 0o755),
        ("+x", 0o644, false, 0o755),
        ("u=rwX,go=rX", 0o600, false, 0o644),
        ("u=rwX,go=rX", 0o700, false, 0o755),
        ("u=rwX,go=rX", 0o600, true, 0o755),
        ("u=rw,g=u-w,o=", 0o777, false, 0o640),
        ("go=", 0o777, false, 0o700),
        ("o-rwx", 0o777, false, 0o770),
        ("u+s,g+s", 0o755, false, 0o6755),
        ("u-s", 0o6755, false, 0o2755),
        ("+t", 0o755, true, 0o1755),
        ("o+s", 0o755, false, 0o755),
        ("g=u", 0o741, false, 0o771),
        ("u+w-x+r", 0o111, false, 0o611),
        ("a=r", 0o777, false, 0o444),
        ("=", 0o777, false, 0),
        ("o=u-w", 0o640, false, 0o644),
    ] {
        assert_eq!(Mode::parse(text).unwrap().apply(before, directory), after, "{text} {before:o}");
    }
}

#[test]
fn ports_are_read() {
    let ports = |text| {
        let ports = parse_port(text)?;
        Ok::<_, String>(ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    for (text, expected) in [
        ("80", "80/tcp"),
        ("80/UDP", "80/udp"),
        ("80/", "80/tcp"),
        ("8000-8002/sctp", "8000/sctp 8001/sctp 8002/sctp"),
        ("127.0.0.1:80:8080", "8080/tcp"),
        ("[::1]:80:8080/tcp", "8080/tcp"),
        ("80:8080", "8080/tcp"),
        ("1-2:8080", "8080/tcp"),
        (":8080", "8080/tcp"),
        ("0", "0/tcp"),
    ] {
        assert_eq!(ports(text).as_deref(), Ok(expected), "{text}");
    }
    for text in ["", "/tcp", "a", "80/x", "65536", "-1", "2-1", "1-2:3-5", "x:1:2", "80:"] {
        assert!(ports(text).is_err(), "{text}");
    }
}

#[test]
fn signals_are_read() {
    for (text, number) in [
        ("SIGTERM", 15),
        ("term", 15),
        ("9", 9),
        ("HUP", 1),
        ("SYS", 31),
        ("SIGPOLL", 29),
        ("RTMIN", 34),
        ("sigrtmin+3", 37),
        ("RTMAX-14", 50),
    ] {
        assert_eq!(parse_signal(text), Ok(number), "{text}");
    }
    for text in ["", "0", "SIG", "NOPE", "RTMIN+16", "RTMIN+0", "RTMAX-15", "RTMIN+x"] {
        assert!(parse_signal(text).is_err(), "{text}");
    }
}

#[test]
fn durations_are_read() {
    for (text, nanoseconds) in [
        ("0", 0),
        ("1s", 1_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("+2ms", 2_000_000),
        ("3µs4ns", 3_004),
        ("0.1234567891234567891s", 123_456_789),
        ("-0s", 0),
    ] {
        assert_eq!(duration::parse(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
    }
    for text in ["", "1", "s", ".s", "1x", "-1s", "1 s", "9999999h", "99999999999999999999s"] {
        assert!(duration::parse(text).is_err(), "{text}");
    }
}

#[test]
fn checks_are_read() {
    let (options, faults) = CheckOptions::parse("skip=A, B;error=true;experimental=all", 10);
    assert_eq!(faults, []);
    assert!(options.skip.contains("B") && !options.skip.contains("C") && options.error);
    assert_eq!(options.experimental, RuleSelection::All);
    let RuleSelection::Named(names) = options.skip else { panic!("all") };
    assert_eq!(names[1].span, Span::new(18, 19));
}

#[test]
fn checks_stand_in_comments() {
    let comment = |text: &'static str| Spanned::new(text, Span::new(2, 2 + text.len()));
    let (options, _) = CheckOptions::from_comment(comment("check=skip=A because")).unwrap();
    assert!(options.skip.contains("A"));
    assert!(CheckOptions::from_comment(comment("checks nothing")).is_none());
}
