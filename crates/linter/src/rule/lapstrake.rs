//! What only this project looks for.

rules! { "lapstrake":
    copy_source_missing
    effective_user
    inherited_triggers
    inherited_surprise
    unused_suppression
}
