//! From a description to an ordered list of steps: pure, needs no privilege.

mod defaults;
mod step;

use crate::bytes::Bytes;
use crate::error::{Error, Operation, Refusal};
use crate::facts::HostFacts;
use crate::spec::{DEFAULT_PATH, Limit, Mount, Network, Resource, SandboxSpec, Security, Source};

pub use step::{Attribute, Capabilities, NewMount, Place, Step};

/// The capabilities of Docker's default: `CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID
/// SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE`.
pub(crate) const DEFAULT_CAPABILITIES: u64 = 0xa804_25fb;

/// The kernel's limit on the layers of an overlay.
const MAX_LAYERS: usize = 500;

/// Turns a description into the steps that set its sandbox up, in the order in which they have to
/// be carried out; the last one executes the command.
///
/// Fails when the description cannot be meant. Nothing is looked up on the machine but in `facts`.
pub fn plan(spec: &SandboxSpec, facts: &HostFacts) -> Result<Vec<Step>, Error> {
    check(spec)?;
    let devices = opens_devices(spec.security);
    let user_attributes = facts.id_map.is_namespace();
    let mut steps = vec![Step::TieToParent];
    steps.extend(spec.group.as_ref().map(|_| Step::JoinGroup));
    // A file system of the network's facts shows the network of who mounts it.
    steps.extend(matches!(spec.network, Network::Private(_)).then_some(Step::JoinNetwork));
    steps.extend([
        Step::MakeMountsPrivate,
        Step::MountRootfs { rootfs: spec.rootfs.clone(), devices, user_attributes },
        Step::MountScratch { size: defaults::scratch_size(spec.etc), on: spec.rootfs.work.clone() },
    ]);
    steps.extend(defaults::system_mounts(facts, spec));
    steps.extend(defaults::devices(facts, spec.security));
    steps.extend(defaults::masks(facts, spec.security));
    steps.extend(defaults::etc_files(spec));
    for mount in &spec.mounts {
        check_owner(mount, facts)?;
        steps.push(user_mount(mount, devices));
    }
    steps.extend(spec.terminal.map(Step::OpenTerminal));
    steps.push(Step::EnterRootfs);
    steps.extend(inside(spec, facts));
    Ok(steps)
}

/// The steps after the root directory has been entered.
fn inside(spec: &SandboxSpec, facts: &HostFacts) -> Vec<Step> {
    let mut steps = vec![Step::SetHostname(spec.hostname.clone())];
    match spec.network {
        Network::Host | Network::Private(_) => {}
        Network::None => steps.push(Step::RaiseLoopback),
    }
    steps.push(Step::JoinNewKeyring);
    steps.push(Step::ResolveUser(spec.user.clone()));
    steps.push(Step::SetUmask(0o022));
    steps.push(Step::ChangeDirectory { path: spec.cwd.clone(), create: spec.create_cwd });
    steps.push(Step::StartSession);
    if spec.no_new_privileges {
        steps.push(Step::RefuseNewPrivileges);
    }
    let capabilities = match spec.security {
        Security::Sandbox => {
            steps.push(Step::FilterSystemCalls);
            let is_private = matches!(spec.network, Network::Private(_));
            steps.extend(is_private.then_some(Step::TellOfSockets));
            Capabilities::AtMost(DEFAULT_CAPABILITIES)
        }
        Security::Insecure => Capabilities::All,
    };
    // The filters need descriptors that the command may not have; becoming the user takes the right away.
    if !spec.limits.is_empty() {
        steps.push(Step::SetLimits(spec.limits.clone()));
    }
    steps.push(Step::BecomeUser { capabilities, ids: facts.id_map.clone() });
    // Changing credentials clears the tie.
    steps.push(Step::TieToParent);
    steps.push(execute(spec));
    steps
}

fn execute(spec: &SandboxSpec) -> Step {
    let path = spec.env.iter().rev().find(|(name, _)| **name == *b"PATH");
    let variable = |(name, value): &(Bytes, Bytes)| Bytes::from([name, &b"="[..], value].concat());
    Step::Execute {
        argv: spec.argv.clone(),
        env: spec.env.iter().map(variable).collect(),
        search: path.map_or(Bytes::from(DEFAULT_PATH), |(_, value)| value.clone()),
    }
}

/// Whether devices in the root file system and in binds can be opened.
fn opens_devices(security: Security) -> bool {
    match security {
        Security::Sandbox => false,
        Security::Insecure => true,
    }
}

