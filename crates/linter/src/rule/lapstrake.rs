//! What only this project looks for.

rules! { "lapstrake":
    effective_user
    inherited_triggers
    inherited_surprise
    unused_suppression
}
