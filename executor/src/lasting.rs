//! The thread that starts what is to die with this process and not before: the kernel ties a process to the
//! thread that started it, and the threads of a build come and go.

use std::ffi::CStr;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::io::Errno;

use crate::error::{Error, Operation};
use crate::spawn::spawn_stage;
use crate::sys::Child;
use crate::wire::descriptor;

struct Job {
    name: &'static CStr,
    descriptors: Vec<(OwnedFd, RawFd)>,
    answer: Sender<Result<Child, Error>>,
}

/// As [`spawn_stage`] in the namespaces of this process, from a thread that lives as long as it does.
pub(crate) fn spawn_lasting(
    name: &'static CStr,
    wanted: &[(&OwnedFd, RawFd)],
) -> Result<Child, Error> {
    // Jobs go to the one thread, which ends with this process.
    static THREAD: OnceLock<Sender<Job>> = OnceLock::new();
    let copy = |&(end, number): &(&OwnedFd, RawFd)| {
        rustix::io::fcntl_dupfd_cloexec(end, descriptor::ABOVE).map(|copy| (copy, number))
    };
    let descriptors = wanted.iter().map(copy).collect::<Result<_, _>>();
    let descriptors = descriptors.map_err(Error::system(Operation::Create, "descriptors"))?;
    let (answer, child) = channel();
    let sent = THREAD.get_or_init(start).send(Job { name, descriptors, answer });
    // It was not to be had.
    let lost = || Error::system(Operation::Clone, "the sandbox")(Errno::AGAIN);
    sent.map_err(|_| lost())?;
    child.recv().map_err(|_| lost())?
}

fn start() -> Sender<Job> {
    let (sender, jobs) = channel();
    // Without a thread nobody receives, which sending tells.
    drop(std::thread::Builder::new().spawn(move || work(&jobs)));
    sender
}

fn work(jobs: &Receiver<Job>) {
    for Job { name, descriptors, answer } in jobs {
        let wanted: Vec<_> = descriptors.iter().map(|(end, number)| (end, *number)).collect();
        let child = spawn_stage(name, 0, &wanted);
        // First, so that whoever has the answer knows that no end is open here.
        drop(descriptors);
        // Who asked waits for it.
        let _ = answer.send(child);
    }
}
