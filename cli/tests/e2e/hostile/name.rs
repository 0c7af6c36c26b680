//! Names, ids and users that mean something else than they should (S08, S14, S15, S42, S50, S61).

use super::{Ground, on_both_sides};

/// Each would be somewhere else when it was a path.
const PATHS: [&str; 6] = ["../x", "/etc/x", "a/../../x", "x\ny", "-x", "x\u{1b}[2J"];

fn refuses(ground: &Ground, arguments: &[&str]) {
    let answer = ground.lap(arguments);
    assert!(matches!(answer.code, Some(1 | 2 | 125)), "{arguments:?}: {:?}", answer.code);
    assert!(answer.stderr.starts_with("error"), "{arguments:?}: {}", answer.stderr);
    assert!(!answer.stderr.contains('\u{1b}'), "{arguments:?}: {}", answer.stderr);
}

#[test]
fn names_of_images_are_no_paths() {
    on_both_sides(|ground| {
        let context = ground.context("FROM busybox\n", |_| ());
        let context = context.to_str().expect("a path");
        let long = "x".repeat(4096);
        for name in PATHS.iter().copied().chain([long.as_str()]) {
            let assigned = format!("--tag={name}");
            refuses(ground, &["build", &assigned, context]);
            let target = format!("--target={name}");
            refuses(ground, &["build", &target, context]);
            for command in ["pull", "run", "rmi", "save", "push", "history", "inspect"] {
                refuses(ground, &[command, "--", name]);
            }
        }
        for digest in ["sha256:../../x", "sha256:ABCDEF", "sha512:00", "md5:0"] {
            refuses(ground, &["pull", &format!("busybox@{digest}")]);
        }
    });
}

#[test]
fn names_of_secrets_and_caches_are_no_paths() {
    on_both_sides(|ground| {
        for id in ["../../etc/x", "/etc/x", "a b"] {
            let dockerfile = format!(
                "FROM busybox\nRUN --mount=type=cache,\"id={id}\",target=/c touch /c/lap-escape\n\
                 RUN --mount=type=secret,\"id={id}\",target=/s,required cat /s\n"
            );
            let flag = format!("id={id},env=HOME");
            ground.build("x", &dockerfile, &["--secret", &flag]).ends_with(0);
            // Without a target it is a name below /run/secrets.
            let dockerfile =
                format!("FROM busybox\nRUN --mount=type=secret,\"id={id}\" ls -R /run/secrets\n");
            let answer = ground.build("x", &dockerfile, &["--secret", &flag]);
            assert!(matches!(answer.code, Some(0 | 1)), "{id}: {}", answer.stderr);
        }
    });
}

#[test]
fn options_of_mounts_are_a_closed_list() {
    on_both_sides(|ground| {
        for mount in [
            "type=bind,bind-propagation=shared,target=/m",
            "type=bind,target=/m,suid",
            "type=tmpfs,target=/m,size=1,exec",
            "type=proc,target=/m",
            "type=tmpfs,target=/proc",
            "type=tmpfs,target=/",
        ] {
            let dockerfile = format!("FROM busybox\nRUN --mount={mount} true\n");
            ground.build("x", &dockerfile, &["--format", "short"]).ends_with(1).says(&["2:"]);
        }
    });
}

/// What BuildKit makes of each, and never root by accident (CVE-2016-3697, CVE-2024-40635).
#[test]
fn users_are_numbers_or_names() {
    on_both_sides(|ground| {
        let passwd = "RUN echo '4294967297:x:7:7::/:' >> /etc/passwd && echo '12:x:34:56::/:' >> /etc/passwd\n";
        let dockerfile = |user: &str| {
            format!("FROM busybox\n{passwd}USER {user}\nRUN echo \"<$(id -u):$(id -g)>\"\n")
        };
        for (user, ids) in
            [("1000", "<1000:0>"), ("1000:50", "<1000:50>"), ("12", "<12:0>"), ("0", "<0:0>")]
        {
            ground.build("x", &dockerfile(user), &[]).ends_with(0).says(&[ids]);
        }
        for user in [
            "4294967296",
            "-1",
            "0x0",
            "00000000000000000000",
            "2147483648",
            "nobody2",
            "0:-1",
            "0:4294967296",
            "root:none",
        ] {
            let answer = ground.build("x", &dockerfile(user), &[]);
            assert!(
                answer.code == Some(1) || user.chars().all(|c| c == '0'),
                "{user}: {}",
                answer.stderr
            );
            assert!(answer.code == Some(1) || answer.stderr.contains("<0:0>"), "{user}");
        }
    });
}

#[test]
fn passwd_is_read_as_far_as_it_makes_sense() {
    on_both_sides(|ground| {
        for passwd in [
            "mkfifo /etc/passwd",
            "ln -s /dev/zero /etc/passwd",
            "truncate -s 50M /etc/passwd",
            "ln -s /proc/1/root{canary}/victim /etc/passwd",
        ] {
            let dockerfile = ground.meant(&format!(
                "FROM busybox\nRUN rm /etc/passwd && {passwd}\nUSER name\nRUN id\n"
            ));
            let start = std::time::Instant::now();
            ground.build("x", &dockerfile, &[]).ends_with(1);
            assert!(start.elapsed() < std::time::Duration::from_secs(20), "{passwd}");
        }
        // A link that stays inside, as on NixOS.
        let inside = "FROM busybox\nRUN mkdir /nix && mv /etc/passwd /nix/p && echo 'me:x:7:8::/:' >> /nix/p && \
             ln -s /nix/p /etc/passwd\nUSER me\nRUN echo \"<$(id -u):$(id -g)>\"\n";
        ground.build("x", inside, &[]).ends_with(0).says(&["<7:8>"]);
    });
}

#[test]
fn repositories_are_no_options_and_no_programs() {
    on_both_sides(|ground| {
        let canary = ground.meant("touch {canary}/lap-escape");
        for context in [
            "https://127.0.0.1:1/x.git#--upload-pack=touch",
            "ssh://-oProxyCommand=touch/x.git",
            "git@-oProxyCommand=touch:x.git",
            &format!("ext::sh -c {canary}"),
            "file:///etc",
            "git://127.0.0.1:1/x.git#-x",
        ] {
            refuses(ground, &["build", "--", context]);
            let dockerfile = format!("FROM busybox\nADD [\"{context}\", \"/x\"]\n");
            ground.build("x", &dockerfile, &[]).ends_with(1);
        }
    });
}

/// Nothing is fetched, and nothing of it runs.
#[test]
fn a_frontend_is_no_program() {
    on_both_sides(|ground| {
        let dockerfile = "# syntax=127.0.0.1:1/evil/frontend:1\nFROM busybox\nRUN true\n";
        let answer = ground.build("x", dockerfile, &[]);
        answer.ends_with(0).says(&["the frontend `127.0.0.1:1/evil/frontend:1` is not run"]);
    });
}
