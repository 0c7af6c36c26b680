//! The network of commands, root's and an ordinary user's: reaches what the machine reaches, and nothing that
//! is the machine's own. The machine is a network namespace with servers of the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::rootless::{RANGES, User, started_by};
use crate::support::{Answer, Background, processes_with, text, unusual_sleep, wait_for, within};

/// Begins a machine: two addresses, a way to everywhere, a resolver and servers; then the command. Each
/// connection to a server that is for the machine alone is a line in `$LOG`.
const MACHINE: &str = r#"
import os, socket, subprocess, sys, threading
for words in ["link set lo up", "link add v0 type veth peer name v1", "addr add 10.9.8.1/24 dev v0",
              "addr add 10.9.9.1/32 dev lo", "link set v0 up", "link set v1 up",
              "route add default via 10.9.8.254"]:
    subprocess.run(["ip"] + words.split(), check=True)
def serve(family, address, answer):
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()
    def accept():
        while True:
            client = server.accept()[0]
            if answer:
                client.recv(4096)
                client.sendall(answer)
            else:
                open(os.environ["LOG"], "a").write(f"{address}\n")
            client.close()
    threading.Thread(target=accept, daemon=True).start()
serve(socket.AF_INET, ("10.9.9.1", 80), b"HTTP/1.0 200 OK\r\n\r\noutside\n")
serve(socket.AF_INET, ("127.0.0.1", 7001), None)
serve(socket.AF_INET6, ("::1", 7001), None)
serve(socket.AF_UNIX, "\0lap-test", None)
def resolve(address):
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((address, 53))
    while True:
        query, client = names.recvfrom(512)
        end = query.index(b"\0", 12) + 5
        is_four = query[end - 4:end - 2] == b"\0\1"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x09\x09\x01" if is_four else b""
        counts = b"\0\1\0" + bytes([is_four]) + b"\0\0\0\0"
        names.sendto(query[:2] + b"\x81\x80" + counts + query[12:end] + record, client)
for address in ["127.0.0.1", "10.9.9.1"]:
    threading.Thread(target=resolve, args=[address], daemon=True).start()
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"#;

/// Tries every way to what is the machine's own.
const PROBE: &str = r"(echo GET /; sleep 1) | timeout 5 nc 10.9.9.1 80 | tail -n 1
for a in 127.0.0.1 ::1 10.9.8.1 10.9.8.254 10.0.2.2 10.0.2.3 169.254.1.1 169.254.1.2; do
  nc -w 1 $a 7001 < /dev/null && echo reached $a
done
grep -c @lap-test /proc/net/unix
";

/// A user on the machine.
pub(crate) struct Machine {
    pub(crate) user: User,
}

/// An ordinary user, and root.
fn machines() -> impl Iterator<Item = (&'static str, Machine)> {
    [("user", User::new as fn(&str) -> User), ("root", |_| User::root())]
        .into_iter()
        .map(|(who, user)| (who, Machine::of(user(RANGES))))
}

/// Each with each program that connects networks.
fn connected() -> impl Iterator<Item = (&'static str, &'static str, Machine)> {
    CONNECTORS
        .into_iter()
        .flat_map(|connector| machines().map(move |(who, machine)| (connector, who, machine)))
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::of(User::new(RANGES))
    }

    fn of(user: User) -> Self {
        user.ok(&["pull", "-q", "busybox"]);
        fs::write(user.path("etc/resolv.conf"), "nameserver 127.0.0.1\n").expect("write");
        Self { user }
    }

    /// `lap` on the machine, where only these programs connect networks.
    pub(crate) fn command(&self, connector: Option<&str>, arguments: &[&str]) -> Command {
        let programs = self.user.path("programs");
        let _ = fs::remove_dir_all(&programs);
        fs::create_dir(&programs).expect("make a folder");
        for name in ["newuidmap", "newgidmap"].into_iter().chain(connector) {
            std::os::unix::fs::symlink(format!("/usr/bin/{name}"), programs.join(name))
                .expect("make a link");
        }
        let path = format!("PATH={}", text(&programs));
        let inner = self.user.command_behind(&["/usr/bin/env", &path], arguments);
        let mut command = Command::new("unshare");
        command.args(["-n", "python3", "-c", MACHINE]).arg(inner.get_program());
        command.args(inner.get_args()).env_clear().current_dir("/");
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("LOG", self.user.path("log"));
        command
    }

    pub(crate) fn lap(&self, connector: Option<&str>, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.command(connector, arguments))
    }

    fn was_reached(&self) -> String {
        fs::read_to_string(self.user.path("log")).unwrap_or_default()
    }

    /// Ids of the processes that connect networks for this user's sandboxes.
    pub(crate) fn connectors(&self) -> Vec<i32> {
        let programs = text(&self.user.path("programs"));
        let ids = fs::read_dir("/proc").expect("list /proc").filter_map(|entry| {
            let id: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
            let program = line.split(|byte| *byte == 0).next()?;
            program.starts_with(programs.as_bytes()).then_some(id)
        });
        ids.collect()
    }
}

