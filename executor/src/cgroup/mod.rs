//! Limits that only a control group can keep (cgroups(7)), in version 1 and 2 of the interface.
//!
//! Nothing of this happens for a sandbox without such a limit. Reading order: `limits` (what is asked
//! for, and what is written where), `hierarchy` (what is mounted), `group` (making, joining,
//! removing), `register` (what killed processes left).

mod group;
mod hierarchy;
mod limits;
mod register;

pub(crate) use group::{Door, Group};
pub use limits::{ControlGroup, Exceeded, GroupLimits, Swap, Unenforceable};
pub use register::remove_stale_groups;
