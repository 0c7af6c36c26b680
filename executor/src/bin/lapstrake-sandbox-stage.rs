//! The smallest program that can hold the inside of a sandbox: what `lap` does first in `main`.

fn main() {
    lapstrake_executor::sandbox_main_if_requested();
}
