//! Faults that lowering finds: which rule, and exactly which text is underlined. The rules are
//! those of the Dockerfile reference; the texts are what a reader would point at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, parse};
use lapstrake_solver::image::BaseImages;
use lapstrake_solver::lower::{Lowered, Options, check, lower};

fn options() -> Options {
    Options {
        arguments: [("GIVEN".to_owned(), "x".to_owned())].into(),
        ..Options::new(Platform::new("linux", "amd64", ""))
    }
}

fn faults(dockerfile: &str) -> Vec<Diagnostic> {
    let parsed = parse(dockerfile);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    lower(&parsed.dockerfile, &options(), &BaseImages::new()).err().unwrap_or_default()
}

#[test]
fn each_fault_is_underlined_where_it_is() {
    for (dockerfile, code, underlined) in [
        ("ARG B\nFROM ${B}\n", "blank-base-image", "${B}"),
        ("FROM a/Upper\n", "image-reference", "a/Upper"),
        ("FROM --platform=linux/a/b/c scratch\n", "platform", "linux/a/b/c"),
        ("ARG SOURCE_DATE_EPOCH=soon\nFROM scratch\n", "source-date-epoch", "soon"),
        ("FROM --platform=$NONE scratch\n", "platform", "$NONE"),
        ("FROM scratch\nCOPY --from=9 a b\n", "unknown-stage", "9"),
        ("FROM scratch\nCOPY --from=$X a b\n", "copy-from-variable", "$X"),
        ("FROM scratch AS a\nCOPY --from=a x y\n", "circular-stage", "a"),
        ("FROM scratch AS a\nCOPY --from=b x y\nFROM a AS b\n", "stage-order", "b"),
        ("FROM scratch\nCOPY a https://h/f /d\n", "copy-remote", "https://h/f"),
        ("FROM scratch\nCOPY a git@h:x /d\n", "copy-remote", "git@h:x"),
        ("FROM scratch\nADD https://h/x.git?brnch=x /d\n", "git-reference", "brnch"),
        ("FROM scratch\nADD https://h/x.git?ref=a#\\\nb /d\n", "git-reference", "a"),
        ("FROM scratch\nADD https://h/x.git?ref=-a /d\n", "git-reference", "-a"),
        (
            "FROM scratch\nARG A=-a\nADD https://h/x.git#$A /d\n",
            "git-reference",
            "https://h/x.git#$A",
        ),
        ("FROM scratch\nADD --checksum=xy git@h:x /d\n", "git-reference", "xy"),
        ("FROM scratch\nADD --checksum=aa git@h:x?commit=bb /d\n", "git-reference", "aa"),
        (
            "FROM scratch\nADD --keep-git-dir git@h:x?keep-git-dir=0 /d\n",
            "git-reference",
            "--keep-git-dir",
        ),
        ("FROM scratch\nADD ssh://-o/x /d\n", "git-reference", "ssh://-o/x"),
        ("FROM scratch\nADD a http://h:x/f /d\n", "url", "http://h:x/f"),
        ("FROM scratch\nADD --checksum=md5:00 http://h/f /d\n", "checksum", "md5:00"),
        ("FROM scratch\nADD --checksum=sha256:0 http://h/f /d\n", "checksum", "sha256:0"),
        ("FROM scratch\nARG C=x\nADD --checksum=$C a /d\n", "checksum", "$C"),
        ("FROM scratch\nADD --checksum=00 http://h/f http://h/g /d\n", "checksum", "00"),
        ("FROM scratch\nCOPY --chmod=9z a b\n", "chmod", "9z"),
        ("FROM scratch\nCOPY --link --chown=5:app a b\n", "link-owner", "5:app"),
        ("FROM scratch\nCOPY --exclude=a --exclude=[ a b\n", "copy-pattern", "["),
        ("FROM scratch\nADD --exclude=! a b\n", "copy-pattern", "!"),
        ("FROM scratch\nCOPY --parents a/b[ c\n", "copy-pattern", "a/b["),
        ("FROM scratch\nCOPY --parents a \\\n d/./ c\n", "copy-parents", "d/./"),
        ("FROM scratch\nENV O=5:app\nCOPY --chown=${O} a b\n", "unknown-owner", "${O}"),
        ("FROM scratch\nUSER app\nWORKDIR /a\n", "unknown-owner", "WORKDIR /a"),
        ("FROM scratch\nRUN --network=host x\n", "entitlement", "host"),
        ("FROM scratch\nRUN --security=insecure x\n", "entitlement", "insecure"),
        (
            "FROM scratch\nRUN --device=vendor/gpu,required x\n",
            "unknown-device",
            "vendor/gpu,required",
        ),
        ("FROM scratch\nRUN --device=a,b x\n", "invalid-device", "b"),
        ("FROM scratch\nRUN --mount=typ=tmpfs,target=/a x\n", "invalid-mount", "typ"),
        ("FROM scratch\nRUN --mount=target=/a,type=tmp x\n", "invalid-mount", "tmp"),
        ("FROM scratch\nARG T=tmp\nRUN --mount=type=$T x\n", "invalid-mount", "$T"),
        ("FROM scratch\nRUN --mount=type=tmpfs,\\\ntarget=/a,size=x y\n", "invalid-mount", "x"),
        ("FROM scratch\nRUN --mount=target=${A:?} x\n", "required-variable", "${A:?}"),
        ("FROM scratch\nRUN --mount=type=tmpfs,target=/a/.. x\n", "mount-target", "/a/.."),
        ("FROM scratch\nRUN --mount=type=tmpfs x\n", "mount-target", "type=tmpfs"),
        ("FROM scratch\nRUN --mount=from=0,target=/a x\n", "unknown-stage", "0"),
        ("FROM scratch AS a\nRUN --mount=target=/a,from=A x\n", "circular-stage", "A"),
        ("FROM scratch AS a\nRUN --mount=from=b,target=/a x\nFROM a AS b\n", "stage-order", "b"),
        ("FROM scratch\nRUN --mount=type=secret,id=a,env=A=B x\n", "invalid-mount", "A=B"),
        ("FROM scratch\nEXPOSE 80 \\\n  99999\n", "expose-port", "99999"),
        ("FROM scratch\nSTOPSIGNAL SIGNOPE\n", "stop-signal", "SIGNOPE"),
        // An instruction sees the environment before it.
        ("FROM scratch\nENV A=1 B=${A:?}x\n", "required-variable", "${A:?}"),
        ("FROM scratch\nWORKDIR /a/\\\n${D?}\n", "required-variable", "${D?}"),
    ] {
        let found = faults(dockerfile);
        let shown: Vec<_> =
            found.iter().map(|fault| (fault.code, &dockerfile[fault.span.range()])).collect();
        assert_eq!(shown, [(code, underlined)], "{dockerfile}");
    }
}

