//! The predefined platform arguments.

use lapstrake_oci::Platform;

use super::environment::Environment;

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