pub(crate) const CONNECTORS: [&str; 2] = ["pasta", "slirp4netns"];

#[test]
fn a_command_reaches_the_network_and_not_the_machine() {
    for (connector, who, machine) in connected() {
        let run = ["run", "--rm", "busybox", "sh", "-c", PROBE];
        let answer = machine.lap(Some(connector), &run);
        assert_eq!(answer.stdout, "outside\n0\n", "{connector} {who}: {}", answer.stderr);
        assert_eq!(machine.was_reached(), "", "{connector} {who}");
        assert!(machine.connectors().is_empty(), "{connector} {who}");
        // The servers are there: with the machine's network they are reached.
        let run = ["run", "--rm", "--network", "host", "busybox", "sh", "-c", PROBE];
        let answer = machine.lap(Some(connector), &run);
        assert_eq!(answer.stdout, "outside\nreached 127.0.0.1\nreached ::1\n1\n");
        let reached = "('127.0.0.1', 7001)\n('::1', 7001)\n";
        assert_eq!(machine.was_reached(), reached);
    }
}

/// A resolver that only the machine can reach is asked through pasta, as is one that all can reach: pasta
/// would give its answers another address than the question had.
#[test]
fn names_are_resolved_by_the_machines_own_resolver() {
    let resolvers = [
        ("pasta", "127.0.0.1", "169.254.1.1"),
        ("pasta", "10.9.9.1", "169.254.1.1"),
        ("slirp4netns", "10.9.9.1", "10.9.9.1"),
    ];
    for (connector, resolver, asked) in resolvers {
        for (_, machine) in machines() {
            let conf = machine.user.path("etc/resolv.conf");
            fs::write(conf, format!("nameserver {resolver}\n")).expect("write");
            let run = ["run", "--rm", "busybox", "nslookup", "-type=a", "name.test"];
            let answer = machine.lap(Some(connector), &run).ends_with(0);
            answer.says(&[&format!("Server:\t\t{asked}"), "Address: 10.9.9.1"]);
        }
    }
}

/// Every step has the network, also one that began when another had it.
#[test]
fn a_build_has_one_too_and_leaves_nothing() {
    let probe = "cat /proc/net/unix | grep -c @lap-test || (echo GET /; sleep 1) | timeout 5 nc 10.9.9.1 80 | tail -n 1";
    let dockerfile = format!("FROM busybox\nRUN {probe}; sleep 1; echo 1\nRUN {probe}; echo 2\n");
    for (connector, _, machine) in connected() {
        let context = machine.user.context(&dockerfile);
        let build = ["build", "--progress", "plain", "--pull=false", &context];
        let answer = machine.lap(Some(connector), &build).ends_with(0);
        assert_eq!(answer.stderr.matches(" outside").count(), 2, "{}", answer.stderr);
        assert!(!answer.stderr.contains("host's network"), "{}", answer.stderr);
        assert!(machine.connectors().is_empty(), "{connector}");
    }
}

