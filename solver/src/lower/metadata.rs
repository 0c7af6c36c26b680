//! Instructions that only change the image config.

use std::time::Duration;

use lapstrake_oci as oci;
use lapstrake_parser::{CommandForm, Healthcheck, KeyValue, Onbuild, Word, signal};

use super::fault::{Faults, all, fault, with_help};
use super::stage::{Stage, Written};
use super::{format, word};

/// All values see the environment as it was before the instruction.
fn expanded(
    stage: &Stage,
    pairs: &[KeyValue],
    escape: char,
) -> Result<Vec<(String, String)>, Faults> {
    all(pairs.iter().map(|pair| {
        let key = word::expand(&pair.key, &stage.environment, escape)?;
        Ok::<_, Faults>((key, word::expand(&pair.value, &stage.environment, escape)?))
    }))
}

fn texts(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(key, value)| format!(" {key}={value}")).collect()
}

pub(super) fn env(stage: &mut Stage, pairs: &[KeyValue], escape: char) -> Result<(), Faults> {
    let pairs = expanded(stage, pairs, escape)?;
    stage.note(format!("ENV{}", texts(&pairs)));
    for (name, value) in pairs {
        stage.environment.set(&name, &value);
        let config = stage.config();
        let prefix = format!("{name}=");
        let text = format!("{prefix}{value}");
        match config.env.iter_mut().find(|text| text.starts_with(&prefix)) {
            Some(old) => *old = text,
            None => config.env.push(text),
        }
    }
    Ok(())
}

pub(super) fn label(stage: &mut Stage, pairs: &[KeyValue], escape: char) -> Result<(), Faults> {
    let pairs = expanded(stage, pairs, escape)?;
    stage.note(format!("LABEL{}", texts(&pairs)));
    stage.config().labels.extend(pairs);
    Ok(())
}

pub(super) fn user(
    stage: &mut Stage,
    from: Written<'_>,
    user: &Word,
    escape: char,
) -> Result<(), Faults> {
    stage.user_place = Some(from.place(user.span()));
    let user = word::expand(user, &stage.environment, escape)?;
    stage.note(format!("USER {user}"));
    stage.config().user = user;
    Ok(())
}

pub(super) fn volume(stage: &mut Stage, paths: &[Word], escape: char) -> Result<(), Faults> {
    let volumes = all(paths.iter().map(|path| {
        let volume = word::expand(path, &stage.environment, escape)?;
        match volume.is_empty() {
            true => Err(Faults::from(fault("empty-volume", path.span(), "a VOLUME needs a path"))),
            false => Ok(volume),
        }
    }))?;
    stage.note(format!("VOLUME {}", format::plain_list(&volumes)));
    for volume in volumes {
        stage.config().volumes.insert(volume, Default::default());
    }
    Ok(())
}

pub(super) fn stop_signal(stage: &mut Stage, written: &Word, escape: char) -> Result<(), Faults> {
    let name = word::expand(written, &stage.environment, escape)?;
    if let Err(error) = signal::parse_signal(&name) {
        let help = "write a name such as SIGTERM or a number such as 15";
        let fault = fault("stop-signal", written.span(), error.to_string());
        return Err(with_help(fault, help).into());
    }
    stage.note(format!("STOPSIGNAL {name}"));
    stage.config().stop_signal = name;
    Ok(())
}

pub(super) fn maintainer(stage: &mut Stage, author: &Word) {
    stage.note(format!("MAINTAINER {}", author.as_str()));
    stage.image.author = author.text.to_string();
}

/// Kept for images that are built on this one; leaves no history entry.
pub(super) fn onbuild(stage: &mut Stage, onbuild: &Onbuild) {
    stage.config().on_build.push(onbuild.text.clone());
}

pub(super) fn healthcheck(stage: &mut Stage, check: &Healthcheck) {
    let timing = &check.timing;
    let check = oci::Healthcheck {
        test: test(check.command.as_ref()),
        interval: nanoseconds(timing.interval),
        timeout: nanoseconds(timing.timeout),
        start_period: nanoseconds(timing.start_period),
        start_interval: nanoseconds(timing.start_interval),
        retries: timing.retries.unwrap_or(0).into(),
        ..oci::Healthcheck::default()
    };
    stage.note(format!(
        "HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        format::plain_list(&check.test),
        format::duration(check.interval),
        format::duration(check.timeout),
        format::duration(check.start_period),
        format::duration(check.start_interval),
        check.retries,
    ));
    stage.config().healthcheck = Some(check);
}

fn test(command: Option<&CommandForm>) -> Vec<String> {
    match command {
        None => vec!["NONE".into()],
        Some(CommandForm::Shell(line)) => vec!["CMD-SHELL".into(), line.text.to_string()],
        Some(CommandForm::Exec(words)) => {
            let words = words.iter().map(|word| word.text.to_string());
            std::iter::once("CMD".into()).chain(words).collect()
        }
    }
}

/// As image configs keep durations; 0 stands for the runtime's default.
fn nanoseconds(duration: Option<Duration>) -> i64 {
    i64::try_from(duration.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}
