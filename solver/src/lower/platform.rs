//! Platforms: the predefined arguments, and `FROM --platform`.

use lapstrake_oci::Platform;
use lapstrake_parser::{Diagnostic, Word};

use super::environment::Environment;
use super::fault::{fault, with_help};
use super::scope::Scope;
use super::{Options, word};

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

/// Refuses a platform that is not the one the image is built for.
pub(super) fn check(written: &Word, scope: &Scope, options: &Options) -> Result<(), Diagnostic> {
    let text = word::expand(written, &scope.arguments, scope.escape)?;
    if text.is_empty() {
        let message = format!("the platform {} is blank here", written.as_str());
        let help = "give the ARG a default, or a value with --build-arg";
        return Err(with_help(fault("platform", written.span, message), help));
    }
    let platform = Platform::parse(&text).map_err(|error| {
        let help = "write OS/ARCHITECTURE, such as linux/amd64";
        with_help(fault("platform", written.span, error.to_string()), help)
    })?;
    if options.platform.normalized().accepts(&platform.normalized()) {
        return Ok(());
    }
    let message = format!("stages for {text} are not supported yet");
    let help = format!("this build is for {}", options.platform);
    Err(with_help(fault("unsupported-platform", written.span, message), help))
}
