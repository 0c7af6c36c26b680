//! `lap run -p`: ports of a command that can be reached on the machine, and no others.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::symlink;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use crate::network::{CONNECTORS, Machine};
use crate::support::{
    Answer, Background, Context, Store, free_port, processes_with, text, wait_for,
};

/// Answers on TCP 80 to 82 and UDP 53 and 54 with its port and what it was told; ends when told so.
const SERVER: &str = r#"
use IO::Socket::INET; use IO::Select;
my @streams = map { IO::Socket::INET->new(LocalPort => $_, Listen => 5, ReuseAddr => 1) } 80..82;
my @datagrams = map { IO::Socket::INET->new(LocalPort => $_, Proto => "udp") } 53, 54;
my %is_datagram = map { $_ => 1 } @datagrams;
my $select = IO::Select->new(@streams, @datagrams);
while (my @ready = $select->can_read) {
    for my $socket (@ready) {
        if ($is_datagram{$socket}) {
            $socket->recv(my $told, 9999);
            $socket->send($socket->sockport . " $told");
            next;
        }
        my $client = $socket->accept or next;
        my $told = <$client>;
        exit if $told eq "end\n";
        print $client $socket->sockport . " $told" if defined $told;
        # More than all buffers on the way, to a client that may not read yet.
        print $client "x" x (8 << 20) and exit if $told eq "much\n";
    }
}
"#;

/// A machine with the server behind these ports.
struct Served {
    machine: Machine,
    running: Background,
}

impl Served {
    fn new(connector: &str, flags: &[&str]) -> Self {
        let machine = Machine::new();
        machine.user.ok(&["pull", "-q", "debian:trixie-slim"]);
        let command = ["debian:trixie-slim", "perl", "-e", SERVER];
        let run = [&["run", "--rm"], flags, &command].concat();
        let running = Background::of(machine.command(Some(connector), &run));
        Self { machine, running }
    }

    /// Does something in the machine's network.
    fn on_machine<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        inside(self.running.id(), act)
    }

    /// What the server says; `None` where nobody listens.
    fn tell(&self, address: &str, words: &str) -> Option<String> {
        let address: SocketAddr = address.parse().expect("an address");
        self.on_machine(|| match TcpStream::connect(address) {
            Ok(socket) => Some(told(socket, words)),
            Err(error) => {
                // The machine's loopback interface is not up at once.
                let expected = [ErrorKind::ConnectionRefused, ErrorKind::NetworkUnreachable];
                assert!(expected.contains(&error.kind()), "{address}: {error}");
                None
            }
        })
    }

    /// What the server says, once it is there.
    fn answer(&self, address: &str) -> String {
        wait_for("the server", || self.tell(address, "hello\n").filter(|said| !said.is_empty()))
    }

    fn end(self, address: &str) -> Answer {
        self.tell(address, "end\n");
        let answer = self.running.answer().ends_with(0);
        assert!(self.machine.connectors().is_empty());
        answer
    }
}

/// Does something in the network of a process.
fn inside<T: Send>(id: i32, act: impl FnOnce() -> T + Send) -> T {
    // The namespace is not there at once.
    let own = fs::read_link("/proc/self/ns/net").expect("our namespace");
    let path = format!("/proc/{id}/ns/net");
    wait_for("the machine", || (fs::read_link(&path).ok()? != own).then_some(()));
    let act = || {
        let namespace = File::open(&path).expect("the machine's network");
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("enter the machine's network");
        act()
    };
    std::thread::scope(|scope| scope.spawn(act).join().expect("the thread"))
}

fn told(mut socket: TcpStream, words: &str) -> String {
    let mut said = String::new();
    // A server that is not there yet resets the connection.
    let _ = socket.write_all(words.as_bytes()).and_then(|()| socket.read_to_string(&mut said));
    said
}

/// The answer to a datagram and where it comes from, if it comes in time.
fn datagram(to: &str, from: &str, limit: Duration) -> Option<(String, SocketAddr)> {
    let to: SocketAddr = to.parse().expect("an address");
    let from: IpAddr = from.parse().expect("an address");
    let socket = UdpSocket::bind((from, 0)).expect("a socket");
    socket.set_read_timeout(Some(limit)).expect("a limit");
    socket.send_to(b"hello", to).expect("send");
    let mut buffer = [0; 64];
    let (length, from) = socket.recv_from(&mut buffer).ok()?;
    Some((String::from_utf8_lossy(&buffer[..length]).into_owned(), from))
}