#[test]
fn independent_faults_of_all_needed_stages_come_at_once_and_in_order() {
    let dockerfile = "FROM scratch AS a\nEXPOSE no\nSTOPSIGNAL no\nFROM scratch AS unneeded\n\
                      EXPOSE no\nFROM scratch\nCOPY --from=a --chmod=99 x y\nEXPOSE no\n";
    let lines = |fault: &Diagnostic| dockerfile[..fault.span.start].lines().count();
    assert_eq!(faults(dockerfile).iter().map(lines).collect::<Vec<_>>(), [2, 3, 7, 8]);
}

#[test]
fn independent_faults_of_one_word_and_behind_a_faulty_variable_come_at_once() {
    let dockerfile = "FROM scratch\nENV A=${B:?}x${C:?none} D=${E\nENV F=${A:?} G=${B:?}\n\
                      RUN --mount=type=tmpf,targt=/a,size=${H:?} x\nCOPY ${I:?} ${J:?} /\n";
    let found = faults(dockerfile);
    let shown: Vec<_> = found.iter().map(|fault| &dockerfile[fault.span.range()]).collect();
    assert_eq!(
        shown,
        ["${B:?}", "${C:?none}", "${E", "${B:?}", "tmpf", "targt", "${H:?}", "${I:?}", "${J:?}"]
    );
}

#[test]
fn without_images_only_what_an_instruction_says_by_itself_is_checked() {
    for dockerfile in [
        "FROM base\nWORKDIR ${FROM_BASE:?}\nSTOPSIGNAL $SIGNAL\nEXPOSE no\n",
        "FROM base AS a\nENV A=$FROM_BASE\nFROM a\nSTOPSIGNAL $A\nEXPOSE no\n",
        "FROM base\nCOPY <<EOF /x\n${FROM_BASE:?}\nEOF\nEXPOSE no\n",
    ] {
        assert_eq!(codes(dockerfile), ["expose-port"], "{dockerfile}");
    }
    let parsed = parse("FROM base\nWORKDIR ${FROM_BASE:?}\n");
    match lower(&parsed.dockerfile, &options(), &BaseImages::new()) {
        Ok(Lowered::Needs(needs)) => {
            assert_eq!(needs[0].name.place.to_string(), "base:latest");
        }
        other => panic!("{other:?}"),
    }
}

