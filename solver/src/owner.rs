//! Users and groups as `--chown` and USER write them.

/// One half of `user:group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    /// Known without a look into the image: a number, root, or nothing, which stands for 0.
    Number(u32),
    /// A name that the image's files have to explain.
    Name(&'a str),
}

/// Reads one half of `user:group`.
pub(crate) fn id(half: &str) -> Id<'_> {
    match half {
        "" | "root" => Id::Number(0),
        _ => half.parse().map_or(Id::Name(half), Id::Number),
    }
}

/// The first half of `user[:group]` that is a name to look up.
pub(crate) fn name(owner: &str) -> Option<&str> {
    owner.splitn(2, ':').find_map(|half| match id(half) {
        Id::Name(name) => Some(name),
        Id::Number(_) => None,
    })
}
