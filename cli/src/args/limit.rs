//! Flags about limits that the processes of RUN, or of a container, keep to together.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use lapstrake_executor::{GroupLimits, Swap};
use lapstrake_parser::size;

/// Docker's least: no program starts with less.
const LEAST_MEMORY: u64 = 6 << 20;

/// The period of `--cpus`, in microseconds (Docker's).
const PERIOD: u64 = 100_000;

/// What the kernel takes, in microseconds.
const PERIODS: std::ops::RangeInclusive<u64> = 1000..=1_000_000;

/// Flags with Docker's names and meanings; zero is no limit.
#[derive(Args, Debug, Default)]
pub(crate) struct Limits {
    /// Memory, such as 512m
    #[arg(short, long, value_name = "SIZE")]
    pub(crate) memory: Option<MemorySize>,
    /// Memory and swap together; -1 for as much swap as there is [default: twice the memory]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) memory_swap: Option<SwapSize>,
    /// Processors' worth of time, such as 1.5
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["cpu_period", "cpu_quota"])]
    pub(crate) cpus: Option<CpuTime>,
    /// Share of processor time beside others, 2 to 262144 [default: 1024]
    #[arg(short, long, value_name = "NUMBER")]
    pub(crate) cpu_shares: Option<Shares>,
    /// Period in which --cpu-quota counts, in microseconds
    #[arg(long, value_name = "NUMBER")]
    pub(crate) cpu_period: Option<Period>,
    /// Processor time in each period, in microseconds
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) cpu_quota: Option<Quota>,
    /// Processors to run on, such as 0-2,4
    #[arg(long, value_name = "LIST")]
    pub(crate) cpuset_cpus: Option<Numbers>,
    /// Memory nodes to use, such as 0
    #[arg(long, value_name = "LIST")]
    pub(crate) cpuset_mems: Option<Numbers>,
    /// Number of processes and threads; -1 is no limit
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub(crate) pids_limit: Option<Processes>,
    /// Control group to make the group with these limits in
    #[arg(long, value_name = "PATH", value_parser = parent)]
    pub(crate) cgroup_parent: Option<String>,
}

fn parent(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("write the path of a control group"),
        path => Ok(path.to_owned()),
    }
}

impl Limits {
    /// More processors' worth of time than `available`, if `--cpus` asks for that.
    pub(crate) fn surplus(&self, available: usize) -> Option<f64> {
        let quota = self.cpus.and_then(|cpus| cpus.0)?;
        let most = PERIOD.saturating_mul(u64::try_from(available).unwrap_or(u64::MAX));
        (quota > most).then(|| quota as f64 / PERIOD as f64)
    }

    /// What they come to.
    ///
    /// # Errors
    /// When they contradict each other.
    pub(crate) fn group(&self) -> Result<GroupLimits, &'static str> {
        let memory = self.memory.and_then(|size| size.0);
        let memory_and_swap = self.memory_swap.and_then(|size| size.0);
        match (memory, memory_and_swap) {
            (None, Some(_)) => return Err("--memory-swap needs --memory"),
            (Some(memory), Some(Swap::Total(total))) if total < memory => {
                return Err("--memory-swap counts memory too, and is less than --memory");
            }
            _ => {}
        }
        let time = self.cpus.and_then(|cpus| cpus.0);
        Ok(GroupLimits {
            memory,
            memory_and_swap,
            cpu_shares: self.cpu_shares.and_then(|shares| shares.0),
            cpu_quota: time.or(self.cpu_quota.and_then(|quota| quota.0)),
            cpu_period: time.map(|_| PERIOD).or(self.cpu_period.and_then(|period| period.0)),
            cpus: self.cpuset_cpus.clone().and_then(|list| list.0),
            memory_nodes: self.cpuset_mems.clone().and_then(|list| list.0),
            processes: self.pids_limit.and_then(|processes| processes.0),
        })
    }
}

/// `--memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemorySize(Option<u64>);

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match size::parse(text) {
            Some(0) => Ok(Self(None)),
            Some(bytes) if bytes >= LEAST_MEMORY => Ok(Self(Some(bytes))),
            Some(_) => Err("the least is 6m".into()),
            None => Err("write a number of bytes with a unit, such as 512m".into()),
        }
    }
}

/// `--memory-swap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SwapSize(Option<Swap>);

impl FromStr for SwapSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, size::parse(text)) {
            ("-1", _) => Ok(Self(Some(Swap::Unlimited))),
            (_, Some(0)) => Ok(Self(None)),
            (_, Some(bytes)) => Ok(Self(Some(Swap::Total(bytes)))),
            (_, None) => Err("write a number of bytes with a unit, such as 1g, or -1".into()),
        }
    }
}

/// `--cpus`: microseconds in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuTime(Option<u64>);

impl FromStr for CpuTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = text.parse::<f64>().ok().filter(|number| is_plain && *number < 1e6);
        let number = number.ok_or("write a number such as 1.5")?;
        // Below a million, so it fits.
        match (number * PERIOD as f64).round() as u64 {
            0 if number == 0.0 => Ok(Self(None)),
            quota if quota >= *PERIODS.start() => Ok(Self(Some(quota))),
            _ => Err("the least is 0.01".into()),
        }
    }
}

