//! An ordinary user becomes root of a user namespace (user_namespaces(7)), as which everything else
//! works as it does for root: layers have all owners that an image can name, and sandboxes all that
//! they need.
//!
//! `newuidmap` and `newgidmap` give it the ids that are set aside for the user (`set_aside`). They have
//! to be called from outside of the namespace, while this process is in it, so a copy of this program
//! is started before that, and waits. Without ids set aside there is one id, the user's own: then
//! nothing can belong to anyone but root.

mod set_aside;

use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};

use lapstrake_rootfs::passwd::{User, UserDb};
use nix::sched::{CloneFlags, unshare};

use self::set_aside::{Range, SetAside};
use crate::failure::Failure;
use crate::output;

/// What the waiting copy exits with where no process can be started.
const BUSY: u8 = 2;

/// What the waiting copy is called.
const HELPER: &str = "lap-map-ids";

/// Why there is no id but the user's own.
#[derive(Clone, Copy)]
enum Lack {
    /// There are not both users and groups.
    Ranges,
    /// What maps them, or lists them, is not installed.
    Program(&'static str),
    /// What maps them has more rights than lap may gain.
    Privileges,
    /// No program that lap starts can have the rights.
    Capabilities,
}

/// The ids that the user may have.
struct Ids {
    uid: u32,
    gid: u32,
    /// As `/etc/passwd` or another database of the machine's users has it.
    user: Option<User>,
    set_aside: SetAside,
}

/// Makes this process root of a namespace, unless it is root already. It must not have started a
/// thread yet.
pub(crate) fn enter() -> Result<(), Failure> {
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return Ok(());
    }
    // Who it was is not to be seen afterwards.
    crate::environment::user_id();
    let ids = Ids::of(uid.as_raw(), rustix::process::getegid().as_raw());
    match ids.lack() {
        None => {
            let helper = Helper::start(&ids)?;
            unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| refused(error.into()))?;
            helper.map(&ids)
        }
        Some(lack) => {
            unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| refused(error.into()))?;
            map_one(&ids).map_err(refused)?;
            output::stderr(&ids.warning(lack));
            Ok(())
        }
    }
}

fn refused(error: std::io::Error) -> Failure {
    use rustix::io::Errno;
    let help = match Errno::from_io_error(&error) {
        Some(Errno::AGAIN) => lapstrake_executor::MORE_PROCESSES,
        Some(Errno::NOSPC | Errno::USERS) => {
            "allow more user namespaces (sysctl user.max_user_namespaces), or run lap as root"
        }
        Some(Errno::PERM | Errno::ACCESS) => {
            "let ordinary users make user namespaces (sysctl kernel.unprivileged_userns_clone=1, \
             kernel.apparmor_restrict_unprivileged_userns=0; in a container, a seccomp profile that has \
             unshare), or run lap as root"
        }
        _ => "allow user namespaces (user.max_user_namespaces), or run lap as root",
    };
    Failure::new("cannot become root of a user namespace").because(&error).help(help)
}

/// The only map that a process may write for itself.
fn map_one(ids: &Ids) -> std::io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {} 1", ids.uid))?;
    fs::write("/proc/self/gid_map", format!("0 {} 1", ids.gid))
}

impl Ids {
    fn of(uid: u32, gid: u32) -> Self {
        let user = user(uid);
        let name = user.as_ref().map(|user| user.name.as_slice());
        let set_aside = SetAside::of((uid, gid), name);
        Self { uid, gid, user, set_aside }
    }

    fn lack(&self) -> Option<Lack> {
        let SetAside { users, groups, database, .. } = &self.set_aside;
        match users.is_empty() || groups.is_empty() {
            true if database.is_some() && !is_installed("getsubids") => {
                Some(Lack::Program("getsubids"))
            }
            true => Some(Lack::Ranges),
            false if !is_installed("newuidmap") => Some(Lack::Program("newuidmap")),
            false if rustix::thread::no_new_privs().unwrap_or(false) => Some(Lack::Privileges),
            false => (!may_gain_ids()).then_some(Lack::Capabilities),
        }
    }

