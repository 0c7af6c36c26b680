//! The control groups of one sandbox, one in each hierarchy that its limits need.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::hierarchy::{Hierarchy, words};
use super::limits::{
    ControlGroup, Controller, Exceeded, GroupLimits, Setting, Unenforceable, Version,
};
use super::register::{Entry, remove};
use crate::bytes;
use crate::error::{Error, Refusal};

/// How often removing is tried; then the next command does it.
const ATTEMPTS: u32 = 200;

/// Groups that are there. Dropping them removes them, once no process is left in them.
#[derive(Debug)]
pub(crate) struct Group {
    limits: GroupLimits,
    members: Vec<Member>,
    /// Groups around them that were missing, in the order in which they were made.
    parents: Vec<PathBuf>,
    entry: Option<Entry>,
}

/// A group as its members have to know it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Door {
    /// Where it is on the host.
    #[serde(with = "bytes::path")]
    pub(crate) folder: PathBuf,
    /// Where it is shown below `/sys/fs/cgroup` of the sandbox; nowhere in version 2, whose root the
    /// namespace of groups moves there.
    pub(crate) names: Vec<String>,
}

/// A group in one hierarchy.
#[derive(Debug)]
struct Member {
    folder: PathBuf,
    /// As which its hierarchy is known (cgroups(7)); none in version 2, which has one.
    names: Vec<String>,
    version: Version,
    controllers: Vec<Controller>,
}