fn codes(dockerfile: &str) -> Vec<&'static str> {
    faults(dockerfile).iter().map(|fault| fault.code).collect()
}

#[test]
fn faults_of_arguments_headers_and_instructions_come_together() {
    let dockerfile = "ARG A=${X:?no}\nARG B\nFROM --platform=no/such/one/at/all ${B} AS a\n\
                      EXPOSE no\nFROM a/Upper\nCOPY --from=a --chmod=99 x y\nSTOPSIGNAL no\n";
    let lines = |fault: &Diagnostic| dockerfile[..fault.span.start].matches('\n').count() + 1;
    assert_eq!(faults(dockerfile).iter().map(lines).collect::<Vec<_>>(), [1, 3, 3, 4, 5, 6, 7]);
}

#[test]
fn all_faults_of_an_instruction_come_at_once() {
    for (instruction, expected) in [
        ("ENV A=${B:-${C D=${x=} E=1", &["${C", "="][..]),
        ("LABEL a=${ b=\"$c", &["${", "\"$c"]),
        ("ARG A=${X:?} B=$A C=${!", &["${X:?}", "${!"]),
        ("EXPOSE 99999 80 no/tcp", &["99999", "no/tcp"]),
        ("VOLUME ${a ${b", &["${a", "${b"]),
        ("RUN --mount=typ=cache,target=/x --mount=type=cach,target=/x true", &["typ", "cach"]),
        ("RUN --network=host --mount=sharing=al x", &["host", "al"]),
        (
            "COPY --from=9 --chmod=9z --exclude=[ --exclude=! $(a ${b /",
            &["9", "9z", "[", "!", "${b"],
        ),
    ] {
        let dockerfile = format!("FROM scratch\n{instruction}\n");
        let found = faults(&dockerfile);
        let shown: Vec<_> = found.iter().map(|fault| &dockerfile[fault.span.range()]).collect();
        assert_eq!(shown, expected, "{instruction}");
    }
}

#[test]
fn faults_of_parsing_and_lowering_come_at_once() {
    let dockerfile = "FROM busybox\nRUN --mount=typ=cache,target=/x true\n\
                      RUN --mount=type=cach,target=/x true\nCPOY a b\nENV A=${B:-${C\n\
                      COPY --form=x a b\n";
    let parsed = parse(dockerfile);
    let mut found = check(&parsed.dockerfile, &options(), false);
    found.extend(parsed.diagnostics);
    found.sort_by_key(|fault| fault.span);
    let shown = found
        .iter()
        .map(|fault| (&dockerfile[fault.span.range()], fault.help.as_deref().unwrap_or_default()));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("typ", "did you mean `type`?"),
            ("cach", "did you mean `cache`?"),
            ("CPOY", "did you mean `COPY`?"),
            ("${C", "write `\\$` for a dollar sign that starts no variable"),
            ("--form", "did you mean `--from`?"),
        ]
    );
}

#[test]
fn no_fault_follows_from_another_one() {
    for (dockerfile, expected) in [
        ("ARG A=${X:?}\nFROM $A AS a\nFROM a\nSTOPSIGNAL $A\n", &["required-variable"][..]),
        ("ARG A=${X:?}\nFROM scratch\nARG A\nSTOPSIGNAL $A\n", &["required-variable"]),
        ("ARG B\nFROM $B\nSTOPSIGNAL $FROM_BASE\n", &["blank-base-image"]),
        ("FROM scratch\nENV A=${X:?}\nSTOPSIGNAL $A\nEXPOSE ${A:?}\n", &["required-variable"]),
        ("FROM scratch AS a\nENV A=${X:?}\nFROM a\nSTOPSIGNAL $A\n", &["required-variable"]),
    ] {
        assert_eq!(codes(dockerfile), expected, "{dockerfile}");
    }
    // What parsing left out may have set it.
    let parsed = parse("FROM scratch\nEVN A=SIGTERM\nSTOPSIGNAL $A\nEXPOSE no\n");
    let found = check(&parsed.dockerfile, &options(), false);
    assert_eq!(found.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["expose-port"]);
}
