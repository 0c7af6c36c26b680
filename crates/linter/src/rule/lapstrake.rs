//! What only this project looks for.

rules! { "lapstrake":
    arch_hard_coded
    bad_exec_json
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
    index_update_alone
    inherited_surprise
    inherited_triggers
    layer_rewrite
    no_op_layer
    no_shell_in_base
    out_of_scope_var
    secret_copied
    semicolon_swallows_failure
    signal_not_caught
    size_and_time
    space_before_equals
    stale_index
    tls_off
    unknown_from
    unsigned_packages
    unused_suppression
    user_not_in_image
    value_busts_cache
    world_writable
    wrong_shell_dialect
}