    /// What is said where there is no id but the user's own.
    fn warning(&self, lack: Lack) -> String {
        let name = self.user.as_ref().map(|user| String::from_utf8_lossy(&user.name));
        let name = name.unwrap_or_else(|| self.uid.to_string().into());
        let free = self.set_aside.free;
        let (first, last) = (free, free.saturating_add(RANGE - 1));
        let (reason, remedy) = match (lack, &self.set_aside.database) {
            (Lack::Ranges, Some(database)) => (
                format!(
                    "no ids are set aside for {name} by {database}, which /etc/nsswitch.conf names for subid"
                ),
                format!("getsubids {name} and getsubids -g {name} show when there are some"),
            ),
            (Lack::Ranges, None) => (
                format!("no ids are set aside for {name} in /etc/subuid and /etc/subgid"),
                format!(
                    "root sets some aside with usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {name}"
                ),
            ),
            (Lack::Program(program), _) => {
                (format!("{program} is not installed"), "the package uidmap has it".to_owned())
            }
            (Lack::Capabilities, _) => (
                "the bounding set of lap has no cap_setuid and cap_setgid, without which newuidmap maps nothing"
                    .to_owned(),
                "cap_drop of Docker and Kubernetes takes them away, capsh --drop, CapabilityBoundingSet= of systemd"
                    .to_owned(),
            ),
            (Lack::Privileges, _) => (
                "lap may gain no privileges (no_new_privs), without which newuidmap maps nothing"
                    .to_owned(),
                "setpriv --no-new-privs sets that, NoNewPrivileges= of systemd, no-new-privileges of Docker, \
                 allowPrivilegeEscalation: false of Kubernetes"
                    .to_owned(),
            ),
        };
        format!(
            "warning: {reason}: this user's own id is the only one in images, where all files belong to root and \
             USER can be nobody else; other owners are refused (lap explain unmapped-id); {remedy}\n"
        )
    }

    /// Why the maps were not written; newuidmap has said what it does not like.
    fn unmapped(&self) -> Failure {
        let failure = Failure::new("cannot map the ids of /etc/subuid and /etc/subgid");
        match &self.user {
            Some(user) if user.gid != self.gid => failure.help(format!(
                "start lap with the group that /etc/passwd gives the user, {}, in place of {}: newgrp and sg change it, \
                 and newuidmap may refuse it",
                user.gid, self.gid
            )),
            _ if self.set_aside.database.is_some() && !is_installed("getsubids") => failure.help(
                "/etc/nsswitch.conf names another database for subid than these files: install getsubids, which \
                 lists what it has",
            ),
            _ => failure.help(
                "newuidmap has said why: see newuidmap(1); the package uidmap has to be installed whole: newuidmap and newgidmap are \
                 setuid root, or have cap_setuid and cap_setgid, and their file system is not mounted nosuid",
            ),
        }
    }
}

/// The user with this id, as the machine knows one.
pub(crate) fn user(uid: u32) -> Option<User> {
    let user = |passwd| UserDb { passwd, group: Vec::new() }.user_by_id(uid);
    let known = fs::read("/etc/passwd").ok().and_then(user);
    known.or_else(|| user(answer_of_getent(uid)))
}

