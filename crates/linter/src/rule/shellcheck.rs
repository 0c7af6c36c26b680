//! What ShellCheck says of the shell text in RUN, with its ids as aliases. `tests/shellcheck.rs` compares
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
    braces_in_sh
    option_of_set_in_sh
    both_outputs_in_sh
    glob_may_be_flag
    variable_as_format
    dollar_quotes_in_sh
    double_brackets_in_sh
    double_equals_in_sh
    local_in_sh
    substring_in_sh
    replacement_in_sh
    unchecked_cd
    removal_below_empty
    joined_tests
    status_looked_at_later
    unused_variable
}