/// Docker gives such a host an address of the machine's; a private network has none.
#[test]
fn the_machine_as_a_host_is_said_to_be_out_of_reach() {
    let machine = Machine::new();
    let host = ["--add-host", "me:host-gateway"];
    let run = |network| {
        [&["run", "--rm", "--network", network], &host[..], &["busybox", "true"]].concat()
    };
    let said = "me:host-gateway leads nowhere";
    machine.lap(Some("slirp4netns"), &run("default")).ends_with(0).says(&[said, "--network host"]);
    assert_eq!(machine.lap(Some("slirp4netns"), &run("host")).ends_with(0).stderr, "");
    let context = machine.user.context("FROM busybox\nRUN true\nRUN : 2\n");
    let build =
        [&["build", "--progress", "plain", "--pull=false"], &host[..], &[&context]].concat();
    let answer = machine.lap(Some("slirp4netns"), &build).ends_with(0);
    assert_eq!(answer.stderr.matches(said).count(), 1, "{}", answer.stderr);
}

#[test]
fn without_a_program_it_is_the_machines_network_and_said_once() {
    for (_, machine) in machines() {
        let run = |network| ["run", "--rm", "--network", network, "busybox", "true"];
        let answer = machine.lap(None, &run("default")).ends_with(0);
        assert_eq!(answer.stderr.lines().count(), 1, "{}", answer.stderr);
        answer.says(&["neither pasta nor slirp4netns is installed", "passt"]);
        let answer = machine.lap(None, &run("private")).ends_with(125);
        answer.says(&["no private network", "neither pasta nor slirp4netns", "install passt"]);
        let context = machine.user.context("FROM busybox\nRUN echo 1\nRUN echo 2\n");
        let build = ["build", "--progress", "plain", "--pull=false", &context];
        let answer = machine.lap(None, &build).ends_with(0);
        assert_eq!(answer.stderr.matches("host's network").count(), 1, "{}", answer.stderr);
        // It is less isolation, so that nobody wants not to be told.
        let quiet = ["build", "-q", "--no-cache", "--pull=false", &context];
        let answer = machine.lap(None, &quiet).ends_with(0);
        assert_eq!(answer.stderr.matches("host's network").count(), 1, "{}", answer.stderr);
        // What is in the cache needs none.
        let answer = machine.lap(None, &build).ends_with(0);
        assert!(!answer.stderr.contains("host's network"), "{}", answer.stderr);
    }
}

/// A build of which everything is cached connects nothing.
#[test]
fn a_cached_build_starts_no_program() {
    for (_, machine) in machines() {
        let context = machine.user.context("FROM busybox\nRUN echo 1\n");
        let build = ["build", "--pull=false", "-q", &context];
        machine.lap(Some("pasta"), &build).ends_with(0);
        let open = machine.user.path("open");
        fs::create_dir(&open).expect("make a folder");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("open it");
        let started = open.join("started");
        let program = machine.user.path("pasta");
        fs::write(&program, format!("#!/bin/sh\n: > {}\n", text(&started))).expect("write");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        let lap = |arguments: &[&str]| {
            let mut command = machine.command(None, arguments);
            std::os::unix::fs::symlink(&program, machine.user.path("programs/pasta"))
                .expect("make a link");
            Answer::of(&mut command).ends_with(0)
        };
        lap(&build);
        assert!(!started.exists());
        lap(&[&build[..], &["--no-cache"]].concat());
        assert!(started.exists());
    }
}

/// Once the program was seen to work, it is started when there is a socket that is not a local one.
#[test]
fn a_network_is_connected_by_the_first_socket() {
    let count = "ls /sys/class/net | grep -cv '^lo$'";
    let run = |script: &str| ["run", "--rm", "busybox", "sh", "-c", script].map(str::to_owned);
    for (connector, who, machine) in connected() {
        let what = format!("{connector} as {who}");
        let lap = |arguments: &[String]| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            machine.lap(Some(connector), &arguments).ends_with(0)
        };
        lap(&run("true"));
        // There is nobody to log, and the socket for it is a local one.
        let script = format!("logger hello; {count}; ip link > /dev/null; {count}");
        assert_eq!(lap(&run(&script)).stdout, "0\n1\n", "{what}");
        let context = machine.user.context(&format!("FROM busybox\nRUN {script}\n"));
        let build = ["build", "--progress", "plain", "--pull=false", &context].map(str::to_owned);
        let said = lap(&build).stderr;
        let counts = said.lines().filter_map(|line| line.split_whitespace().last());
        let counts: Vec<&str> = counts.filter(|word| ["0", "1"].contains(word)).collect();
        assert_eq!(counts, ["0", "1"], "{what}: {said}");
        assert!(machine.connectors().is_empty(), "{what}");
    }
}

