//! A directory in a root file system.

use lapstrake_rootfs::TreePath;
use lapstrake_rootfs::copy::make_directory;
use lapstrake_rootfs::writer::LayerWriter;

use super::miss::Action;
use super::{Begin, Failure, Made, Value, Workshop, own, rootfs};
use crate::event::Outcome;
use crate::graph::{MkdirOp, Vertex, VertexId};
use crate::key;

impl Workshop<'_> {
    pub(super) fn mkdir(
        &self,
        id: VertexId,
        vertex: &Vertex,
        op: &MkdirOp,
        inputs: &[Value],
        begin: Begin<'_>,
    ) -> Result<(Value, Outcome), Failure> {
        let below = rootfs(inputs);
        let key = key::mkdir(op, &below.layers);
        let action = Action { key, own: Some(&|| own::mkdir(op)) };
        self.recorded(id, vertex, &below, &action, begin, || {
            let stack = self.layers.stack(&below.layers)?;
            let owner = self.owner(vertex, &stack, &op.owner)?;
            let staging = self.store.stage_layer()?;
            let mut writer = LayerWriter::new(staging.open_fs()?, stack.view.clone())?;
            let path = TreePath::clean(op.path.as_bytes());
            make_directory(&mut writer, &path, owner, self.made())?;
            let manifest = writer.finish()?.into();
            Ok(Made { staging, manifest, step: None, is_recorded: true })
        })
    }
}
