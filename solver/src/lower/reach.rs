//! Which stages and images the target needs, triggers of base images included.

use lapstrake_parser::{Diagnostic, Instruction, InstructionKind, Severity, Span, Word, suggest};

use super::fault::fault;
use super::header::{self, Header};
use super::origin::{self, Origin};
use super::scope::Scope;
use super::{Near, Need, flag, mount};
use crate::image::{BaseImage, BaseImages, ImageName, Place};

/// What the target needs.
pub(super) struct Reach {
    /// For each stage whether it is needed.
    pub(super) stages: Vec<bool>,
    /// For each stage the triggers of its base.
    pub(super) triggers: Vec<Vec<Trigger>>,
    /// Images whose config is not known yet.
    pub(super) needs: Vec<Need>,
}

/// An instruction that a base has left for the stages that are built on it.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub(super) instruction: Instruction,
    /// The FROM that brings it in, when it stands in no line of this Dockerfile.
    pub(super) place: Option<Span>,
    /// The FROM that brings it in: where it is due, and where its faults show.
    pub(super) due: Span,
}

impl Trigger {
    /// A fault of this trigger, where it is due; the trigger itself is shown when it is here.
    pub(super) fn relocate(&self, mut fault: Diagnostic) -> Diagnostic {
        match self.place {
            Some(_) => fault.labels.clear(),
            None => fault.labels.insert(0, (fault.span, "in this trigger".to_owned())),
        }
        fault.span = self.due;
        let text = self.instruction.original();
        fault.message = format!("the base's trigger `{text}`: {}", fault.message);
        fault
    }
}

/// Follows bases and sources from `target` on. Stages come after everything that they need, so a
/// circle shows as a source that is not an earlier stage.
pub(super) fn reach(
    headers: &[Header<'_>],
    target: usize,
    scope: &Scope<'_>,
    images: &BaseImages,
    faults: &mut Vec<Diagnostic>,
) -> Reach {
    let mut search = Search {
        headers,
        scope,
        images,
        reach: Reach {
            stages: vec![false; headers.len()],
            triggers: vec![Vec::new(); headers.len()],
            needs: Vec::new(),
        },
        faults: Vec::new(),
    };
    search.stage(target);
    if scope.options.every_stage {
        (0..headers.len()).for_each(|stage| search.stage(stage));
    }
    faults.append(&mut search.faults);
    search.reach
}

struct Search<'a> {
    headers: &'a [Header<'a>],
    scope: &'a Scope<'a>,
    images: &'a BaseImages,
    reach: Reach,
    faults: Vec<Diagnostic>,
}

