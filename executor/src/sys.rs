//! The system calls that no crate offers in safe form: the only `unsafe` of this crate.
#![allow(unsafe_code, reason = "this is the module for it")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::Pid;

use crate::error::Errno;

/// Room for the few frames between `clone` and `execveat`.
const STACK_SIZE: usize = 64 << 10;

/// A program to be executed in new namespaces.
pub(crate) struct Spawn<'a> {
    /// The file that is executed; its number must be larger than every target, too.
    pub(crate) program: BorrowedFd<'a>,
    /// Its only argument.
    pub(crate) name: &'a CStr,
    /// `CLONE_NEW*` flags.
    pub(crate) namespaces: c_int,
    /// Which descriptor becomes which number; the sources must be larger than every target.
    pub(crate) descriptors: &'a [(RawFd, RawFd)],
    /// The numbers that mean something to the program: what this process has there of others, and does not give, is
    /// closed.
    pub(crate) meant: Range<RawFd>,
}

/// A child process that has executed its program.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

/// What parent and child share while the child still runs in the parent's memory.
struct Handover<'a> {
    spawn: &'a Spawn<'a>,
    argv: [*const c_char; 2],
    envp: [*const c_char; 1],
    errno: c_int,
}

/// Clones into new namespaces and executes a program there, with an empty environment and all
/// signals blocked. Descriptors that are not close-on-exec are inherited, but for those in [`Spawn::meant`].
///
/// The calling thread sleeps until the program is executed, so an error of that is returned here.
pub(crate) fn spawn(spawn: &Spawn<'_>) -> Result<Child, Errno> {
    let mut handover = Handover {
        spawn,
        argv: [spawn.name.as_ptr(), std::ptr::null()],
        envp: [std::ptr::null()],
        errno: 0,
    };
    let mut stack = vec![0u128; STACK_SIZE / size_of::<u128>()];
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    let blocked = block_signals()?;
    // SAFETY: `stack` is aligned, and with CLONE_VFORK it and `handover` outlive the child's use
    // of them, which ends with exec or exit. The child only makes async-signal-safe system calls
    // and, all signals being blocked, runs no handler of ours. `pidfd` is where CLONE_PIDFD writes.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.len());
        libc::clone(
            become_program,
            top.cast(),
            flags | spawn.namespaces,
            (&raw mut handover).cast(),
            &raw mut pidfd,
        )
    };
    let clone_error = std::io::Error::last_os_error();
    restore_signals(&blocked);
    let Some(pid) = Pid::from_raw(pid.max(0)) else {
        return Err(clone_error.into());
    };
    // SAFETY: clone succeeded, so this is a new descriptor that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    // SAFETY: the child may have written it, and has stopped using our memory.
    let errno = unsafe { (&raw const handover.errno).read_volatile() };
    if errno != 0 {
        let id = rustix::process::WaitId::Pid(pid);
        let _ = rustix::process::waitid(id, rustix::process::WaitIdOptions::EXITED);
        return Err(std::io::Error::from_raw_os_error(errno).into());
    }
    Ok(Child { pid, pidfd })
}

extern "C" fn become_program(handover: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a `Handover` that lives until this process executes or exits, and
    // sleeps in the meantime.
    let handover = unsafe { &mut *handover.cast::<Handover<'_>>() };
    for &(from, to) in handover.spawn.descriptors {
        // SAFETY: dup2 on plain numbers; this process has its own copy of the descriptor table.
        if unsafe { libc::dup2(from, to) } < 0 {
            return give_up(handover);
        }
    }
    let spawn = handover.spawn;
    let is_given = |number: RawFd| spawn.descriptors.iter().any(|(_, to)| *to == number);
    for number in spawn.meant.clone().filter(|number| !is_given(*number)) {
        // SAFETY: as for dup2; a number that is not open is no matter.
        unsafe { libc::close(number) };
    }
    // SAFETY: both arrays end with a null pointer, the strings with a NUL byte.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            handover.spawn.program.as_raw_fd(),
            c"".as_ptr(),
            handover.argv.as_ptr(),
            handover.envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    give_up(handover)
}

/// Leaves the error number to the parent; the returned code ends the process.
fn give_up(handover: &mut Handover<'_>) -> c_int {
    // SAFETY: errno is the calling thread's, whose memory we borrow while it sleeps.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: a plain write that the parent reads after we have ended.
    unsafe { (&raw mut handover.errno).write_volatile(errno) };
    127
}

fn block_signals() -> Result<libc::sigset_t, Errno> {
    // SAFETY: a signal set is plain data; both are initialized before they are read.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) {
            0 => Ok(before),
            error => Err(std::io::Error::from_raw_os_error(error).into()),
        }
    }
}

fn restore_signals(mask: &libc::sigset_t) {
    // SAFETY: `mask` comes from `pthread_sigmask`; restoring a valid mask cannot fail.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
}

/// What a process of this program needs of signals beside what it handles. Whoever started it may have had it ignore
/// the ends of its children, and the kernel keeps nothing of those then. A file that may not grow any more is an
/// error, as any other, and no death.
pub(crate) fn heed_children_and_errors() {
    // SAFETY: a `sigaction` of zeroes is the default, and no handler; SIG_IGN is none either.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let mut before: libc::sigaction = std::mem::zeroed();
        let is_known = libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut before) == 0;
        if is_known && before.sa_sigaction == libc::SIG_IGN {
            let default: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGCHLD, &raw const default, std::ptr::null_mut());
        }
    }
}

