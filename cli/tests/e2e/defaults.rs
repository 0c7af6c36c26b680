//! What a command of RUN is given, item by item, for each network and security mode, as root and as
//! an ordinary user. Expected values are those of Docker and BuildKit: moby `daemon/pkg/oci/defaults.go`,
//! containerd `pkg/oci/{spec,mounts}.go`, BuildKit `executor/oci/spec.go`, runc `specconv`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::rootless::{RANGES, User};
use crate::support::{Context, Store, text};

/// Writes `key: value` lines to the file it is given. Started without a shell before it, so that the
/// environment of process 1 is what the command was given.
const PROBE: &str = r#"exec > "$1"
cat /proc/self/status
for n in cgroup ipc mnt net pid user uts; do echo "ns $n: $(readlink /proc/self/ns/$n)"; done
while read -r d t k o r; do echo "mount $t: $k $o"; done < /proc/mounts
for d in /dev/*; do echo "dev ${d#/dev/}: $(stat -c '%t:%T %a' $d) $(readlink $d)"; done
while read -r l; do echo "limit ${l%%  *}: ${l#*  }"; done < /proc/self/limits
for p in acpi asound interrupts kcore keys latency_stats sched_debug scsi timer_list timer_stats; do
  p=/proc/$p
  if [ -d $p ]; then echo "masked $p: $(ls -A $p | wc -l)"; elif [ -e $p ]; then echo "masked $p: $(head -c 64 $p | wc -c)"; fi
done
for p in /sys/firmware /sys/devices/virtual/powercap; do
  if [ -d $p ]; then echo "masked $p: $(ls -A $p | wc -l)"; fi
done
for d in /sys/devices/system/cpu/cpu*/thermal_throttle; do
  if [ -d $d ]; then echo "masked $d: $(ls -A $d | wc -l)"; fi
done
echo "open: $(echo $(ls /proc/self/fd))"
echo "stdin: $(readlink /proc/self/fd/0)"
echo "faces: $(echo $(sed -n 's/^ *\([^:]*\):.*/\1/p' /proc/net/dev | sort))"
echo "sessions: $(grep -q ' _ses: ' /proc/keys && echo shown || echo hidden)"
n=0; while read -r l; do n=$((n+1)); echo "hosts $n: $l"; done < /etc/hosts
for p in /etc/hosts /etc/resolv.conf /proc/sys/kernel/hostname /proc/sysrq-trigger; do
  if (: >> $p) 2>/dev/null; then echo "writable $p: yes"; fi
done
echo "oom: $(cat /proc/self/oom_score_adj)"
echo "host: $(hostname)"
echo "group: $(cut -d: -f3 /proc/self/cgroup | sort -u)"
tr '\0' '\n' < /proc/1/environ | sed 's/^\([^=]*\)=/env \1: /'
"#;

