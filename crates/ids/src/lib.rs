//! Which users and groups there are: those that the user namespace of this process maps
//! (user_namespaces(7)), and what to say where one is wanted that it does not.
//!
//! Nothing is mapped here; `cli` does that, before anything else, where lap is not started by root.
//!
//! Reading order: [`IdMap`], [`Unmapped`].

mod map;
mod unmapped;

pub use map::IdMap;
pub use unmapped::{Kind, Unmapped, explained};