/// Every signal gets its default disposition, and none stays blocked.
///
/// With the raw system call: the C library keeps the two signals from us that it uses itself, and
/// those may be ignored, too.
pub(crate) fn reset_signals() -> Result<(), Errno> {
    const SIGNALS: c_int = 64;
    // The kernel's `struct sigaction`, whose set of signals is one word.
    let default = [0u64; 4];
    for signal in 1..=SIGNALS {
        if matches!(signal, libc::SIGKILL | libc::SIGSTOP) {
            continue;
        }
        let nothing: *mut c_void = std::ptr::null_mut();
        // SAFETY: `default` is as large as `struct sigaction` with a set of 8 bytes: SIG_DFL.
        check(unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, &raw const default, nothing, 8)
        })?;
    }
    // SAFETY: a signal set is plain data, initialized before it is used.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()).into())
    }
}

/// Takes over a descriptor that this process was executed with.
///
/// Only for the numbers of [`crate::wire::descriptor`], once each, in the stage.
pub(crate) fn take_inherited(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: fcntl on a number; it fails when that is not open.
    check(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }.into())?;
    // SAFETY: open, and given to this process by `spawn` to be owned by the caller.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes every descriptor from this number to that one.
///
/// Only for the stage, before it has opened anything: nothing in this process owns them.
pub(crate) fn close_range(first: RawFd, last: RawFd) -> Result<(), Errno> {
    // SAFETY: no value of this process stands for one of these descriptors yet.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })
}

/// Adds options to a mount that is not attached yet, or to it and all below it.
pub(crate) fn set_mount_attributes(
    mount: BorrowedFd<'_>,
    attributes: u64,
    recursive: bool,
) -> Result<(), Errno> {
    #[repr(C)]
    struct MountAttributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let change = MountAttributes { set: attributes, clear: 0, propagation: 0, user_namespace: 0 };
    let recursive = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: `change` is `struct mount_attr` in its first version, with its size.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            &raw const change,
            size_of::<MountAttributes>(),
        )
    })
}

/// Joins a new, empty session keyring.
pub(crate) fn join_new_keyring() -> Result<(), Errno> {
    const KEYCTL_JOIN_SESSION_KEYRING: c_int = 1;
    let no_name: *const c_char = std::ptr::null();
    // SAFETY: no name, so nothing is read from our memory.
    check(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, no_name) })
}

/// Loads a system call filter for this process.
pub(crate) fn load_filter(program: &[libc::sock_filter]) -> Result<(), Errno> {
    let Ok(length) = u16::try_from(program.len()) else {
        return Err(nix::errno::Errno::E2BIG.into());
    };
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: `program` points to `length` instructions, which the kernel copies and verifies.
    check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    })
}

/// The same with a filter whose verdict on some calls is that they wait (`SECCOMP_RET_USER_NOTIF`): for whoever has the
/// descriptor that is returned. One filter of a process can have that.
pub(crate) fn load_filter_with_listener(program: &[libc::sock_filter]) -> Result<OwnedFd, Errno> {
    let Ok(length) = u16::try_from(program.len()) else {
        return Err(nix::errno::Errno::E2BIG.into());
    };
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    let load = |flags: libc::c_ulong| -> Result<OwnedFd, Errno> {
        // SAFETY: as in `load_filter`.
        let listener = unsafe {
            let mode = libc::SECCOMP_SET_MODE_FILTER;
            libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
        };
        check(listener)?;
        // SAFETY: a new descriptor, close-on-exec, that nothing else owns. It is a small number.
        Ok(unsafe { OwnedFd::from_raw_fd(listener as RawFd) })
    };
    // A call that is looked at is not to be interrupted by a signal: no program expects that of it.
    let gentle = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    match load(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | gentle) {
        // Kernels before 5.19 do not know that.
        Err(error) if error.raw() == libc::EINVAL => load(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER),
        listener => listener,
    }
}

/// Takes the next call that waits, by its id. [`libc::ENOENT`] when whoever made it has ended.
pub(crate) fn take_waiting_call(listener: BorrowedFd<'_>) -> Result<u64, Errno> {
    // SAFETY: a `seccomp_notif` of zeroes is valid, and what the kernel asks for; it writes one.
    unsafe {
        let mut call: libc::seccomp_notif = std::mem::zeroed();
        let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
        check(libc::ioctl(listener.as_raw_fd(), request, &raw mut call).into())?;
        Ok(call.id)
    }
}

/// Lets a call go on as if nobody had been asked. [`libc::ENOENT`] when whoever made it has ended.
pub(crate) fn let_waiting_call_go_on(listener: BorrowedFd<'_>, id: u64) -> Result<(), Errno> {
    const CONTINUE: u32 = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let mut answer = libc::seccomp_notif_resp { id, val: 0, error: 0, flags: CONTINUE };
    // SAFETY: the kernel reads a `seccomp_notif_resp`.
    check(unsafe {
        let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
        libc::ioctl(listener.as_raw_fd(), request, &raw mut answer).into()
    })
}

/// Sets IFF_UP on the interface `lo` through a socket of its network namespace.
pub(crate) fn raise_loopback(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: an `ifreq` of zeroes is valid; the name is shorter than its field and NUL-ended;
    // both requests take a pointer to one, and SIOCGIFFLAGS fills in the flags that are read.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
            *to = *from as c_char;
        }
        let fd = socket.as_raw_fd();
        check(libc::ioctl(fd, libc::SIOCGIFFLAGS, &raw mut request).into())?;
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        check(libc::ioctl(fd, libc::SIOCSIFFLAGS, &raw mut request).into())
    }
}

fn check(result: libc::c_long) -> Result<(), Errno> {
    if result < 0 { Err(std::io::Error::last_os_error().into()) } else { Ok(()) }
}