#[test]
fn what_is_published_is_reached_and_nothing_else() {
    let flags = ["-p", "8080:80", "-p", "127.0.0.1:8081:81", "-p", "[::1]:8081:80"];
    for connector in CONNECTORS {
        let served = Served::new(connector, &flags);
        assert_eq!(served.answer("127.0.0.1:8080"), "80 hello\n", "{connector}");
        for (address, said) in [
            ("10.9.8.1:8080", Some("80 hello\n")),
            ("10.9.9.1:8080", Some("80 hello\n")),
            ("[::1]:8080", Some("80 hello\n")),
            ("127.0.0.1:8081", Some("81 hello\n")),
            ("[::1]:8081", Some("80 hello\n")),
            ("10.9.8.1:8081", None),
            ("127.0.0.2:8081", None),
            ("127.0.0.1:81", None),
            ("10.9.8.1:82", None),
            ("127.0.0.1:82", None),
            ("[::1]:82", None),
        ] {
            let heard = served.tell(address, "hello\n");
            assert_eq!(heard.as_deref(), said, "{connector} {address}");
        }
        let answer = served.end("127.0.0.1:8080");
        assert_eq!(answer.stderr, "", "{connector}");
    }
}

#[test]
fn datagrams_come_and_go() {
    let flags = ["-p", "5353:53/udp", "-p", "127.0.0.1:5354:54/udp", "-p", "8080:80"];
    for connector in CONNECTORS {
        let served = Served::new(connector, &flags);
        served.answer("127.0.0.1:8080");
        served.on_machine(|| {
            for (to, from, said) in [
                ("127.0.0.1:5353", "127.0.0.1", Some("53 hello")),
                ("127.0.0.1:5353", "127.0.0.9", Some("53 hello")),
                // The answer comes from where the question went to.
                ("10.9.9.1:5353", "10.9.8.1", Some("53 hello")),
                ("[::1]:5353", "::1", Some("53 hello")),
                ("127.0.0.1:5354", "127.0.0.1", Some("54 hello")),
                ("10.9.8.1:5354", "10.9.8.1", None),
                ("127.0.0.1:54", "127.0.0.1", None),
            ] {
                let expected = said.map(|said| (said.to_owned(), to.parse().expect("an address")));
                let limit = Duration::from_secs(if said.is_some() { 20 } else { 1 });
                assert_eq!(datagram(to, from, limit), expected, "{connector} {to}");
            }
        });
        served.end("127.0.0.1:8080");
    }
}

#[test]
fn ranges_and_free_ports() {
    // As with Docker, also users other than root may listen on low ports.
    let flags =
        ["-u", "1000", "-p", "8000-8002:80-82", "-p", "9000-9009:80", "-p", "127.0.0.1::81"];
    let served = Served::new("slirp4netns", &flags);
    for (port, inside) in [(8000, 80), (8001, 81), (8002, 82), (9000, 80)] {
        assert_eq!(served.answer(&format!("127.0.0.1:{port}")), format!("{inside} hello\n"));
    }
    assert_eq!(served.tell("127.0.0.1:9001", "hello\n"), None);
    let listening = served.on_machine(|| fs::read_to_string("/proc/thread-self/net/tcp"));
    let answer = served.end("127.0.0.1:8000");
    // What was chosen is said; what was asked for is not.
    let lines: Vec<&str> = answer.stderr.lines().collect();
    let [range, free] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(*range, "port 80/tcp is published on 0.0.0.0:9000, [::]:9000");
    let port = free.strip_prefix("port 81/tcp is published on 127.0.0.1:").expect(free);
    let port: u16 = port.parse().expect("a port");
    let line = format!("0100007F:{port:04X} 00000000:0000 0A");
    assert!(listening.expect("the sockets").contains(&line), "{line}");
}

/// All that was written before the end arrives.
#[test]
fn an_answer_outlives_the_command() {
    let served = Served::new("slirp4netns", &["-p", "8080:80"]);
    served.answer("127.0.0.1:8080");
    let said = served.tell("127.0.0.1:8080", "much\n").expect("an answer");
    assert_eq!(said.len(), "80 much\n".len() + (8 << 20));
    served.running.answer().ends_with(0);
}

