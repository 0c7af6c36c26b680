//! The grammar of names and Docker's defaults, after distribution/reference.
//!
//! ```text
//! name       = [registry "/"] component *("/" component)
//! registry   = (label *("." label) | "[" IPv6 "]") [":" digits]
//! component  = alphanumeric *(separator alphanumeric)        lower case
//! separator  = "." | "_" | "__" | *"-"
//! tag        = (letter | digit | "_") 0*127(… | "." | "-")
//! reference  = name [":" tag] ["@" digest]
//! ```

use std::borrow::Cow;

use super::{
    DEFAULT_REGISTRY, DEFAULT_TAG, InvalidReference, LEGACY_REGISTRY, OFFICIAL, Reference,
};
use crate::digest::Digest;
use crate::error::{Error, excerpt};

const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;
/// More than the longest registry, repository, tag and digest together.
const MAX_LENGTH: usize = 1024;

pub(super) fn parse(text: &str) -> Result<Reference, InvalidReference> {
    check_whole(text)?;
    let (rest, digest) = split_digest(text)?;
    let (name, tag) = split_tag(rest);
    if name.is_empty() {
        return Err(InvalidReference::Empty);
    }
    let (registry, repository) = split_registry(name);
    check_registry(&registry)?;
    check_repository(&repository)?;
    let tag = match (tag, digest) {
        (Some(tag), _) => Some(check_tag(tag)?),
        (None, Some(_)) => None,
        (None, None) => Some(DEFAULT_TAG),
    };
    Ok(Reference {
        registry: registry.into_owned(),
        repository: repository.into_owned(),
        tag: tag.map(str::to_owned),
        digest,
    })
}

/// What registry and repository a name without tag and digest stands for. The first part is a
/// registry when it could not be a part of a repository: `localhost`, or with a dot, a port or upper
/// case.
pub(super) fn split_registry(name: &str) -> (Cow<'_, str>, Cow<'_, str>) {
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (DEFAULT_REGISTRY, name),
    };
    let registry = if registry == LEGACY_REGISTRY { DEFAULT_REGISTRY } else { registry };
    if registry == DEFAULT_REGISTRY && !repository.contains('/') {
        return (registry.into(), format!("{OFFICIAL}{repository}").into());
    }
    (registry.into(), repository.into())
}

pub(super) fn check_tag(tag: &str) -> Result<&str, InvalidReference> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_well = tag.bytes().next().is_some_and(is_word);
    let is_valid = tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    if tag.len() > MAX_TAG || !starts_well || !is_valid {
        return Err(InvalidReference::Tag(excerpt(tag)));
    }
    Ok(tag)
}

fn check_whole(text: &str) -> Result<(), InvalidReference> {
    if text.is_empty() {
        return Err(InvalidReference::Empty);
    }
    if text.len() > MAX_LENGTH {
        return Err(InvalidReference::Long);
    }
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(InvalidReference::Id);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(InvalidReference::Scheme(excerpt(scheme)));
    }
    Ok(())
}

fn split_digest(text: &str) -> Result<(&str, Option<Digest>), InvalidReference> {
    let Some((rest, digest)) = text.split_once('@') else {
        return Ok((text, None));
    };
    match digest.parse::<Digest>() {
        Ok(digest) => Ok((rest, Some(digest))),
        Err(Error::Digest { text, reason }) => Err(InvalidReference::Digest { text, reason }),
        Err(_) => Err(InvalidReference::Empty),
    }
}

/// The tag stands behind the last `:` after the last `/`.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

fn is_registry(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':'])
        || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Result<(), InvalidReference> {
    let (host, port) = split_port(registry);
    let port_is_valid =
        port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'));
    let host_is_valid = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(is_ipv6),
        None => host.split('.').all(is_label),
    };
    if !port_is_valid || !host_is_valid {
        return Err(InvalidReference::Registry(excerpt(registry)));
    }
    Ok(())
}

fn split_port(registry: &str) -> (&str, Option<&str>) {
    match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    }
}

fn is_ipv6(text: &str) -> bool {
    // Not in the notation that ends in an IPv4 address, as for Docker.
    !text.contains('.') && text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn is_label(label: &str) -> bool {
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    is_edge(label.bytes().next()) && is_edge(label.bytes().last()) && label.bytes().all(is_inside)
}

fn check_repository(repository: &str) -> Result<(), InvalidReference> {
    if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(InvalidReference::Uppercase(excerpt(repository)));
    }
    if !repository.split('/').all(is_component) {
        return Err(InvalidReference::Repository(excerpt(repository)));
    }
    if repository.len() > MAX_REPOSITORY {
        return Err(InvalidReference::RepositoryLength);
    }
    Ok(())
}

fn is_component(component: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends_well = component.bytes().next().is_some_and(is_alphanumeric)
        && component.bytes().last().is_some_and(is_alphanumeric);
    let separators =
        component.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    ends_well && separators.into_iter().all(is_separator)
}

/// What stands between two letters or digits; nothing counts as well.
fn is_separator(text: &str) -> bool {
    matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
}
