//! Who the command is: its ids, groups and capabilities.

use std::fs::File;
use std::io::Read;

use lapstrake_ids::IdMap;
use rustix::fs::{FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use rustix::process::Rlimit;
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::error::{Error, Operation, Refusal};
use crate::plan::Capabilities;
use crate::spec::{Limit, Resource};
use crate::user::{Identity, UserError, UserSpec};

/// The largest passwd or group file that is read, BuildKit's limit.
const MAX_SIZE: u64 = 10 << 20;

/// `SYSFS_MAGIC`
const SYSFS_MAGIC: rustix::fs::FsWord = 0x6265_6572;

pub(super) const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Resolves a `USER` form. The root directory has been entered, so names lead to the image's files.
pub(super) fn resolve(user: &str) -> Result<Identity, Error> {
    let fail = |source: UserError| Error::User { user: user.to_owned(), source };
    let spec = UserSpec::parse(user).map_err(fail)?;
    if let Some(identity) = spec.without_files() {
        return Ok(identity);
    }
    spec.resolve(&read(PASSWD)?, &read(GROUP)?).map_err(fail)
}

/// The content of a file of the image, empty where it is missing.
///
/// Neither a pipe nor a device nor an endless file can hold us up (CVE-2026-47262).
pub(super) fn read(path: &str) -> Result<Vec<u8>, Error> {
    let fail = || Error::system(Operation::Open, path);
    let refused = |reason| Error::refused(Operation::Read, path, reason);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_MAGICLINKS;
    let file = match rustix::fs::openat2(rustix::fs::CWD, path, flags, Mode::empty(), resolve) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
        file => file.map_err(fail())?,
    };
    let stat = rustix::fs::fstat(&file).map_err(fail())?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(refused(Refusal::NotRegularFile));
    }
    // Reading some files of the kernel has an effect, such as on /proc/kmsg.
    let system = rustix::fs::fstatfs(&file).map_err(fail())?.f_type;
    if matches!(system, rustix::fs::PROC_SUPER_MAGIC | SYSFS_MAGIC) {
        return Err(refused(Refusal::InsideProc));
    }
    let mut content = Vec::new();
    File::from(file)
        .take(MAX_SIZE + 1)
        .read_to_end(&mut content)
        .map_err(Error::system(Operation::Read, path))?;
    if content.len() as u64 > MAX_SIZE {
        return Err(refused(Refusal::TooLarge));
    }
    Ok(content)
}

/// Lets the user open `/dev/stdout` again, as runc does. Only for descriptors made for it.
pub(super) fn give_stdio(uid: u32) {
    if uid == 0 {
        return;
    }
    for stdio in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        let is_device = |stat: &rustix::fs::Stat| {
            let null = rustix::fs::makedev(1, 3);
            FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
                && stat.st_rdev == null
        };
        if rustix::fs::fstat(stdio).is_ok_and(|stat| !is_device(&stat)) {
            // The command can still use them as they are when this fails.
            let _ = rustix::fs::fchown(stdio, Some(Uid::from_raw(uid)), None);
        }
    }
}

/// Sets groups, ids and capabilities. The order matters: each needs what the next one gives up.
pub(super) fn become_user(
    identity: &Identity,
    capabilities: Capabilities,
    ids: &IdMap,
) -> Result<(), Error> {
    if let Capabilities::AtMost(mask) = capabilities {
        limit_capabilities(mask)?;
    }
    let refused = || Error::system(Operation::DropCapabilities, "capabilities");
    let own = rustix::thread::capabilities(None).map_err(refused())?.permitted;
    // A change of user would else take them all away. Executing the command ends it.
    rustix::thread::set_keep_capabilities(true).map_err(refused())?;
    set_ids(identity, ids)?;
    let none = CapabilitySet::empty();
    let (kept, inheritable) = match capabilities {
        Capabilities::AtMost(_) if identity.uid != 0 => (none, none),
        Capabilities::AtMost(mask) => (CapabilitySet::from_bits_retain(mask) & own, none),
        Capabilities::All => (own, own),
    };
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable };
    rustix::thread::set_capabilities(None, sets)
        .and_then(|()| rustix::thread::clear_ambient_capability_set())
        .and_then(|()| pass_on(inheritable))
        .map_err(refused())
}