/// It worked before, and does not now.
#[test]
fn a_network_that_cannot_be_connected_ends_its_command() {
    for (_, machine) in machines() {
        let open = machine.user.path("open");
        fs::create_dir(&open).expect("make a folder");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("open it");
        let (broken, hung) = (open.join("broken"), open.join("hung"));
        let program = machine.user.path("pasta");
        let script = format!(
            "#!/bin/sh\nif [ -e {} ]; then echo it is broken >&2; exit 1; fi\n\
             if [ -e {} ]; then exec sleep 1000; fi\nexec /usr/bin/pasta \"$@\"\n",
            text(&broken),
            text(&hung)
        );
        fs::write(&program, script).expect("write");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        let lap = |arguments: &[&str]| {
            let mut command = machine.command(None, arguments);
            std::os::unix::fs::symlink(&program, machine.user.path("programs/pasta"))
                .expect("make a link");
            Answer::of(&mut command)
        };
        let run = ["run", "--rm", "busybox"];
        let (quiet, loud) = ([&run[..], &["true"]].concat(), [&run[..], &["ip", "link"]].concat());
        lap(&loud).ends_with(0).says(&["lo"]);
        fs::write(&broken, "").expect("write");
        assert_eq!(lap(&quiet).ends_with(0).stderr, "");
        lap(&loud).ends_with(125).says(&["pasta cannot connect a network: it is broken"]);
        lap(&loud).ends_with(0).says(&["commands use the host's network", "it is broken"]);
        fs::remove_file(&broken).expect("remove");
        lap(&quiet).ends_with(0);
        fs::write(&broken, "").expect("write");
        let context = machine.user.context("FROM busybox\nRUN ip link\n");
        let build = ["build", "--progress", "plain", "--pull=false", &context];
        lap(&build).ends_with(1).says(&["RUN ip link", "it is broken"]);
        // What is connected before it starts finds out as well.
        fs::remove_file(&broken).expect("remove");
        lap(&quiet).ends_with(0);
        fs::write(&broken, "").expect("write");
        let published = ["run", "--rm", "-p", "127.0.0.1:0:80", "busybox", "true"];
        lap(&published).ends_with(125).says(&["it is broken"]);
        lap(&quiet).ends_with(0).says(&["commands use the host's network"]);
        // One that says nothing holds up nobody who does not want to wait.
        fs::remove_file(&broken).expect("remove");
        lap(&quiet).ends_with(0);
        fs::write(&hung, "").expect("write");
        let begin = Instant::now();
        lap(&[&build[..], &["--timeout", "1s"]].concat()).ends_with(1).says(&["longer than"]);
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        lap(&loud).ends_with(125).says(&["pasta cannot connect", "not ready within 10 s"]);
        assert!(machine.connectors().is_empty());
    }
}

/// Scripts have descriptors of their own open, as locks and logs, that whatever they start is given.
#[test]
fn descriptors_of_whoever_starts_it_change_nothing() {
    for (connector, who, machine) in connected() {
        let script = "ip link > /dev/null; cd /proc/self/fd; echo *";
        let run = ["run", "--rm", "--network", "private", "busybox", "sh", "-c", script];
        let inner = machine.command(Some(connector), &run);
        let lock = text(&machine.user.path("lock"));
        let open: String = (3..=9).map(|number| format!("exec {number}>>{lock}; ")).collect();
        let starter = ["sh", "-euc", &format!("{open}exec \"$@\""), "sh"];
        let answer = Answer::of(&mut started_by(&starter, &inner)).ends_with(0);
        assert_eq!(
            (answer.stdout.as_str(), answer.stderr.as_str()),
            ("0 1 2 3\n", ""),
            "{connector} {who}"
        );
        assert_eq!(fs::read_to_string(lock).expect("read"), "", "{connector} {who}");
    }
}

/// As on a machine whose administrator keeps the device to root, and in a container that has none.
#[test]
fn where_the_device_is_closed_it_is_the_machines_network_and_said_once() {
    for (who, machine) in machines() {
        without_device(who, &machine);
    }
}

