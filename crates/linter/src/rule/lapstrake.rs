//! What only this project looks for.

rules! { "lapstrake":
    cache_mount_misses
    copy_source_missing
    effective_user
    healthcheck_missing_tool
    inherited_surprise
    inherited_triggers
    no_shell_in_base
    unused_suppression
    user_not_in_image
    wrong_shell_dialect
}