fn set_ids(identity: &Identity, ids: &IdMap) -> Result<(), Error> {
    let Identity { uid, gid, ref groups } = *identity;
    ids.check_user(uid).map_err(Error::unmapped(Operation::SetUser, uid.to_string()))?;
    ids.check_group(gid).map_err(Error::unmapped(Operation::SetGroup, gid.to_string()))?;
    set_groups(groups, ids)?;
    let group = Gid::from_raw(gid);
    rustix::thread::set_thread_res_gid(group, group, group)
        .map_err(Error::system(Operation::SetGroup, gid.to_string()))?;
    let user = Uid::from_raw(uid);
    rustix::thread::set_thread_res_uid(user, user, user)
        .map_err(Error::system(Operation::SetUser, uid.to_string()))
}

/// Sets supplementary groups. Where root's is the only group nobody can change them, and files can
/// belong to no other: then root keeps those it has, whatever the image says.
fn set_groups(groups: &[u32], ids: &IdMap) -> Result<(), Error> {
    if ids.has_one_group() {
        return Ok(());
    }
    let subject = format!("{groups:?}");
    groups
        .iter()
        .try_for_each(|&group| ids.check_group(group))
        .map_err(Error::unmapped(Operation::SetGroups, subject.clone()))?;
    let groups: Vec<Gid> = groups.iter().map(|&group| Gid::from_raw(group)).collect();
    match rustix::thread::set_thread_groups(&groups) {
        // Who may not change groups keeps root's.
        Err(Errno::PERM) if *groups == [Gid::ROOT] => Ok(()),
        set => set.map_err(Error::system(Operation::SetGroups, subject)),
    }
}

/// Lets what is executed have these capabilities, whoever the user is.
fn pass_on(capabilities: CapabilitySet) -> Result<(), Errno> {
    for capability in capabilities.iter() {
        rustix::thread::configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// Sets limits on what the command may use.
pub(super) fn set_limits(limits: &[Limit]) -> Result<(), Error> {
    for limit in limits {
        let new = Rlimit { current: limit.soft, maximum: limit.hard };
        rustix::process::setrlimit(kernels(limit.resource), new)
            .map_err(Error::system(Operation::Limit, limit.resource.name()))?;
    }
    Ok(())
}

fn kernels(resource: Resource) -> rustix::process::Resource {
    use rustix::process::Resource as Kernel;
    match resource {
        Resource::Core => Kernel::Core,
        Resource::Cpu => Kernel::Cpu,
        Resource::Data => Kernel::Data,
        Resource::Fsize => Kernel::Fsize,
        Resource::Locks => Kernel::Locks,
        Resource::Memlock => Kernel::Memlock,
        Resource::Msgqueue => Kernel::Msgqueue,
        Resource::Nice => Kernel::Nice,
        Resource::Nofile => Kernel::Nofile,
        Resource::Nproc => Kernel::Nproc,
        Resource::Rss => Kernel::Rss,
        Resource::Rtprio => Kernel::Rtprio,
        Resource::Rttime => Kernel::Rttime,
        Resource::Sigpending => Kernel::Sigpending,
        Resource::Stack => Kernel::Stack,
    }
}

/// Takes all but these out of the bounding set.
fn limit_capabilities(kept: u64) -> Result<(), Error> {
    for number in 0..64 {
        let bit = 1u64 << number;
        if kept & bit != 0 {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(
            bit,
        )) {
            Ok(()) => {}
            // The first number that this kernel does not know.
            Err(Errno::INVAL) => return Ok(()),
            Err(error) => {
                let subject = format!("capability {number}");
                return Err(Error::system(Operation::DropCapabilities, subject)(error));
            }
        }
    }
    Ok(())
}
