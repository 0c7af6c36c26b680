//! What a RUN asks for beyond the usual sandbox: network, security, devices; and whether it may.

use lapstrake_parser::mount::Device;
use lapstrake_parser::{Diagnostic, Instruction, Span};

use super::fault::{fault, with_help};
use super::stage::Build;
use super::{Entitlement, flag};
use crate::graph::{Network, Security};

/// `--network`, else what the command line says.
pub(super) fn network(build: &Build<'_>, instruction: &Instruction) -> Result<Network, Diagnostic> {
    let written = flag::value(instruction, "network");
    match written.map(|word| (word.as_str(), word.span())) {
        None | Some(("default", _)) => Ok(build.options.network),
        Some(("none", _)) => Ok(Network::None),
        Some(("host", span)) => {
            allowed(build, Entitlement::NetworkHost, "RUN --network=host", span)?;
            Ok(Network::Host)
        }
        Some((other, span)) => {
            let message = format!("{other} is not a network mode");
            let help = "the modes are default, none and host";
            Err(with_help(fault("invalid-flag-value", span, message), help))
        }
    }
}

/// `--security`.
pub(super) fn security(
    build: &Build<'_>,
    instruction: &Instruction,
) -> Result<Security, Diagnostic> {
    let written = flag::value(instruction, "security");
    match written.map(|word| (word.as_str(), word.span())) {
        None | Some(("sandbox", _)) => Ok(Security::Sandbox),
        Some(("insecure", span)) => {
            allowed(build, Entitlement::SecurityInsecure, "RUN --security=insecure", span)?;
            Ok(Security::Insecure)
        }
        Some((other, span)) => {
            let message = format!("{other} is not a security mode");
            let help = "the modes are sandbox and insecure";
            Err(with_help(fault("invalid-flag-value", span, message), help))
        }
    }
}

/// `--device`: a device that is not there is left out, with a warning, if the command can do without it.
/// Giving one to a command is refused by name.
pub(super) fn devices(build: &mut Build<'_>, instruction: &Instruction) -> Result<(), Diagnostic> {
    let flags = instruction.flags.iter().filter(|flag| flag.name.value == "device");
    for word in flags.filter_map(|flag| flag.value.as_ref()) {
        let device = Device::parse(word.as_str()).map_err(|error| {
            let fault = fault("invalid-device", word.span_of(error.range), error.message);
            match error.hint {
                Some(hint) => with_help(fault, hint),
                None => fault,
            }
        })?;
        let name = &device.name;
        if build.options.run.has_devices {
            let message = format!("the device {name} cannot be given to a RUN yet");
            let help = "remove the flag, or build this file with another builder for now";
            return Err(with_help(fault("unsupported-device", word.span(), message), help));
        }
        if device.required {
            let message = format!("there is no device {name} on this machine");
            let help = "describe it for CDI in /etc/cdi or /var/run/cdi, or do without `required`";
            return Err(with_help(fault("unknown-device", word.span(), message), help));
        }
        build.warnings.push(format!(
            "there is no device {name} on this machine: RUN --device={name} goes without it"
        ));
    }
    Ok(())
}

fn allowed(
    build: &Build<'_>,
    entitlement: Entitlement,
    what: &str,
    span: Span,
) -> Result<(), Diagnostic> {
    if build.options.run.allowed.contains(&entitlement) {
        return Ok(());
    }
    let name = entitlement.name();
    let message = format!("{what} needs the entitlement {name}, which is not allowed");
    let help = format!("build with --allow {name} if you trust this Dockerfile with it");
    Err(with_help(fault("entitlement", span, message), help))
}
