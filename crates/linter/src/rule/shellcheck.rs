//! What ShellCheck says of the shell text in RUN, with its ids as aliases. `tests/hadolint.rs` compares
//! them over real files.

rules! { "shellcheck":
    find_without_path
    echo_flags_in_sh
    source_in_sh
    bash_builtin_in_sh
    find_to_xargs
    backticks
}