impl Search<'_> {
    fn stage(&mut self, first: usize) {
        let mut pending = vec![first];
        while let Some(number) = pending.pop() {
            let (Some(seen), Some(header)) =
                (self.reach.stages.get_mut(number), self.headers.get(number))
            else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            let triggers = self.base(header, &mut pending);
            for trigger in &triggers {
                self.source(number, &trigger.instruction, trigger.place, &mut pending);
            }
            for instruction in header.instructions {
                self.source(number, instruction, None, &mut pending);
            }
            if let Some(slot) = self.reach.triggers.get_mut(number) {
                *slot = triggers;
            }
        }
    }

    /// Notes the base and returns the triggers that it brings.
    fn base(&mut self, header: &Header<'_>, pending: &mut Vec<usize>) -> Vec<Trigger> {
        match &header.base {
            Origin::Scratch | Origin::Context(_) | Origin::Unknown => Vec::new(),
            Origin::Stage(stage) => {
                pending.push(*stage);
                let parent = self.headers.get(*stage);
                parent.map(|parent| self.triggers_of_stage(parent, header.span)).unwrap_or_default()
            }
            Origin::Image(name) => match self.images.get(name) {
                // What replaces a stage is its result, and nothing runs in it.
                Some(_) if header.is_replaced => Vec::new(),
                Some(image) => self.triggers_of_image(image, header.span),
                None => {
                    self.need(name, header.span);
                    Vec::new()
                }
            },
        }
    }

    fn triggers_of_image(&mut self, image: &BaseImage, place: Span) -> Vec<Trigger> {
        let texts = image.config.config.on_build.iter();
        let instructions = texts.filter_map(|text| self.due(text, place));
        instructions
            .map(|instruction| Trigger { instruction, place: Some(place), due: place })
            .collect()
    }

    /// As [`Self::triggers_of_image`], with the places that they have in this file.
    fn triggers_of_stage(&mut self, parent: &Header<'_>, place: Span) -> Vec<Trigger> {
        let mut triggers = Vec::new();
        for instruction in parent.instructions {
            let InstructionKind::Onbuild(onbuild) = &instruction.kind else { continue };
            if self.due(&onbuild.text, place).is_some()
                && let Some(instruction) = onbuild.instruction.as_deref().cloned()
            {
                triggers.push(Trigger { instruction, place: None, due: place });
            }
        }
        triggers
    }

    /// The instruction that the trigger `text` is. What was let pass while it was only a text is
    /// a fault now, at `place`.
    fn due(&mut self, text: &str, place: Span) -> Option<Instruction> {
        let (instruction, diagnostics) = lapstrake_parser::parse_trigger(text);
        let mut errors = diagnostics.iter().filter(|one| one.severity == Severity::Error);
        let error = errors.next().map(|one| one.message.as_str());
        if error.is_none() && instruction.is_some() {
            return instruction;
        }
        let reason = error.unwrap_or("it is not an instruction");
        let message = format!("the base's trigger `{text}` is faulty: {reason}");
        self.faults.push(fault("onbuild-trigger", place, message));
        None
    }

    fn source(
        &mut self,
        number: usize,
        instruction: &Instruction,
        place: Option<Span>,
        pending: &mut Vec<usize>,
    ) {
        for (origin, span) in origins(self.headers, number, instruction, self.scope) {
            match origin {
                Origin::Stage(stage) => pending.push(stage),
                Origin::Image(name) if !self.images.contains_key(&name) => {
                    self.need(&name, place.unwrap_or(span));
                }
                Origin::Image(_) | Origin::Scratch | Origin::Context(_) | Origin::Unknown => {}
            }
        }
    }

    /// The stage whose name is much like that of an image.
    fn near(&self, name: &ImageName) -> Option<Near> {
        let Place::Registry(reference) = &name.place else { return None };
        let written = reference.familiar();
        let written = written.strip_suffix(":latest").unwrap_or(&written);
        let stages = self.headers.iter().filter_map(|header| header.name.as_deref());
        let name = suggest(written, stages)?.to_owned();
        let stage = header::find(self.headers, &name)?;
        Some(Near { span: self.headers.get(stage)?.place, name })
    }

    fn need(&mut self, name: &ImageName, span: Span) {
        if self.reach.needs.iter().all(|need| need.name != *name) {
            let near = self.near(name);
            self.reach.needs.push(Need { name: name.clone(), span, near });
        }
    }
}

/// What an instruction in stage `number` takes files from, and where it says so. Lowering the
/// instruction reports a fault.
fn origins(
    headers: &[Header<'_>],
    number: usize,
    instruction: &Instruction,
    scope: &Scope<'_>,
) -> Vec<(Origin, Span)> {
    if let InstructionKind::Run(_) = &instruction.kind {
        return mount::origins(headers, number, instruction, scope);
    }
    let span = flag::value(instruction, "from").map_or(instruction.span, Word::span);
    let origin = origin(headers, number, instruction, scope).ok().flatten();
    origin.map(|origin| (origin, span)).into_iter().collect()
}

/// Where a COPY in stage `number` takes its files from; `None` without `--from`, and for other
/// instructions.
pub(super) fn origin(
    headers: &[Header<'_>],
    number: usize,
    instruction: &Instruction,
    scope: &Scope<'_>,
) -> Result<Option<Origin>, Diagnostic> {
    let InstructionKind::Copy(_) = &instruction.kind else {
        return Ok(None);
    };
    let from = flag::value(instruction, "from");
    let named = |from: &Word| origin::named(from.as_str(), from.span(), number, headers, scope);
    from.map(named).transpose()
}