/// Network or security mode, and the user.
type Case = (&'static str, u32);

const CASES: [Case; 8] = [
    ("default", 0),
    ("default", 1000),
    ("none", 0),
    ("none", 1000),
    ("host", 0),
    ("host", 1000),
    ("insecure", 0),
    ("insecure", 1000),
];

fn dockerfile() -> String {
    let mut text = "FROM busybox\nRUN mkdir -m 777 /p\nCOPY probe /\n".to_owned();
    for (mode, uid) in CASES {
        let flag = match mode {
            "default" => "",
            "insecure" => "--security=insecure ",
            network => &format!("--network={network} "),
        };
        text += &format!("USER {uid}\nRUN {flag}[\"sh\", \"/probe\", \"/p/{mode}-{uid}\"]\n");
    }
    text
}

const ALLOW: [&str; 4] = ["--allow", "network.host", "--allow", "security.insecure"];

type Seen = BTreeMap<String, String>;

fn lines(text: &str) -> Seen {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

/// What one command was given; fails on the first item that is not Docker's.
struct Table {
    seen: Seen,
    mode: &'static str,
    uid: u32,
    rootless: bool,
}

impl Table {
    #[track_caller]
    fn is(&self, key: &str, expected: &str) {
        let Self { seen, mode, uid, rootless } = self;
        let found = seen.get(key).map(String::as_str);
        assert_eq!(found, Some(expected), "{key} of {mode}, user {uid}, rootless {rootless}");
    }

    fn is_insecure(&self) -> bool {
        self.mode == "insecure"
    }

    fn is_dockers(&self) {
        self.process();
        self.namespaces();
        self.mounts();
        self.devices();
        self.masks();
        self.network();
        self.inherited();
    }

    fn process(&self) {
        let none = "0000000000000000";
        let all = all_capabilities(self.rootless);
        let sets = match (self.is_insecure(), self.uid) {
            (true, _) => [all.as_str(); 5],
            (false, 0) => [DOCKERS, DOCKERS, DOCKERS, none, none],
            (false, _) => [DOCKERS, none, none, none, none],
        };
        for (name, set) in ["CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"].iter().zip(sets) {
            self.is(name, set);
        }
        self.is("Seccomp", if self.is_insecure() { "0" } else { "2" });
        self.is("NoNewPrivs", "0");
        self.is("Umask", "0022");
        self.is("Uid", &[self.uid.to_string().as_str(); 4].join("\t"));
        self.is("Gid", "0\t0\t0\t0");
        self.is("SigBlk", none);
        self.is("Groups", "0");
        // Those of `ls` itself: the fourth is the folder that it lists.
        self.is("open", "0 1 2 3");
        self.is("stdin", "/dev/null");
        // Where nothing is masked its own key ring shows, and those of root's other sandboxes, of which
        // there may be any number at that time.
        self.is("sessions", if self.is_insecure() { "shown" } else { "hidden" });
        self.is("group", "/");
        self.is("host", "buildkitsandbox");
    }

    /// A step that does not say which network it is to have gets one of its own.
    fn has_private_network(&self) -> bool {
        matches!(self.mode, "default" | "insecure")
    }

    /// All are new but that of the user where there is no need, and the network that is lent.
    fn namespaces(&self) {
        for name in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
            let own = fs::read_link(format!("/proc/self/ns/{name}")).expect("the own namespace");
            let is_new = match name {
                "net" => self.mode == "none" || self.has_private_network(),
                "user" => self.rootless,
                _ => true,
            };
            let found = self.seen.get(&format!("ns {name}")).expect("a namespace");
            assert_eq!(*found != text(&own), is_new, "{name} of {}, {}", self.mode, self.uid);
        }
    }

    fn mounts(&self) {
        let kernel = if self.is_insecure() { "rw" } else { "ro" };
        let locked = "nosuid,nodev,noexec,relatime";
        // The kernel tells the group as its first namespace has it: 1 inside is 300000 outside.
        let group = if self.rootless { 300_004 } else { 5 };
        let terminals =
            format!("devpts rw,nosuid,noexec,relatime,gid={group},mode=620,ptmxmode=666");
        for (target, expected) in [
            ("/proc", format!("proc rw,{locked}")),
            ("/", "overlay rw,".to_owned()),
            ("/dev/pts", terminals),
            ("/dev/shm", format!("tmpfs rw,{locked},size=65536k")),
            ("/dev/mqueue", format!("mqueue rw,{locked}")),
            ("/sys", format!("sysfs {kernel},{locked}")),
            ("/etc/hosts", format!("tmpfs ro,{locked}")),
            ("/etc/resolv.conf", format!("tmpfs ro,{locked}")),
        ] {
            let found = self.seen.get(&format!("mount {target}")).expect("a mount");
            let is_so = if self.rootless { without_ids(found) } else { found.clone() };
            assert!(is_so.starts_with(&expected), "{target} of {}: {found}", self.mode);
        }
        for target in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] {
            let found = self.seen.get(&format!("mount {target}"));
            // Not every kernel has all of them.
            match self.is_insecure() || !Path::new(target).exists() {
                true => assert_eq!(found, None, "{target}"),
                false => self.is(&format!("mount {target}"), &format!("proc ro,{locked}")),
            }
        }
        assert!(!self.seen.contains_key("mount /run"), "/run is mounted");
        // Strict access times show as the absence of the other kinds.
        let devices = self.seen.get("mount /dev").expect("a mount");
        let has = |option: &str| devices.split([' ', ',']).any(|one| one == option);
        let wanted = ["tmpfs", "rw", "nosuid", "size=65536k", "mode=755"];
        assert!(wanted.into_iter().all(has) && !has("relatime") && !has("noatime"), "{devices}");
        let groups = self.seen.get("mount /sys/fs/cgroup").expect("a mount");
        let (_, options) = groups.split_once(' ').expect("options");
        assert!(options.starts_with(&format!("{kernel},nosuid,nodev,noexec")), "{groups}");
    }

    fn devices(&self) {
        for (name, number) in [
            ("null", "1:3"),
            ("zero", "1:5"),
            ("full", "1:7"),
            ("random", "1:8"),
            ("urandom", "1:9"),
            ("tty", "5:0"),
        ] {
            self.is(&format!("dev {name}"), &format!("{number} 666"));
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
            ("core", "/proc/kcore"),
            ("ptmx", "pts/ptmx"),
        ] {
            self.is(&format!("dev {name}"), &format!("0:0 777 {target}"));
        }
        let known =
            "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
        let names = self.seen.keys().filter_map(|key| key.strip_prefix("dev "));
        match self.is_insecure() {
            true => self.host_devices(),
            false => assert_eq!(names.collect::<Vec<_>>().join(" "), known),
        }
    }

    /// BuildKit's devices of an insecure step. It gives an ordinary user none; here that is those which the
    /// host has, with no more rights than the user has there.
    fn host_devices(&self) {
        for name in ["kmsg", "cuse", "fuse", "kvm", "loop-control", "loop0", "loop7"] {
            let found = self.seen.contains_key(&format!("dev {name}"));
            let expected = !self.rootless || Path::new("/dev").join(name).exists();
            assert_eq!(found, expected, "{name}, rootless {}", self.rootless);
        }
    }

    /// What the kernel has of these is empty.
    fn masks(&self) {
        let masked = self.seen.iter().filter(|(key, _)| key.starts_with("masked "));
        let shown: Vec<_> = masked.filter(|(_, size)| *size != "0").collect();
        match self.is_insecure() {
            true => assert!(self.seen.contains_key("masked /proc/timer_list"), "{:?}", self.seen),
            false => assert_eq!(shown, Vec::<(&String, &String)>::new()),
        }
    }

    /// The host's interfaces; a loopback alone; or that and one which pasta calls what the host calls the
    /// one by which it reaches others. Names of files that are made for each sandbox.
    fn network(&self) {
        let own = fs::read_to_string("/proc/self/net/dev").expect("the interfaces");
        let faces = own.lines().filter_map(|line| Some(line.split_once(':')?.0.trim()));
        let mut faces: Vec<&str> = faces.collect();
        faces.sort_unstable();
        let expected = match self.mode {
            "none" => "lo".to_owned(),
            _ if self.has_private_network() => {
                let mut both = [outward(), "lo".to_owned()];
                both.sort_unstable();
                both.join(" ")
            }
            _ => faces.join(" "),
        };
        self.is("faces", &expected);
        self.is("hosts 1", "127.0.0.1\tlocalhost buildkitsandbox");
        self.is("hosts 2", "::1\tlocalhost ip6-localhost ip6-loopback");
        let writable = self.seen.keys().filter(|key| key.starts_with("writable "));
        match self.is_insecure() && self.uid == 0 {
            true => assert!(!self.seen.contains_key("writable /etc/hosts"), "hosts are writable"),
            false => assert_eq!(writable.collect::<Vec<_>>(), Vec::<&String>::new()),
        }
    }

    /// BuildKit sets neither limits nor the score; the environment is the image's and HOME.
    fn inherited(&self) {
        let score = fs::read_to_string("/proc/self/oom_score_adj").expect("the score");
        self.is("oom", score.trim());
        let limits = fs::read_to_string("/proc/self/limits").expect("the limits");
        for line in limits.lines().skip(1) {
            let (name, value) = line.split_once("  ").expect("a name and values");
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let found = self.seen.get(&format!("limit {name}")).expect("a limit");
            assert_eq!(words(found), words(value), "{name} of {}", self.mode);
        }
        self.is("env PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        self.is("env HOME", if self.uid == 0 { "/root" } else { "/" });
        let names = self.seen.keys().filter_map(|key| key.strip_prefix("env "));
        assert_eq!(names.collect::<Vec<_>>(), ["HOME", "PATH"]);
    }
}

/// The interface of the first default route.
fn outward() -> String {
    let routes = fs::read_to_string("/proc/self/net/route").expect("the routes");
    let mut routes = routes.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let route = routes.find(|words| words.get(1) == Some(&"00000000"));
    route.expect("a default route").first().expect("its interface").to_string()
}

/// CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT
/// MKNOD AUDIT_WRITE SETFCAP.
const DOCKERS: &str = "00000000a80425fb";

/// Those that root has here, who may have less than all. In a user namespace of one's own one has all
/// that the kernel knows.
fn all_capabilities(rootless: bool) -> String {
    if rootless {
        let last =
            fs::read_to_string("/proc/sys/kernel/cap_last_cap").expect("the last capability");
        let last: u32 = last.trim().parse().expect("a number");
        return format!("{:016x}", (1_u64 << (last + 1)) - 1);
    }
    let own = lines(&fs::read_to_string("/proc/self/status").expect("the own status"));
    own.get("CapPrm").expect("capabilities").clone()
}

/// In a user namespace the kernel tells the ids of who mounted a tmpfs; that says nothing here.
fn without_ids(options: &str) -> String {
    let is_id = |option: &&str| option.starts_with("uid=");
    options.split(',').filter(|option| !is_id(option)).collect::<Vec<_>>().join(",")
}

fn check(rootless: bool, print: impl Fn(&str) -> String) {
    for (mode, uid) in CASES {
        let seen = lines(&print(&format!("/p/{mode}-{uid}")));
        Table { seen, mode, uid, rootless }.is_dockers();
    }
}

#[test]
fn a_step_of_root_is_given_what_docker_gives() {
    let context = Context::new(&dockerfile());
    fs::write(context.path().join("probe"), PROBE).expect("write the probe");
    let store = Store::new();
    store.build_with("given", context.path(), &ALLOW);
    check(false, |path| store.prints("given", &["cat", path]));
}

#[test]
fn a_step_of_a_user_is_given_what_docker_gives() {
    let user = User::new(RANGES);
    let context = user.context(&dockerfile());
    fs::write(user.path("context/probe"), PROBE).expect("write the probe");
    user.ok(&[&["build", "-q", "-t", "given"], &ALLOW[..], &[&context]].concat());
    check(true, |path| user.ok(&["run", "--rm", "given", "cat", path]));
}