#[test]
fn a_port_in_use_is_told_before_the_command_starts() {
    let machine = Machine::new();
    let run = ["run", "--rm", "-p", "8080:80", "-p", "7001:80", "busybox", "echo", "started"];
    // The machine's own server has it.
    let answer = machine.lap(Some("slirp4netns"), &run).ends_with(125);
    assert_eq!(answer.stdout, "");
    answer.says(&["cannot publish 0.0.0.0:7001/tcp", "Address already in use", "another port"]);
    let run = ["run", "--rm", "-p", "10.1.1.1:8080:80", "busybox", "echo", "started"];
    let answer = machine.lap(Some("slirp4netns"), &run).ends_with(125);
    answer.says(&["cannot publish 10.1.1.1:8080/tcp", "an address that this machine has"]);
    let run = ["run", "--rm", "-p", "99:80/udp", "busybox", "echo", "started"];
    let answer = machine.lap(Some("slirp4netns"), &run).ends_with(125);
    answer.says(&["cannot publish 0.0.0.0:99/udp", "ip_unprivileged_port_start"]);
}

#[test]
fn without_a_network_of_its_own() {
    let machine = Machine::new();
    for (network, why) in [("host", "has the host's network"), ("none", "has no network")] {
        let run = ["run", "--rm", "-p", "8080:80", "--network", network, "busybox", "true"];
        let answer = machine.lap(Some("slirp4netns"), &run).ends_with(0);
        let said = format!("warning: published ports are discarded: the command {why}\n");
        assert_eq!(answer.stderr, said);
    }
    // Nothing else will do in its place.
    let run = ["run", "--rm", "-p", "8080:80", "busybox", "echo", "started"];
    let answer = machine.lap(None, &run).ends_with(125);
    assert_eq!(answer.stdout, "");
    answer.says(&["no private network", "neither pasta nor slirp4netns is installed"]);
}

#[test]
fn words_that_are_no_ports() {
    let store = Store::new();
    for (port, fault) in [
        ("8080:", "the container's port is missing"),
        ("http:80", "the host's port \"http\" is no number"),
        ("localhost:80:80", "\"localhost\" is no IP address"),
        ("80/icmp", "\"icmp\" is no protocol"),
        ("8000-8002:80-81", "not of the same length"),
    ] {
        store.answer(&["run", "-p", port, "busybox"]).ends_with(125).says(&[port, fault]);
    }
}

/// As root, and with what the image exposes. What connects the network has no rights of root's.
#[test]
fn roots_command_has_a_network_for_its_ports() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nEXPOSE 80 81/udp\nRUN mkdir /www && echo page > /www/index.html\n",
    );
    store.build("served", context.path()).ends_with(0);
    let serve = "trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait";
    for connector in CONNECTORS {
        let port = free_port();
        let published = format!("127.0.0.1:{port}:80");
        let run =
            ["run", "--rm", "-u", "1000", "-P", "-p", &published, "served", "sh", "-c", serve];
        let programs = store.beside(connector);
        fs::create_dir(&programs).expect("make a folder");
        symlink(format!("/usr/bin/{connector}"), programs.join(connector)).expect("make a link");
        let mut command = store.lap(&run);
        command.env("PATH", &programs);
        let running = Background::of(command);
        let page = || crate::support::fetch(port).ok().filter(|page| page.contains("page"));
        wait_for("the page", page);
        assert_eq!(users(&text(&programs.join(connector))), [["65534"; 4]], "{connector}");
        let answer = running.stop();
        // What is published by -p is not once more by -P.
        let is_said = |line: &&str| line.starts_with("port ");
        let lines: Vec<&str> = answer.stderr.lines().filter(is_said).collect();
        let [udp] = lines.as_slice() else { panic!("{}", answer.stderr) };
        assert!(udp.starts_with("port 81/udp is published on 0.0.0.0:"), "{udp}");
    }
}

/// Real, effective, saved and file system user of each process of a program.
fn users(program: &str) -> Vec<Vec<String>> {
    let users = |id: i32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        line.starts_with(format!("{program}\0").as_bytes()).then_some(())?;
        let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        Some(line.split_whitespace().map(str::to_owned).collect())
    };
    processes_with(program).into_iter().filter_map(users).collect()
}