/// The user's line of passwd(5) from where else the machine has users (nsswitch.conf(5)); empty when there is
/// none. Only libc's own programs can ask there.
fn answer_of_getent(uid: u32) -> Vec<u8> {
    let mut command = Command::new("getent");
    command.args(["passwd", &uid.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
    command.output().map(|output| output.stdout).unwrap_or_default()
}

/// Whether what lap starts can have CAP_SETGID and CAP_SETUID (capabilities(7)).
fn may_gain_ids() -> bool {
    use rustix::thread::CapabilitySet;
    let wanted = [CapabilitySet::SETGID, CapabilitySet::SETUID];
    wanted.into_iter().all(|one| rustix::thread::capability_is_in_bounding_set(one).unwrap_or(true))
}

fn is_installed(program: &str) -> bool {
    std::env::split_paths(&crate::environment::search_path())
        .any(|folder| folder.join(program).is_file())
}

/// How many ids a user usually has.
const RANGE: u32 = 65536;

/// The arguments of newuidmap(1): root is the user, and behind it come the ranges.
fn arguments(own: u32, ranges: &[Range]) -> Vec<String> {
    let mut arguments = vec!["0".to_owned(), own.to_string(), "1".to_owned()];
    let mut inside: u32 = 1;
    for (first, count) in ranges {
        arguments.extend([inside, *first, *count].map(|number| number.to_string()));
        inside = inside.saturating_add(*count);
    }
    arguments
}

/// The copy of this program that waits outside.
struct Helper(Child);

impl Helper {
    fn start(ids: &Ids) -> Result<Self, Failure> {
        let SetAside { users, groups, .. } = &ids.set_aside;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(HELPER).arg(std::process::id().to_string());
        command.args(arguments(ids.uid, users)).arg("groups").args(arguments(ids.gid, groups));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        child.map(Self).map_err(refused)
    }

    /// Has it write the maps.
    fn map(mut self, ids: &Ids) -> Result<(), Failure> {
        if let Some(mut go) = self.0.stdin.take() {
            go.write_all(b"1").map_err(refused)?;
        }
        match self.0.wait().map_err(refused)?.code() {
            Some(0) => Ok(()),
            Some(code) if code == i32::from(BUSY) => Err(refused(rustix::io::Errno::AGAIN.into())),
            _ => Err(ids.unmapped()),
        }
    }
}

/// What the copy does; `None` in a process that is not the copy.
pub(crate) fn helper() -> Option<ExitCode> {
    let mut typed = std::env::args_os();
    if typed.next().as_deref() != Some(OsStr::new(HELPER)) {
        return None;
    }
    let typed: Vec<String> = typed.map(|word| word.to_string_lossy().into_owned()).collect();
    // Nothing comes when the other process has ended.
    if !matches!(std::io::stdin().read(&mut [0]), Ok(1)) {
        return Some(ExitCode::FAILURE);
    }
    let (pid, maps) = typed.split_first()?;
    let mut maps = maps.split(|word| word == "groups");
    let (users, groups) = (maps.next().unwrap_or_default(), maps.next().unwrap_or_default());
    for (program, map) in [("newuidmap", users), ("newgidmap", groups)] {
        match Command::new(program).arg(pid).args(map).stdin(Stdio::null()).status() {
            Ok(status) if status.success() => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Some(ExitCode::from(BUSY));
            }
            _ => return Some(ExitCode::FAILURE),
        }
    }
    Some(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_names_a_range_that_is_free() {
        let set_aside =
            SetAside { users: Vec::new(), groups: Vec::new(), free: 165_546, database: None };
        let ids = Ids { uid: 7, gid: 7, user: None, set_aside };
        let warning = ids.warning(Lack::Ranges);
        let words = "usermod --add-subuids 165546-231081 --add-subgids 165546-231081 7\n";
        assert!(warning.ends_with(words), "{warning}");
    }

    #[test]
    fn the_remedy_is_that_of_the_cause() {
        use rustix::io::Errno;
        for (error, remedy) in [
            (Errno::AGAIN, "ulimit -u"),
            (Errno::NOSPC, "user.max_user_namespaces"),
            (Errno::PERM, "kernel.unprivileged_userns_clone"),
            (Errno::INVAL, "run lap as root"),
        ] {
            let text = refused(error.into()).text();
            assert!(text.contains(remedy), "{text}");
        }
    }

    #[test]
    fn maps_have_the_user_first() {
        let map = arguments(1000, &[(100_000, 65536), (300_000, 10)]).join(" ");
        assert_eq!(map, "0 1000 1 1 100000 65536 65537 300000 10");
    }
}
