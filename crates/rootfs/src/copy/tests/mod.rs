//! Tests of what is selected, from small views in memory, and of what is written, against the
//! conformance cases that were recorded from BuildKit.

mod conformance;
mod image;
mod script;
mod selected;
mod subtree;
mod written;
