//! Instructions that change nothing but the config: those of `import --change`.

use lapstrake_oci::ImageConfig;
use lapstrake_parser::{Diagnostic, Instruction, InstructionKind};

use super::fault::Faults;
use super::stage::{Stage, Written};
use super::{command, directory, expose, metadata};
use crate::graph::VertexId;

/// Those that may be given, as `docker import` has them.
pub const CHANGES: &str = "CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, \
    USER, VOLUME, WORKDIR";

/// An image config that instructions change, one after the other. Other than in a Dockerfile nothing
/// is added that they do not say, and WORKDIR makes no directory. The escape character is `\`.
pub struct Changed(Stage);

impl Changed {
    /// Nothing has been changed yet.
    pub fn new(image: ImageConfig) -> Self {
        Self(Stage::on(image, VertexId(0)))
    }

    /// Changes it. Returns whether the instruction is one of [`CHANGES`]; another one does nothing.
    ///
    /// # Errors
    /// The faults of the instruction, at places of its own text.
    pub fn by(&mut self, instruction: &Instruction) -> Result<bool, Vec<Diagnostic>> {
        carry_out(&mut self.0, instruction).map_err(|faults| faults.into_iter().collect())
    }

    /// What it says now.
    pub fn finish(self) -> ImageConfig {
        self.0.image
    }
}

/// Returns whether it is one of [`CHANGES`].
fn carry_out(stage: &mut Stage, instruction: &Instruction) -> Result<bool, Faults> {
    let escape = '\\';
    let from = Written { instruction, trigger: None };
    match &instruction.kind {
        InstructionKind::Cmd(form) => command::cmd(stage, form),
        InstructionKind::Entrypoint(form) => command::entrypoint(stage, form),
        InstructionKind::Env(pairs) => metadata::env(stage, pairs, escape)?,
        InstructionKind::Expose(ports) => expose::expose(stage, ports, escape)?,
        InstructionKind::Healthcheck(check) => metadata::healthcheck(stage, check),
        InstructionKind::Label(pairs) => metadata::label(stage, pairs, escape)?,
        InstructionKind::Onbuild(onbuild) => metadata::onbuild(stage, onbuild),
        InstructionKind::Stopsignal(name) => metadata::stop_signal(stage, name, escape)?,
        InstructionKind::User(user) => metadata::user(stage, from, user, escape)?,
        InstructionKind::Volume(volume) => metadata::volume(stage, &volume.paths, escape)?,
        InstructionKind::Workdir(path) => drop(directory::enter(stage, path, escape)?),
        _ => return Ok(false),
    }
    Ok(true)
}
