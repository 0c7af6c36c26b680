//! An ordinary user for a chore: a home, ids of its own, and a binary that it can reach.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use crate::failure::{Outcome, Subject};
use crate::scratch::Scratch;

pub(crate) const UID: u32 = 4242;

const NAME: &str = "lap-user";

/// What is set aside for the user, as subuid(5) has it.
const RANGE: &str = "lap-user:300000:65536\n";

/// Lays `$1` over `/etc` in a mount namespace, and becomes the user.
const BECOME: &str = "mount -t overlay overlay -o lowerdir=\"$1\":/etc /etc; shift; \
    exec setpriv --reuid 4242 --regid 4242 --clear-groups \"$@\"";

/// Exists as long as this lives, and only for the commands that it starts.
pub(crate) struct User {
    folder: Scratch,
}

impl User {
    /// A user who may execute a copy of `lap` with a copy of its settings.
    pub(crate) fn new(lap: &Path, settings: &Path) -> Outcome<Self> {
        let user = Self { folder: Scratch::for_all("lapstrake-user")? };
        for name in ["etc", "home", "cases"] {
            let path = user.folder.join(name);
            fs::create_dir(&path).on("create", &path)?;
            open(&path)?;
        }
        chown(user.home(), Some(UID), Some(UID)).on("give away", &user.home())?;
        let etc = Path::new("/etc/passwd");
        let mut passwd = fs::read_to_string(etc).on("read", etc)?;
        passwd += &format!("{NAME}:x:{UID}:{UID}::{}:/bin/sh\n", user.home().display());
        for (name, content) in [("passwd", passwd.as_str()), ("subuid", RANGE), ("subgid", RANGE)] {
            let path = user.folder.join("etc").join(name);
            fs::write(&path, content).on("write", &path)?;
        }
        for (from, name) in [(lap, "lap"), (settings, "lapstrake.toml")] {
            fs::copy(from, user.folder.join(name)).on("copy", from)?;
        }
        Ok(user)
    }

    /// Where cases can be prepared for the user.
    pub(crate) fn cases(&self) -> PathBuf {
        self.folder.join("cases")
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The command line that begins every call of `lap` as this user on a store, for a shell.
    pub(crate) fn lap(&self, store: &str) -> String {
        let path = |name: &str| self.folder.join(name).display().to_string();
        format!(
            "unshare -m sh -euc '{BECOME}' sh {etc} env HOME={home} LAPSTRAKE_ROOT={home}/{store} \
             LAPSTRAKE_CONFIG={settings} {lap}",
            etc = path("etc"),
            home = path("home"),
            settings = path("lapstrake.toml"),
            lap = path("lap"),
        )
    }
}

fn open(path: &Path) -> Outcome<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).on("open", path)
}
