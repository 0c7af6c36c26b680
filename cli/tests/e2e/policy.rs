//! `network.deny` in the configuration: hosts that `lap` itself does not ask, as root and as a user.

use std::fs;
use std::net::TcpListener;

use crate::rootless::{RANGES, User};
use crate::support::{Answer, Context, Store, prepared, text};

/// Lays a file over `/etc/hosts`.
const KNOWING: &str = "mount --bind \"$1\" /etc/hosts; shift; exec \"$@\"";

/// Runs `lap` with a configuration, where `inner.test` stands for an address.
struct Caller {
    user: Option<User>,
    store: Store,
}

impl Caller {
    /// Who runs it: root or a user.
    fn both() -> [Self; 2] {
        [None, Some(User::new(RANGES))].map(|user| Self { user, store: Store::new() })
    }

    fn lap(&self, settings: &str, arguments: &[&str]) -> Answer {
        let usual = fs::read_to_string(prepared("LAPSTRAKE_CONFIG")).expect("the settings");
        let settings = format!("{usual}\n{settings}\n");
        let hosts = "127.0.0.1 localhost\n127.0.0.2 inner.test\n";
        if let Some(user) = &self.user {
            fs::write(user.path("etc/hosts"), hosts).expect("write");
            fs::write(user.path("config.toml"), settings).expect("write");
            return user.lap_behind(&[], arguments);
        }
        let [known, config] = ["hosts", "config.toml"].map(|name| self.store.beside(name));
        fs::write(&known, hosts).expect("write");
        fs::write(&config, settings).expect("write");
        let config = format!("LAPSTRAKE_CONFIG={}", text(&config));
        let starter = ["unshare", "-m", "sh", "-euc", KNOWING, "sh", &text(&known), "env", &config];
        self.store.answer_behind(&starter, arguments)
    }

    /// A context that it may read.
    fn context(&self, dockerfile: &str) -> (Option<Context>, String) {
        match &self.user {
            Some(user) => (None, user.context(dockerfile)),
            None => {
                let context = Context::new(dockerfile);
                let path = text(context.path());
                (Some(context), path)
            }
        }
    }
}

#[test]
fn what_is_denied_is_not_asked_by_whatever_name() {
    let inside = TcpListener::bind("127.0.0.2:0").expect("an address");
    inside.set_nonblocking(true).expect("do not wait");
    let port = inside.local_addr().expect("its address").port();
    for caller in Caller::both() {
        for (settings, rule) in [
            ("[network]\ndeny = [\"127.0.0.2\"]", "127.0.0.2/32 is in network.deny"),
            ("[network]\ndeny = [\"*\"]\nallow = [\"127.0.0.1\"]", "* is in network.deny"),
            ("[network]\ndeny = [\"*.test\"]", "*.test is in network.deny"),
        ] {
            for add in ["f", "x.git", "x.git#main"] {
                let dockerfile = format!("FROM scratch\nADD http://inner.test:{port}/{add} /\n");
                let (_context, path) = caller.context(&dockerfile);
                let answer = caller.lap(settings, &["build", &path]).ends_with(1);
                answer.says(&["inner.test", rule]);
            }
            let image = format!("inner.test:{port}/image");
            caller.lap(settings, &["pull", &image]).ends_with(1).says(&["inner.test", rule]);
            // The registry is somewhere else.
            caller.lap(settings, &["pull", "-q", "busybox"]).ends_with(0);
        }
        let answer =
            caller.lap("[network]\ndeny = [\"10.0.0.0/8\", \"10/8\"]", &["pull", "busybox"]);
        answer.ends_with(1).says(&["config.toml", "\"10/8\" is no rule for hosts"]);
    }
    assert!(inside.accept().is_err(), "it was asked");
    let [root, _] = Caller::both();
    // Else it is.
    root.lap("", &["pull", &format!("inner.test:{port}/image")]).ends_with(1);
    assert!(inside.accept().is_ok(), "it was not asked");
}
