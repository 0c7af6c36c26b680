//! The result as a Markdown table, as it stands in the README.

use super::Bench;
use super::measure::Medians;
use super::tool::Tool;

pub(crate) struct Row {
    what: &'static str,
    medians: Medians,
    goal: &'static str,
    /// Beside which program; buildah unless it is said.
    peer: Option<&'static str>,
}

impl Row {
    pub(crate) fn of(what: &'static str, medians: Medians, goal: &'static str) -> Self {
        Self { what, medians, goal, peer: None }
    }

    /// The same beside another program than buildah.
    pub(crate) fn beside(self, peer: &'static str) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// A row for each of the bench's peers, in their order.
    pub(crate) fn each(
        bench: &Bench,
        what: &'static str,
        medians: Vec<Medians>,
        goal: &'static str,
    ) -> Vec<Self> {
        let row = |(peer, medians): (&Tool, _)| Self::of(what, medians, goal).beside(peer.name);
        bench.peers().zip(medians).map(row).collect()
    }
}

pub(crate) fn print(rows: &[Row], bench: &Bench, machine: &str) {
    println!();
    println!("| work | Lapstrake | peer | ratio | goal |");
    println!("|---|--:|--:|--:|---|");
    for Row { what, medians, goal, peer } in rows {
        let (ours, theirs) = (duration(medians.ours), duration(medians.theirs));
        let peer = peer.unwrap_or("buildah");
        println!("| {what} | {ours} | {peer} {theirs} | {} | {goal} |", ratio(medians.ratio));
    }
    println!();
    let docker = bench
        .docker
        .as_ref()
        .map_or(String::new(), |docker| format!(", BuildKit of Docker {}", docker.tool.version));
    println!(
        "Medians of {} back-to-back runs; Lapstrake {}, buildah {} (`bud --layers`){docker}; {machine}.",
        bench.runs, bench.ours.version, bench.buildah.version
    );
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{:.1} ms", s * 1000.0),
        s if s < 0.9995 => format!("{:.0} ms", s * 1000.0),
        s => format!("{s:.2} s"),
    }
}

fn ratio(ratio: f64) -> String {
    if ratio < 9.95 { format!("{ratio:.1}×") } else { format!("{ratio:.0}×") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_two_or_three_digits() {
        assert_eq!(duration(0.00123), "1.2 ms");
        assert_eq!(duration(0.123_4), "123 ms");
        assert_eq!(duration(2.345), "2.35 s");
        assert_eq!(ratio(1.52), "1.5×");
        assert_eq!(ratio(30.4), "30×");
    }
}