impl Group {
    /// Makes the groups and writes the limits into them.
    pub(crate) fn new(control: &ControlGroup) -> Result<Self, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("lapstrake-{}-{number}", std::process::id());
        let wanted = wanted(&control.limits, &Hierarchy::all())?;
        let mut group = Self {
            limits: control.limits.clone(),
            members: Vec::new(),
            parents: Vec::new(),
            entry: Some(Entry::new(&control.register, &name)?),
        };
        for (hierarchy, controllers) in wanted {
            let around = match &control.parent {
                None => around_own(&hierarchy, &controllers)?,
                Some(parent) => group.parent(&hierarchy, &controllers, parent)?,
            };
            let folder = around.join(&name);
            group.create(&folder, &hierarchy, &controllers)?;
            let (version, names) = (hierarchy.version, hierarchy.names());
            group.members.push(Member { folder, names, version, controllers });
        }
        group.write_limits()?;
        Ok(group)
    }

    /// What a process needs to join, and to see where it is.
    pub(crate) fn doors(&self) -> Vec<Door> {
        let door =
            |member: &Member| Door { folder: member.folder.clone(), names: member.names.clone() };
        self.members.iter().map(door).collect()
    }

    /// Which limits were met so far.
    pub(crate) fn exceeded(&self) -> Vec<Exceeded> {
        let memory = self.limits.memory.filter(|_| {
            self.count(Controller::Memory, ["memory.oom_control", "memory.events"], "oom_kill") > 0
        });
        let processes = self
            .limits
            .processes
            .filter(|_| self.count(Controller::Pids, ["pids.events", "pids.events"], "max") > 0);
        let memory = memory.map(|limit| Exceeded::Memory { limit });
        memory.into_iter().chain(processes.map(|limit| Exceeded::Processes { limit })).collect()
    }

    /// The number beside a name in the file of version 1 or 2.
    fn count(&self, controller: Controller, files: [&str; 2], name: &str) -> u64 {
        let Some(member) = self.members.iter().find(|one| one.controllers.contains(&controller))
        else {
            return 0;
        };
        let [one, two] = files;
        let file = if member.version == Version::One { one } else { two };
        let words = words(&member.folder.join(file));
        let number = words.iter().zip(words.iter().skip(1)).find(|(word, _)| *word == name);
        number.and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
    }

    /// The group that the command line names, made where it is missing.
    fn parent(
        &mut self,
        hierarchy: &Hierarchy,
        controllers: &[Controller],
        parent: &str,
    ) -> Result<PathBuf, Error> {
        let path = Path::new(parent);
        let mut folder = if path.is_absolute() { &hierarchy.mount } else { &hierarchy.own }.clone();
        if parent.contains(char::is_control) {
            return Err(Error::invalid("control group", parent, Refusal::OutsideGroups));
        }
        for part in path.components() {
            match part {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => {
                    if hierarchy.version == Version::Two {
                        enable(&folder, controllers).map_err(unusable(controllers, &folder))?;
                    }
                    folder.push(name);
                    if !folder.is_dir() {
                        self.create(&folder, hierarchy, controllers)?;
                        self.parents.push(folder.clone());
                    }
                }
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(Error::invalid("control group", parent, Refusal::OutsideGroups));
                }
            }
        }
        if hierarchy.version == Version::Two {
            enable(&folder, controllers).map_err(unusable(controllers, &folder))?;
        }
        Ok(folder)
    }

    /// Makes a group, which is noted before.
    fn create(
        &self,
        folder: &Path,
        hierarchy: &Hierarchy,
        controllers: &[Controller],
    ) -> Result<(), Error> {
        if let Some(entry) = &self.entry {
            entry.note(folder)?;
        }
        fs::create_dir(folder).map_err(unusable(controllers, folder))?;
        if hierarchy.version == Version::One && controllers.contains(&Controller::Cpuset) {
            // A group without processors and nodes takes no process.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                inherit(folder, file).map_err(unusable(controllers, folder))?;
            }
        }
        Ok(())
    }

    fn write_limits(&self) -> Result<(), Error> {
        for member in &self.members {
            for controller in &member.controllers {
                for setting in self.limits.settings(*controller, member.version) {
                    write_setting(member, &setting).map_err(refused(*controller))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let members = self.members.iter().map(|member| &member.folder);
        let is_removed = members.map(|folder| remove(folder, ATTEMPTS)).all(|done| done.is_ok());
        for parent in self.parents.iter().rev() {
            // Another sandbox may be in it; then it stays.
            drop(fs::remove_dir(parent));
        }
        if let Some(entry) = self.entry.take().filter(|_| is_removed) {
            drop(entry.forget());
        }
    }
}

/// The hierarchies that the limits need, each with what it is needed for.
fn wanted(
    limits: &GroupLimits,
    hierarchies: &[Hierarchy],
) -> Result<Vec<(Hierarchy, Vec<Controller>)>, Error> {
    let mut wanted: Vec<(Hierarchy, Vec<Controller>)> = Vec::new();
    for controller in Controller::ALL {
        if limits.settings(controller, Version::Two).is_empty() {
            continue;
        }
        let hierarchy = hierarchies.iter().find(|one| one.has(controller));
        let hierarchy =
            hierarchy.ok_or_else(|| refused(controller)(Unenforceable::NoController))?;
        match wanted.iter_mut().find(|(one, _)| one.mount == hierarchy.mount) {
            Some((_, controllers)) => controllers.push(controller),
            None => wanted.push((hierarchy.clone(), vec![controller])),
        }
    }
    Ok(wanted)
}

/// Where a group can be made that lies, as this process does, within all limits around it. In version
/// 2 a group with processes cannot have limited groups inside, so it may be one further out.
fn around_own(hierarchy: &Hierarchy, controllers: &[Controller]) -> Result<PathBuf, Error> {
    if hierarchy.version == Version::One {
        return Ok(hierarchy.own.clone());
    }
    let mut around = hierarchy.own.as_path();
    loop {
        match enable(around, controllers) {
            Ok(()) => return Ok(around.to_owned()),
            Err(error) => match around.parent().filter(|_| around != hierarchy.mount) {
                Some(parent) => around = parent,
                None => return Err(unusable(controllers, around)(error)),
            },
        }
    }
}

/// Has the groups in this one limited by these controllers (version 2).
fn enable(folder: &Path, controllers: &[Controller]) -> io::Result<()> {
    let file = folder.join("cgroup.subtree_control");
    let enabled = words(&file);
    let missing = controllers.iter().map(|controller| controller.name());
    let missing: Vec<String> = missing
        .filter(|name| !enabled.iter().any(|known| known == name))
        .map(|name| format!("+{name}"))
        .collect();
    if missing.is_empty() {
        // Writable at all?
        return rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).map_err(io::Error::from);
    }
    write(&file, &missing.join(" "))
}

/// Takes over from the group around it what is not set.
fn inherit(folder: &Path, file: &str) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(folder);
    let value = fs::read_to_string(parent.join(file))?;
    match fs::read_to_string(folder.join(file))?.trim() {
        "" => write(&folder.join(file), value.trim()),
        _ => Ok(()),
    }
}

/// In one call, as the kernel wants it.
fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).open(path)?;
    file.write_all(value.as_bytes())
}

