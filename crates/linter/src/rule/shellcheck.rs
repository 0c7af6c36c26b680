//! What ShellCheck says of the shell text in RUN, with its ids as aliases. `tests/hadolint.rs` compares
//! them over real files.

rules! { "shellcheck":
    find_without_path
    echo_flags_in_sh
    source_in_sh
    bash_builtin_in_sh
    find_to_xargs
    backticks
    unquoted_variable
    unquoted_substitution
    masked_status
    variable_in_single_quotes
    loop_runs_once
    negation_skips_errexit
    echo_of_escapes
    and_or_is_no_if
}
