//! What only this project looks for.

rules! { "lapstrake":
    unused_suppression
}
