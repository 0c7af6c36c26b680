//! What only this project looks for.

rules! { "lapstrake":
    cache_busting_copy
    cache_mount_misses
    context_waste
    copy_source_missing
    deleted_too_late
    dockerignore_lint
    effective_user
    entrypoint_not_runnable
    healthcheck_missing_tool
    heredoc_no_errexit
    inherited_surprise
    inherited_triggers
    layer_rewrite
    no_op_layer
    no_shell_in_base
    secret_copied
    semicolon_swallows_failure
    size_and_time
    stale_index
    tls_off
    unsigned_packages
    unused_suppression
    user_not_in_image
    value_busts_cache
    world_writable
    wrong_shell_dialect
}