fn write_setting(member: &Member, setting: &Setting) -> Result<(), Unenforceable> {
    let path = member.folder.join(setting.file);
    let file = setting.file.to_owned();
    let value =
        |source| Unenforceable::Value { file: file.clone(), value: setting.value.clone(), source };
    match write(&path, &setting.value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && setting.is_implied => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Unenforceable::NoFile { file })
        }
        Err(error) => Err(value(Some(error.into()))),
        Ok(()) if is_in_effect(member, setting) => Ok(()),
        Ok(()) => Err(value(None)),
    }
}

/// Version 2 takes processors that are not there, and uses others in their place.
fn is_in_effect(member: &Member, setting: &Setting) -> bool {
    let is_set = member.version == Version::Two && setting.file.starts_with("cpuset.");
    let read = |file: String| fs::read_to_string(member.folder.join(file)).unwrap_or_default();
    !is_set || read(setting.file.to_owned()) == read(format!("{}.effective", setting.file))
}

fn refused(controller: Controller) -> impl FnOnce(Unenforceable) -> Error {
    move |source| Error::Limit { subject: controller.subject().to_owned(), source }
}

/// Makes the closure for `map_err`: a group cannot be used.
fn unusable(controllers: &[Controller], folder: &Path) -> impl FnOnce(io::Error) -> Error {
    let subjects: Vec<&str> = controllers.iter().map(|one| one.subject()).collect();
    let (subject, path) = (subjects.join(" and "), folder.as_os_str().as_bytes().into());
    move |error| {
        let source = Unenforceable::Group { path, source: error.into() };
        Error::Limit { subject, source }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure here is a failed test")]
mod tests {
    use super::*;

    /// A tree as the kernel shows it: a delegated slice with a scope in it that has processes.
    fn tree() -> (tempfile::TempDir, Hierarchy) {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().to_owned();
        let own = mount.join("user.slice/a.scope");
        fs::create_dir_all(&own).unwrap();
        for (group, enabled) in [("", "cpu memory pids"), ("user.slice", "memory pids")] {
            fs::write(mount.join(group).join("cgroup.subtree_control"), enabled).unwrap();
        }
        let controllers = ["cpu", "memory", "pids"].map(str::to_owned).into();
        (folder, Hierarchy { version: Version::Two, controllers, mount, own })
    }

    #[test]
    fn a_group_is_made_in_the_nearest_that_may_have_it() {
        let (_folder, hierarchy) = tree();
        // The scope has no file to write to here, as it refuses writing on a real machine.
        let around = around_own(&hierarchy, &[Controller::Memory]).unwrap();
        assert_eq!(around, hierarchy.mount.join("user.slice"));
        let control = around.join("cgroup.subtree_control");
        assert_eq!(fs::read_to_string(&control).unwrap(), "memory pids");
        around_own(&hierarchy, &[Controller::Cpu, Controller::Pids]).unwrap();
        assert!(fs::read_to_string(&control).unwrap().starts_with("+cpu"));
    }

    #[test]
    fn what_no_group_can_have_is_refused() {
        let (_folder, hierarchy) = tree();
        fs::remove_file(hierarchy.mount.join("cgroup.subtree_control")).unwrap();
        fs::remove_file(hierarchy.mount.join("user.slice/cgroup.subtree_control")).unwrap();
        let error = around_own(&hierarchy, &[Controller::Memory]).unwrap_err();
        assert_eq!(error.to_string(), "cannot enforce the limit on memory");
        let limits = GroupLimits { cpus: Some("0".into()), ..GroupLimits::default() };
        let error = wanted(&limits, &[hierarchy]).unwrap_err();
        assert_eq!(error.to_string(), "cannot enforce the limit on processors and memory nodes");
    }

    #[test]
    fn version_1_has_a_hierarchy_for_each_and_version_2_one() {
        let (_folder, two) = tree();
        let one = |name: &str| Hierarchy {
            version: Version::One,
            controllers: vec![name.to_owned()],
            mount: PathBuf::from("/").join(name),
            own: PathBuf::from("/").join(name),
        };
        let limits =
            GroupLimits { memory: Some(1 << 23), processes: Some(9), ..GroupLimits::default() };
        assert_eq!(wanted(&limits, &[one("pids"), one("memory")]).unwrap().len(), 2);
        let both = wanted(&limits, &[two]).unwrap();
        assert_eq!(both[0].1, [Controller::Memory, Controller::Pids]);
        assert_eq!(both.len(), 1);
    }
}
