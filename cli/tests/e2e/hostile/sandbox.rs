//! Ways out of a running step (S01, S02, S06, S17 to S19, S22).

use std::fs;
use std::path::Path;

use super::on_both_sides;
use crate::support::tool;

#[test]
fn an_open_folder_of_the_caller_is_no_way_out() {
    on_both_sides(|ground| {
        let mut dockerfile =
            "FROM busybox\nRUN ls -l /proc/self/fd && ! ls -l /proc/self/fd | grep canary\n"
                .to_owned();
        let starter =
            ["sh", "-c", &ground.meant("exec 9<{canary} 7<{canary}/folder; exec \"$0\" \"$@\"")];
        let context = ground.context(&dockerfile, |_| ());
        let context = context.to_str().expect("a path");
        ground.lap_behind(&starter, &["build", "-q", context]).ends_with(0);
        for number in [3, 7, 9, 20] {
            dockerfile =
                format!("FROM busybox\nWORKDIR /proc/self/fd/{number}\nRUN cat victim ../victim\n");
            ground.context(&dockerfile, |_| ());
            ground.lap_behind(&starter, &["build", "-q", context]).ends_with(1);
        }
    });
}

#[test]
fn the_program_and_its_environment_are_out_of_reach() {
    on_both_sides(|ground| {
        let hash = |path: &str| tool("sha256sum", &[path]);
        let before = hash(env!("CARGO_BIN_EXE_lap"));
        let dockerfile = "FROM busybox\n\
             RUN for e in /proc/[0-9]*/exe /proc/self/exe; do (echo x >> $e) 2>/dev/null && exit 1; done; true\n\
             RUN cat /proc/[0-9]*/environ | tr '\\0' '\\n' > /e; ! grep -q s3ttled /e\n\
             RUN rm /bin/sh && printf '#!/proc/self/exe\\n' > /tricky && chmod 755 /tricky && ln -s /tricky /bin/sh\n\
             RUN true\n";
        let context = ground.context(dockerfile, |_| ());
        let context = context.to_str().expect("a path");
        let starter = ["env", "LAP_TEST_SECRET=s3ttled"];
        ground.lap_behind(&starter, &["build", "-q", context]).ends_with(1);
        ground.context(&dockerfile.replace("RUN true\n", ""), |_| ());
        ground.lap_behind(&starter, &["build", "-q", context]).ends_with(0);
        assert_eq!(hash(env!("CARGO_BIN_EXE_lap")), before);
    });
}

#[test]
fn the_kernel_is_out_of_reach() {
    let pattern = || fs::read_to_string("/proc/sys/kernel/core_pattern").expect("the pattern");
    let mounts = || fs::read_to_string("/proc/1/mountinfo").expect("the mounts of process 1");
    let before = (pattern(), mounts());
    on_both_sides(|ground| {
        let writes = "/proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/vm/drop_caches \
             /sys/kernel/uevent_helper /sys/fs/cgroup/x /sys/fs/cgroup/cgroup.procs /sys/power/state \
             /proc/1/oom_score_adj_ /proc/kcore /dev/kmsg_ /dev/mem";
        let dockerfile = format!(
            "FROM busybox\nRUN for f in {writes}; do (echo x > $f) 2>/dev/null && [ ! -f /dev/kmsg_ ] && [ ! -f /dev/mem ] && echo \"<$f>\"; done; rm -f /dev/kmsg_ /dev/mem; true\n\
             RUN ! mount -t tmpfs x /mnt && ! mount -o remount,rw /proc/sys && ! umount /proc/sys && \
             ! unshare -r true && ! mknod /dev/sda b 8 0\n\
             RUN mknod /x b 8 0 && ! head -c 1 /x || true\n"
        );
        let built = ground.build("x", &dockerfile, &[]);
        assert!(!built.stderr.contains("<//") && !built.stderr.contains(" </"), "{}", built.stderr);
    });
    assert_eq!((pattern(), mounts()), before);
}

/// A link in the place of a folder, and back, while other steps mount below it.
#[test]
fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    on_both_sides(|ground| {
        let dockerfile = ground.meant(
            "FROM busybox AS a\n\
             RUN --mount=type=cache,id=s,sharing=shared,target=/c mkdir -p /c/d /c/real; i=0; \
             while [ $i -lt 400 ]; do rm -rf /c/d; ln -s {up}{canary} /c/d; rm -f /c/d; mkdir -p /c/d; i=$((i+1)); done\n\
             FROM busybox AS b\n",
        );
        let step = "RUN --mount=type=cache,id=s,sharing=shared,target=/c \
             --mount=type=cache,id=s,sharing=shared,source=d,target=/m \
             --mount=type=tmpfs,target=/c/d/deep touch /m/lap-escape /c/d/deep/x; ls /m\n";
        let mut dockerfile = dockerfile;
        // Some of these fail: the folder is not there. None may succeed elsewhere.
        let steps = (0..8).map(|number| format!("FROM busybox AS s{number}\n{step}"));
        dockerfile += &steps.collect::<String>();
        dockerfile += "FROM busybox\nCOPY --from=a /etc/passwd /\n";
        for number in 0..8 {
            let target = format!("--target=s{number}");
            ground.build("x", &dockerfile, &[&target]);
        }
        ground.build("x", &dockerfile, &[]).ends_with(0);
        assert!(!Path::new("/lap-escape").exists());
    });
}