fn user_mount(mount: &Mount, devices: bool) -> Step {
    let read_only = |read_only: bool| read_only.then_some(Attribute::ReadOnly).into_iter();
    let (mount, target) = match mount {
        Mount::Bind { source, target, read_only: ro, recursive } => {
            let no_devices = (!devices).then_some(Attribute::NoDev);
            let attributes = read_only(*ro).chain(no_devices).collect();
            let bind = NewMount::Bind { source: source.clone(), recursive: *recursive, attributes };
            (bind, target)
        }
        Mount::Tmpfs { target, size, mode, read_only: ro, executable } => {
            let no_programs = (!executable).then_some(Attribute::NoExec);
            let attributes = read_only(*ro)
                .chain([Attribute::NoSuid, Attribute::NoDev])
                .chain(no_programs)
                .collect();
            (NewMount::Tmpfs { size: *size, mode: *mode, attributes }, target)
        }
        Mount::File { target, content, mode, uid, gid, read_only: ro } => {
            let no_programs = (mode & 0o111 == 0).then_some(Attribute::NoExec);
            let attributes = read_only(*ro)
                .chain([Attribute::NoSuid, Attribute::NoDev])
                .chain(no_programs)
                .collect();
            let content = content.clone();
            (NewMount::File { content, mode: *mode, uid: *uid, gid: *gid, attributes }, target)
        }
    };
    Step::Mount { mount, target: target.clone(), place: Place::Stub }
}

/// A file can only belong to ids that there are.
fn check_owner(mount: &Mount, facts: &HostFacts) -> Result<(), Error> {
    let Mount::File { target, uid, gid, .. } = mount else { return Ok(()) };
    facts.id_map.check(*uid, *gid).map_err(Error::unmapped(Operation::ChangeOwner, target.clone()))
}

fn check(spec: &SandboxSpec) -> Result<(), Error> {
    let argv = spec.argv.iter().map(|argument| ("argument", argument));
    let values = spec.env.iter().map(|(_, value)| ("variable", value));
    let targets = spec.mounts.iter().map(|mount| ("mount target", target_of(mount)));
    let cwd = [("working directory", &spec.cwd)];
    for (field, bytes) in argv.chain(values).chain(targets.clone()).chain(cwd) {
        if bytes.contains(&0) {
            return Err(Error::invalid(field, bytes.clone(), Refusal::NulByte));
        }
    }
    if spec.argv.first().is_none_or(|program| program.is_empty()) {
        return Err(Error::invalid("command", "", Refusal::Empty));
    }
    for (field, path) in targets.clone().chain(cwd) {
        if !path.starts_with(b"/") {
            return Err(Error::invalid(field, path.clone(), Refusal::NotAbsolute));
        }
    }
    for (field, path) in targets {
        if path.split(|&byte| byte == b'/').all(|name| matches!(name, b"" | b"." | b"..")) {
            return Err(Error::invalid(field, path.clone(), Refusal::IsRoot));
        }
    }
    check_limits(spec)?;
    check_names(spec)?;
    check_layers(spec)
}

/// Without any open file a process cannot even ask whether its parent is there: poll(2).
fn check_limits(spec: &SandboxSpec) -> Result<(), Error> {
    let is_none = |limit: &Limit| limit.resource == Resource::Nofile && limit.soft == Some(0);
    match spec.limits.iter().any(is_none) {
        true => Err(Error::invalid("limit", "nofile=0", Refusal::NoOpenFiles)),
        false => Ok(()),
    }
}

fn check_names(spec: &SandboxSpec) -> Result<(), Error> {
    for (name, _) in &spec.env {
        if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
            return Err(Error::invalid("variable name", name.clone(), Refusal::BadVariableName));
        }
    }
    let names = spec.hosts.iter().map(|(name, _)| name.as_str());
    for name in names.chain([spec.hostname.as_str()]) {
        // A line of /etc/hosts is built from it.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(Error::invalid("host name", name, Refusal::BadHostname));
        }
    }
    if spec.hostname.len() > 64 {
        return Err(Error::invalid("host name", spec.hostname.as_str(), Refusal::BadHostname));
    }
    Ok(())
}

fn check_layers(spec: &SandboxSpec) -> Result<(), Error> {
    let sources = spec.mounts.iter().filter_map(|mount| match mount {
        Mount::Bind { source: Source::Layers { lower, .. }, .. } => Some(lower),
        _ => None,
    });
    for layers in sources.chain([&spec.rootfs.lower]) {
        if layers.is_empty() {
            return Err(Error::invalid("layers", "", Refusal::Empty));
        }
        if layers.len() > MAX_LAYERS {
            return Err(Error::invalid("layers", layers.len().to_string(), Refusal::TooMany));
        }
    }
    Ok(())
}

fn target_of(mount: &Mount) -> &Bytes {
    match mount {
        Mount::Bind { target, .. } | Mount::Tmpfs { target, .. } | Mount::File { target, .. } => {
            target
        }
    }
}
