//! `cargo xtask demo`: a web server, from nothing to a served page, in a few visible commands.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bases::Bases;
use crate::binary;
use crate::failure::{Failure, Outcome, wrong};
use crate::process;
use crate::project::Project;
use crate::registry::Registry;
use crate::scratch::Scratch;
use crate::server::free_port;
use crate::timing;

const IMAGE: &str = "demo/nginx";

pub(crate) fn run(project: &Project) -> Outcome<()> {
    let bases =
        timing::step("make a base image from Debian's packages", || Bases::ensure(project))?;
    let lap = timing::step("compile the static binary", || binary::release(project))?;
    let registry = Registry::start(project, &bases)?;
    let demo = Demo { lap: &lap, registry: &registry, scratch: Scratch::new(project, "demo")? };
    let (context, port) = (project.testdata("e2e/nginx"), free_port()?);
    let argument = format!("PORT={port}");
    let context = context.to_string_lossy();
    let build = ["build", "-t", IMAGE, "--build-arg", &argument, &context];
    timing::step("first build", || process::run(&mut demo.shown(&build)))?;
    timing::step("the same again", || process::run(&mut demo.shown(&build)))?;
    process::run(&mut demo.shown(&["images"]))?;
    let page = timing::step("run it and fetch its page", || demo.serve_and_fetch(port))?;
    println!("{page}");
    println!("It worked. The binary is {}.", lap.display());
    Ok(())
}

struct Demo<'a> {
    lap: &'a Path,
    registry: &'a Registry,
    scratch: Scratch,
}

impl Demo<'_> {
    /// A `lap` command on the demo's own store, printed for the reader.
    fn shown(&self, arguments: &[&str]) -> Command {
        println!("$ lap {}", arguments.join(" "));
        let mut command = Command::new(self.lap);
        command.args(arguments);
        command.env("LAPSTRAKE_ROOT", self.scratch.join("store"));
        command.env("LAPSTRAKE_CONFIG", self.registry.lapstrake_config());
        command
    }

    fn serve_and_fetch(&self, port: u16) -> Outcome<String> {
        let mut command = self.shown(&["run", "--rm", "--network", "host", IMAGE]);
        let server = command.stdin(Stdio::null()).spawn();
        let mut server =
            server.map_err(|source| Failure::Start { program: "lap".into(), source })?;
        let page = fetch(port, &mut server);
        let ended =
            process::quiet(Command::new("sh").args(["-c", &format!("kill {}", server.id())]));
        // Its exit status is that of a process which was told to stop.
        let _ = server.wait();
        let page = page?;
        ended?;
        Ok(page)
    }
}

/// Asks until there is an answer, for as long as the server lives.
fn fetch(port: u16, server: &mut Child) -> Outcome<String> {
    let start = Instant::now();
    loop {
        if let Ok(answer) = request(port) {
            return Ok(answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim().to_owned());
        }
        let ended = server.try_wait().is_ok_and(|status| status.is_some());
        if ended || start.elapsed() > Duration::from_secs(10) {
            return Err(wrong(format!("http://127.0.0.1:{port}"), "the container does not answer"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn request(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
