//! Platforms: the predefined arguments, `FROM --platform`, and what a stage and its image are for.

use lapstrake_oci::{ImageConfig, Platform};
use lapstrake_parser::Word;

use super::environment::Environment;
use super::fault::{Faults, fault, with_help};
use super::scope::Scope;
use super::word;

/// Sets `TARGETPLATFORM`, `TARGETOS` and so on, with the given prefix.
pub(super) fn set(environment: &mut Environment, prefix: &str, platform: &Platform) {
    for (suffix, value) in [
        ("PLATFORM", platform.to_string().as_str()),
        ("OS", &platform.os),
        ("OSVERSION", &platform.os_version),
        ("ARCH", &platform.architecture),
        ("VARIANT", &platform.variant),
    ] {
        environment.set(&format!("{prefix}{suffix}"), value);
    }
}

/// What `FROM --platform` says.
pub(super) fn written(written: &Word, scope: &Scope<'_>) -> Result<Platform, Faults> {
    let text = word::expand(written, &scope.arguments, scope.escape)?;
    if text.is_empty() {
        let message = format!("the platform {} is blank here", written.as_str());
        let help = "give the ARG a default, or a value with --build-arg";
        return Err(with_help(fault("platform", written.span(), message), help).into());
    }
    Platform::parse(&text).map_err(|error| {
        let help = "write OS/ARCHITECTURE, such as linux/amd64";
        with_help(fault("platform", written.span(), error.to_string()), help).into()
    })
}

/// What the image of a target says that it is for: the platform that was asked for; when none was,
/// what its base is for.
pub(super) fn settle(image: &mut ImageConfig, asked: Option<&Platform>) {
    let mut platform = image.platform();
    if let Some(asked) = asked {
        let is_same = (&asked.os, &asked.architecture) == (&platform.os, &platform.architecture);
        let asked = asked.clone();
        // What was not asked for stays as the base has it.
        platform = Platform {
            variant: kept(asked.variant, platform.variant, is_same),
            os_version: kept(asked.os_version, platform.os_version, is_same),
            os_features: kept(asked.os_features, platform.os_features, true),
            ..asked
        };
    }
    image.set_platform(&platform);
}

fn kept<T: Default + PartialEq>(asked: T, base: T, is_same: bool) -> T {
    if is_same && asked == T::default() { base } else { asked }
}

/// What a stage on an image runs on: what it was asked for, unless the image is for another machine.
pub(super) fn of_image(image: &ImageConfig, asked: &Platform) -> Platform {
    let is = image.platform();
    match (&is.os, &is.architecture) == (&asked.os, &asked.architecture) {
        true => asked.clone(),
        false => is,
    }
}

/// `linux/amd64`, and `linux/amd64->arm64` where the environment says what is built there.
pub(super) fn shown(platform: &Platform, environment: &Environment) -> String {
    let Some(target) = target(platform, environment) else { return platform.to_string() };
    if target.os != platform.os {
        return format!("{platform}->{target}");
    }
    match (target.architecture == platform.architecture, target.variant.as_str()) {
        (true, _) => platform.to_string(),
        (false, "") => format!("{platform}->{}", target.architecture),
        (false, variant) => format!("{platform}->{}/{variant}", target.architecture),
    }
}

/// The target platform as far as the stage has declared it.
fn target(platform: &Platform, environment: &Environment) -> Option<Platform> {
    let value = |name| environment.value(name).filter(|value| !value.is_empty());
    if let Some(target) = value("TARGETPLATFORM").and_then(|text| Platform::parse(text).ok()) {
        return Some(target);
    }
    let (os, architecture) = (value("TARGETOS"), value("TARGETARCH"));
    let variant = value("TARGETVARIANT");
    if os.is_none() && architecture.is_none() && variant.is_none() {
        return None;
    }
    Some(Platform::new(
        os.unwrap_or(&platform.os),
        architecture.unwrap_or(&platform.architecture),
        variant.unwrap_or_default(),
    ))
}