fn without_device(who: &str, machine: &Machine) {
    let device = machine.user.path("tun");
    fs::write(&device, "").expect("write");
    fs::set_permissions(&device, fs::Permissions::from_mode(0o600)).expect("close it");
    let (close, why) = match who {
        "root" => ("mount -t tmpfs none /dev/net".to_owned(), "No such file"),
        _ => (format!("mount --bind {} /dev/net/tun", text(&device)), "denied"),
    };
    let close = format!("{close}; exec \"$@\"");
    let context = machine.user.context("FROM busybox\nRUN echo 1\nRUN echo 2\n");
    let lap = |arguments: &[&str]| {
        let inner = machine.command(Some("pasta"), arguments);
        Answer::of(&mut started_by(&["unshare", "-m", "sh", "-euc", &close, "sh"], &inner))
    };
    let answer = lap(&["run", "--rm", "busybox", "true"]).ends_with(0);
    assert_eq!(answer.stderr.lines().count(), 1, "{}", answer.stderr);
    answer.says(&["host's network", "/dev/net/tun", "that lap can open"]);
    let answer = lap(&["build", "--progress", "plain", "--pull=false", &context]).ends_with(0);
    assert_eq!(answer.stderr.matches("that lap can open").count(), 1, "{}", answer.stderr);
    let answer = lap(&["run", "--rm", "--network", "private", "busybox", "true"]).ends_with(125);
    answer.says(&["no private network", "cannot open /dev/net/tun", why]);
}

/// The kernel gives each namespace's interface another address.
const WHICH: &str = "ip link > /dev/null; cat /sys/class/net/[!l]*/address";

fn addresses(answer: &Answer) -> Vec<&str> {
    let words = answer.stderr.lines().filter_map(|line| line.split_whitespace().last());
    words.filter(|word| word.len() == 17 && word.matches(':').count() == 5).collect()
}

#[test]
fn a_namespace_serves_the_steps_of_one_build_and_no_two_at_once() {
    for (connector, _, machine) in connected() {
        let row = format!("FROM busybox\nRUN {WHICH}; : 1\nRUN {WHICH}; : 2\nRUN {WHICH}; : 3\n");
        let build = |dockerfile: &str| {
            let context = machine.user.context(dockerfile);
            let build = ["build", "--progress", "plain", "--pull=false", "--no-cache", &context];
            machine.lap(Some(connector), &build).ends_with(0)
        };
        let (one, two) = (build(&row), build(&row));
        let (one, two) = (addresses(&one), addresses(&two));
        assert!(one.len() == 3 && one.iter().all(|address| *address == one[0]), "{one:?}");
        assert!(two.len() == 3 && two.iter().all(|address| *address == two[0]), "{two:?}");
        assert_ne!(one[0], two[0], "{connector}");
        let beside = format!(
            "FROM busybox AS a\nRUN {WHICH}; sleep 6; echo > /a\n\
             FROM busybox AS b\nRUN {WHICH}; sleep 6; echo > /b\n\
             FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
        );
        let answer = build(&beside);
        let [a, b] = addresses(&answer)[..] else { panic!("{}", answer.stderr) };
        assert_ne!(a, b, "{connector}");
    }
}

/// An insecure step has the network, may change it, and what it changed ends with it.
#[test]
fn what_an_insecure_step_changes_is_seen_by_no_other() {
    for (_, machine) in machines() {
        without_trace(&machine);
    }
}