/// A number that has to lie in a range; zero is no limit.
fn number(text: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, String> {
    match text.parse() {
        Ok(0) => Ok(None),
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ if *range.end() == u64::MAX => Err(format!("write a number from {}", range.start())),
        _ => Err(format!("write a number from {} to {}", range.start(), range.end())),
    }
}

/// `--cpu-shares`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares(Option<u64>);

impl FromStr for Shares {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number(text, 2..=262_144).map(Self)
    }
}

/// `--cpu-period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period(Option<u64>);

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        number(text, PERIODS).map(Self)
    }
}

/// `--cpu-quota`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota(Option<u64>);

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-1" {
            return Ok(Self(None));
        }
        number(text, *PERIODS.start()..=u64::MAX).map(Self)
    }
}

/// `--pids-limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Processes(Option<u64>);

impl FromStr for Processes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-1" {
            return Ok(Self(None));
        }
        number(text, 1..=u64::MAX).map(Self)
    }
}

/// `--cpuset-cpus` and `--cpuset-mems`: numbers and ranges with commas between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbers(Option<String>);

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        let is_part = |part: &str| match part.split_once('-') {
            Some((first, last)) => is_number(first) && is_number(last),
            None => is_number(part),
        };
        match text {
            "" => Ok(Self(None)),
            _ if text.split(',').all(is_part) => Ok(Self(Some(text.to_owned()))),
            _ => Err("write numbers and ranges, such as 0-2,4".into()),
        }
    }
}

/// `--timeout`: a number of seconds, or numbers with units as Go writes durations, `1h30m`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Duration);

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = duration(text).filter(|duration| !duration.is_zero());
        duration.map(Self).ok_or_else(|| "write a time above 0, such as 90s, 10m or 1h30m".into())
    }
}

/// A number of seconds, or numbers with units: those of Go, and days and weeks.
pub(super) fn duration(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs).or_else(|| with_units(text))
}

fn with_units(mut text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    while !text.is_empty() {
        let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, rest) =
            rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        text = rest;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values and errors as Docker's reference has them.
    #[test]
    fn flags_come_to_limits() {
        let limits = Limits {
            memory: "64m".parse().ok(),
            memory_swap: "-1".parse().ok(),
            cpus: "1.5".parse().ok(),
            cpuset_cpus: "0-1,3".parse().ok(),
            pids_limit: "-1".parse().ok(),
            ..Limits::default()
        };
        let expected = GroupLimits {
            memory: Some(64 << 20),
            memory_and_swap: Some(Swap::Unlimited),
            cpu_quota: Some(150_000),
            cpu_period: Some(100_000),
            cpus: Some("0-1,3".into()),
            ..GroupLimits::default()
        };
        assert_eq!(limits.group(), Ok(expected));
        let none = Limits { memory: "0".parse().ok(), cpus: "0".parse().ok(), ..Limits::default() };
        assert!(none.group().is_ok_and(|limits| limits.is_empty()));
        let swap = Limits { memory_swap: "1g".parse().ok(), ..Limits::default() };
        assert!(swap.group().is_err());
        let less = Limits {
            memory: "64m".parse().ok(),
            memory_swap: "32m".parse().ok(),
            ..Limits::default()
        };
        assert!(less.group().is_err());
    }

    #[test]
    fn there_is_no_more_time_than_processors() {
        let surplus =
            |cpus: &str| Limits { cpus: cpus.parse().ok(), ..Limits::default() }.surplus(2);
        assert_eq!(surplus("2.01"), Some(2.01));
        assert_eq!(surplus("100"), Some(100.0));
        assert!(["0", "0.01", "2"].iter().all(|cpus| surplus(cpus).is_none()));
        assert_eq!(Limits::default().surplus(2), None);
    }

    #[test]
    fn what_cannot_be_a_limit() {
        assert!("5m".parse::<MemorySize>().is_err() && "much".parse::<MemorySize>().is_err());
        assert!("0.001".parse::<CpuTime>().is_err() && "-1".parse::<CpuTime>().is_err());
        assert!("inf".parse::<CpuTime>().is_err() && "1e3".parse::<CpuTime>().is_err());
        assert!("1".parse::<Shares>().is_err() && "262145".parse::<Shares>().is_err());
        assert!("999".parse::<Period>().is_err() && "x".parse::<Quota>().is_err());
        for text in ["a", "0-", "1,,2", "0\n1"] {
            assert!(text.parse::<Numbers>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn times() {
        let parsed = |text: &str| text.parse::<Timeout>().map(|timeout| timeout.0.as_millis());
        for (text, expected) in
            [("90", 90_000), ("1h30m", 5_400_000), ("500ms", 500), ("1.5s", 1500)]
        {
            assert_eq!(parsed(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "s", "1x", "-1", "1m30", "99999999999999999999h"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
