//! What ShellCheck says of the shell text in RUN, with its ids as aliases. `tests/shellcheck.rs` compares
//! them over real files.

rules! { "shellcheck":
    and_or_is_no_if
    backticks
    bash_builtin_in_sh
    both_outputs_in_sh
    braces_in_sh
    dollar_quotes_in_sh
    double_brackets_in_sh
    double_equals_in_sh
    echo_flags_in_sh
    echo_of_escapes
    find_to_xargs
    find_without_path
    glob_may_be_flag
    joined_tests
    local_in_sh
    loop_runs_once
    masked_status
    negation_skips_errexit
    option_of_set_in_sh
    removal_below_empty
    replacement_in_sh
    source_in_sh
    status_looked_at_later
    substring_in_sh
    unchecked_cd
    unquoted_substitution
    unquoted_variable
    unused_variable
    useless_cat
    variable_as_format
    variable_in_single_quotes
}
