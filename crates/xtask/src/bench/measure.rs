//! Timing of commands in pairs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome, wrong};
use crate::process;

/// One run of each on the same input, one right after the other.
pub(crate) struct Pair {
    pub(crate) ours: Duration,
    pub(crate) theirs: Duration,
}

/// The same with all builders: ours, and those of [`super::Bench::peers`] in their order.
pub(crate) struct Round {
    pub(crate) ours: Duration,
    pub(crate) theirs: Vec<Duration>,
}

/// Medians over several pairs, in seconds; the ratio is the median of the pairs' ratios.
pub(crate) struct Medians {
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    pub(crate) ratio: f64,
}

/// The wall time of a command that has to succeed.
pub(crate) fn time(command: Command) -> Outcome<Duration> {
    time_ending(command, &[0])
}

/// The wall time of a command that has to end with one of these exit codes.
pub(crate) fn time_ending(mut command: Command, codes: &[i32]) -> Outcome<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status();
    let elapsed = start.elapsed();
    let status =
        status.map_err(|source| Failure::Start { program: process::shown(&command), source })?;
    if status.code().is_some_and(|code| codes.contains(&code)) {
        return Ok(elapsed);
    }
    // Once more with its output kept, to say why.
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    process::quiet(&mut command)?;
    Err(wrong(process::shown(&command), format!("ended with {status}, but not the second time")))
}

/// The most memory that a command has resident at once, in bytes. Python asks the kernel, which tells
/// only the parent.
pub(crate) fn peak(command: &Command) -> Outcome<u64> {
    const ASK: &str = "import resource, subprocess, sys\n\
        subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut asking = Command::new("python3");
    asking.args(["-c", ASK]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => asking.env(name, value),
            None => asking.env_remove(name),
        };
    }
    let kibibytes = process::capture(&mut asking)?;
    let kibibytes: u64 = kibibytes
        .trim()
        .parse()
        .map_err(|_| wrong(process::shown(command), format!("used `{kibibytes}` of memory")))?;
    Ok(kibibytes << 10)
}

/// [`time`] after all that earlier commands have written is on the disk: nobody pays for it.
pub(crate) fn time_settled(command: Command) -> Outcome<Duration> {
    process::quiet(&mut Command::new("sync"))?;
    time(command)
}

pub(crate) fn medians(pairs: &[Pair]) -> Medians {
    let seconds = |pick: fn(&Pair) -> Duration| {
        median(pairs.iter().map(|pair| pick(pair).as_secs_f64()).collect())
    };
    let ratios = pairs.iter().map(|pair| pair.theirs.as_secs_f64() / pair.ours.as_secs_f64());
    Medians {
        ours: seconds(|pair| pair.ours),
        theirs: seconds(|pair| pair.theirs),
        ratio: median(ratios.collect()),
    }
}

/// Ours beside each of the peers, in their order.
pub(crate) fn beside_each(rounds: &[Round]) -> Vec<Medians> {
    let peers = rounds.iter().map(|round| round.theirs.len()).min().unwrap_or_default();
    let pair = |peer: usize| move |round: &Round| Some((round.ours, *round.theirs.get(peer)?));
    let pairs = |peer| -> Vec<Pair> {
        rounds.iter().filter_map(pair(peer)).map(|(ours, theirs)| Pair { ours, theirs }).collect()
    };
    (0..peers).map(|peer| medians(&pairs(peer))).collect()
}

/// The middle of the values, the mean of the two middle ones of an even number; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(below), Some(above)) if values.len().is_multiple_of(2) => (below + above) / 2.0,
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_paired_with_ours_of_its_round() {
        let milliseconds = Duration::from_millis;
        let round = |ours, first, second| Round {
            ours: milliseconds(ours),
            theirs: vec![milliseconds(first), milliseconds(second)],
        };
        let beside = beside_each(&[round(1, 10, 2), round(2, 40, 2), round(4, 20, 2)]);
        let seen: Vec<_> = beside.iter().map(|peer| (peer.ours, peer.theirs, peer.ratio)).collect();
        assert_eq!(seen, [(0.002, 0.020, 10.0), (0.002, 0.002, 1.0)]);
        assert!(beside_each(&[]).is_empty());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
        assert_eq!(median(vec![]), 0.0);
    }
}
