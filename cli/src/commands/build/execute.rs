//! The build itself, with its progress.

use lapstrake_executor::{Executor, Sandboxes};
use lapstrake_oci::Descriptor;
use lapstrake_solver::build::Tools;
use lapstrake_solver::lower::Plan;
use lapstrake_solver::{Built, Delivery, Error, Event, Request};

use super::check::{self, Check};
use super::explain::Explanation;
use super::faults::Faults;
use super::record::Recorder;
use super::room::Room;
use super::shell::Attended;
use super::{Means, report};
use crate::args::OnFail;
use crate::failure::Failure;
use crate::fetcher::Fetcher;
use crate::output;
use crate::progress::{Activity, Conclusion, Mode, Progress};

/// Builds with progress, and tells what went wrong.
pub(super) fn execute(
    request: Request<'_>,
    means: &Means<'_>,
    images: &Fetcher<'_>,
    check: &Check<'_>,
    faults: &mut Faults<'_>,
) -> Result<Built, Failure> {
    let names: Vec<String> = request.tags.iter().map(ToString::to_string).collect();
    let progress = Progress::new(means.mode, Activity::Build);
    if let Some(message) = check::foreign_syntax(&request.options) {
        progress.event(Event::Warning { message });
    }
    let recorder = || Recorder::new(means.store, faults.source().name(), progress.numbers());
    let recorder = means.keep_logs.then(recorder);
    let events = |event: Event| {
        if let Some(explanation) = &means.explain {
            explanation.event(&event);
        }
        if let Some(recorder) = &recorder {
            recorder.event(&event);
        }
        if let Some(room) = means.room {
            room.event(&event);
        }
        progress.event(event);
    };
    let review = |plan: &Plan| {
        if let Some(message) = check.untaken(plan) {
            progress.event(Event::Warning { message });
        }
        check.review(plan)
    };
    let attended = Attended::new(&progress);
    let executor: &dyn Executor = match means.on_fail {
        Some(OnFail::Shell) => &attended,
        None => &Sandboxes,
    };
    let has = |blobs: &[Descriptor]| images.delivered(blobs);
    let delivery = images.packing();
    let delivery = delivery.map(|packing| Delivery { packing: packing.to_string(), has: &has });
    let tools = means.tools(images, &events, &review);
    let network = || means.network.get(&|message| progress.event(Event::Lost { message }));
    let tools = Tools { executor, network: &network, delivery: delivery.as_ref(), ..tools };
    let built = lapstrake_solver::build(request, &tools);
    let notes = kept(recorder, &built, &progress, &means.command);
    let built = built.map_err(|error| (error, means.room.and_then(Room::failure)));
    let removed = means.room.map(Room::told).filter(|_| means.mode != Mode::Quiet);
    let removed = removed.unwrap_or_default();
    let explained = || means.explain.as_ref().map(Explanation::text).unwrap_or_default();
    match built {
        Ok(built) => {
            progress.finish(&Conclusion::Built { id: built.id.to_string(), names: &names });
            output::stderr(&(explained() + &removed));
            faults.tell(check.take())?;
            Ok(built)
        }
        Err((error, lack)) => {
            let (reason, image) = (report::reason(&error), report::image(&error));
            progress.finish(&Conclusion::Failed { reason: &reason, image: image.as_deref() });
            output::stderr(&(explained() + &removed));
            faults.tell(check.take())?;
            if let Some(lack) = lack {
                return Err(lack);
            }
            Err(report::report(error, faults, &notes, means.watch.exit()))
        }
    }
}

/// Ends the log. What it says about a command that failed; `command` is how those begin that it names.
fn kept(
    recorder: Option<Recorder<'_>>,
    built: &Result<Built, Error>,
    progress: &Progress,
    command: &str,
) -> String {
    let (outcome, beginning) = match built {
        Ok(_) => ("built", None),
        Err(Error::Cancelled) => ("cancelled", None),
        Err(Error::Command { beginning, .. }) => ("failed", Some(&**beginning)),
        Err(_) => ("failed", None),
    };
    let finish = |recorder: Recorder<'_>| recorder.finish(outcome, beginning, command);
    let finished = recorder.map(finish).transpose();
    finished.map(Option::unwrap_or_default).unwrap_or_else(|error| {
        let message = format!("the log of this build is not whole: {error}");
        progress.event(Event::Lost { message });
        String::new()
    })
}