fn without_trace(machine: &Machine) {
    let look = "echo found $(ip -o addr | grep -c 203.0.113.77)";
    let fetch = "(echo GET /; sleep 1) | timeout 5 nc 10.9.9.1 80 | tail -n 1";
    let context = machine.user.context(&format!(
        "FROM busybox\nRUN {look}; : 1\nRUN ip addr add 203.0.113.77/32 dev lo || echo no-$((1))\n\
         USER 65534\nRUN ip addr add 203.0.113.77/32 dev lo || echo no-$((1))\nUSER 0\n\
         RUN --security=insecure ip addr add 203.0.113.77/32 dev lo; {look}; {fetch}; \
         if nc -w 1 127.0.0.1 7001 < /dev/null; then echo reached; fi\nRUN {look}; : 2\n",
    ));
    let flags = ["--allow", "security.insecure", "--progress", "plain", "--pull=false"];
    let build = [&["build"], &flags[..], &[&context]].concat();
    for connector in CONNECTORS {
        let build = [&build[..], &["--no-cache"]].concat();
        let answer = machine.lap(Some(connector), &build).ends_with(0);
        let said = |words: &str| answer.stderr.lines().filter(|line| line.ends_with(words)).count();
        let seen = (said(" found 0"), said(" found 1"), said(" no-1"), said(" outside"));
        assert_eq!(seen, (2, 1, 2, 1), "{connector}: {}", answer.stderr);
        assert_eq!((said(" reached"), machine.was_reached().as_str()), (0, ""), "{connector}");
        assert!(machine.connectors().is_empty(), "{connector}");
    }
}

/// CVE-2020-15257: abstract sockets belong to network namespaces.
#[test]
fn an_abstract_socket_of_the_machine_refuses() {
    for (_, machine) in machines() {
        abstract_sockets(&machine);
    }
}

fn abstract_sockets(machine: &Machine) {
    machine.user.ok(&["pull", "-q", "debian:trixie-slim"]);
    let connect = r#"use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
        print connect($s, pack_sockaddr_un("\0lap-test")) ? "reached\n" : "$!\n";"#;
    let run = |network| {
        let image = "debian:trixie-slim";
        let run = ["run", "--rm", "--network", network, image, "perl", "-e", connect];
        machine.lap(Some("slirp4netns"), &run).ends_with(0).stdout
    };
    assert_eq!(run("private"), "Connection refused\n");
    assert_eq!(run("none"), "Connection refused\n");
    assert_eq!(machine.was_reached(), "");
    assert_eq!(run("host"), "reached\n");
}

/// What is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    Engine,
    Group,
    /// The engine and what watches over its sandboxes.
    Guard,
}

#[test]
fn what_connects_ends_with_the_engine() {
    for killed in [Killed::Engine, Killed::Group, Killed::Guard] {
        for (connector, _, machine) in connected() {
            within(Duration::from_secs(1), || ends(&machine, connector, killed));
        }
    }
}

fn ends(machine: &Machine, connector: &str, killed: Killed) -> Duration {
    let seconds = unusual_sleep();
    let script = r#"ip link > /dev/null; exec sleep "$0""#;
    let run = ["run", "--rm", "busybox", "sh", "-c", script, &seconds];
    let mut command = machine.command(Some(connector), &run);
    command.process_group(0);
    let running = Background::of(command);
    wait_for("the program", || (!machine.connectors().is_empty()).then_some(()));
    let asleep =
        || processes_with(&seconds).iter().any(|id| command_line(*id).starts_with(b"sleep"));
    wait_for("the command", || asleep().then_some(()));
    let lap = text(&machine.user.path("lap"));
    let ids = processes_with(&seconds);
    let engine = ids.into_iter().find(|id| command_line(*id).starts_with(lap.as_bytes()));
    let engine = engine.expect("the engine");
    let kill = |id| nix::sys::signal::kill(Pid::from_raw(id), Signal::SIGKILL).expect("kill");
    let start = Instant::now();
    match killed {
        Killed::Engine => kill(engine),
        Killed::Group => nix::sys::signal::killpg(Pid::from_raw(running.id()), Signal::SIGKILL)
            .expect("kill lap"),
        Killed::Guard => {
            kill(guard_of(engine));
            kill(engine);
        }
    }
    wait_for("the program to end", || machine.connectors().is_empty().then_some(()));
    wait_for("the command to end", || (!asleep()).then_some(()));
    let took = start.elapsed();
    running.answer();
    took
}

fn command_line(id: i32) -> Vec<u8> {
    fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default()
}

/// The guard of an engine's sandboxes.
fn guard_of(engine: i32) -> i32 {
    let children = crate::support::tool("ps", &["-o", "pid=", "--ppid", &engine.to_string()]);
    let mut ids = children.split_whitespace().filter_map(|id| id.parse().ok());
    ids.find(|id| command_line(*id).starts_with(b"lap-guard")).expect("the guard")
}
