//! Finding the network of commands beside other work: to connect one takes longer than a command takes to
//! start. When anything has to be executed, commands mostly have to be as well.

use super::Workshop;
use crate::graph::{Network, Op};

impl Workshop<'_> {
    /// Whether a command does not say which network it is to have.
    pub fn needs_network(&self) -> bool {
        let is_one = |op: &Op| matches!(op, Op::Run(run) if run.network == Network::Default);
        self.graph.iter().any(|(_, vertex)| is_one(&vertex.op))
    }

    /// Finds the network. Who needs it is told what is wrong with it.
    pub fn find_network(&self) {
        let _ = (self.network)();
    }
}
