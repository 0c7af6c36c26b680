//! Instructions with one argument, EXPOSE and VOLUME.

use super::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::instruction::{Few, Volume};
use crate::keyword::Keyword;
use crate::split;
use crate::word::Word;

impl Statement<'_> {
    /// All of the rest of the line is one argument.
    pub(super) fn single(&self, context: &mut Context) -> Option<Word> {
        if self.head.rest.is_empty() {
            let help = match self.keyword {
                Keyword::Workdir => "name the directory, as in `WORKDIR /app`",
                Keyword::User => "name the user, as in `USER nobody` or `USER 1000:1000`",
                Keyword::Stopsignal => "name the signal, as in `STOPSIGNAL SIGTERM`",
                _ => "name the author",
            };
            context.fault(self.missing("takes an argument").with_help(help));
            return None;
        }
        Some(self.head.rest.word())
    }

    pub(super) fn ports(&self, context: &mut Context) -> Option<Few<Word>> {
        let ports = split::blank_separated(self.head.rest);
        let ports: Few<_> = ports.map(|port| port.word()).collect();
        if ports.is_empty() {
            context.fault(self.missing("names no port").with_help("write it like `EXPOSE 80/tcp`"));
            return None;
        }
        Some(ports)
    }

    pub(super) fn volumes(&self, context: &mut Context) -> Option<Volume> {
        let array = self.json(self.head.rest, context).ok()?;
        let json = array.is_some();
        let mut paths: Few<_> = match array {
            Some(words) => words.into(),
            None => split::blank_separated(self.head.rest).map(|path| path.word()).collect(),
        };
        if paths.is_empty() {
            let help = "write it like `VOLUME /data`";
            context.fault(self.missing("names no path").with_help(help));
            return None;
        }
        for path in paths.iter().filter(|path| path.text.trim().is_empty()) {
            let message = "VOLUME has an empty path";
            let fault = Diagnostic::error("empty-volume", path.span(), message);
            context.fault(fault.with_help("name a directory of the image, as in `\"/data\"`"));
        }
        paths.retain(|path| !path.text.trim().is_empty());
        (!paths.is_empty()).then_some(Volume { paths, json })
    }
}
