//! Layers on their way into an archive, in which the size stands before the bytes: one that is
//! compressed goes into a temporary file first.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Seek as _, Write};
use std::sync::Arc;

use lapstrake_cache::{Store, Temporary};
use lapstrake_oci::{Descriptor, Digest};

use crate::packing::{self, PackReader, Packed};
use crate::{Error, Form, Images, ResolvedImage, parallel};

/// Layers that are compressed at the same time, each by several threads.
const WORKERS: usize = 2;
/// Bytes that are copied at once.
const CHUNK: usize = 1 << 20;

/// A layer that is ready to leave.
#[derive(Clone)]
pub(crate) struct Parcel {
    pub(crate) descriptor: Descriptor,
    /// Where its bytes are; those of the store for none.
    spool: Option<Arc<Spool>>,
}

/// A file that vanishes with this value.
struct Spool {
    file: File,
    _folder: Temporary,
}

/// Layers that are ready, by their digests in the store.
pub(crate) type Parcels = BTreeMap<Digest, Parcel>;

impl Images<'_> {
    /// Compresses the layers of `image` that are to be, several at a time; all others are ready as
    /// they are.
    pub(crate) fn make_ready(
        &self,
        image: &ResolvedImage,
        form: &Form,
        ready: &mut Parcels,
    ) -> Result<(), Error> {
        let mut work: BTreeMap<Digest, (&Descriptor, Digest)> = BTreeMap::new();
        for (layer, diff_id) in
            image.layers().filter(|(layer, _)| !ready.contains_key(&layer.digest))
        {
            work.insert(layer.digest, (layer, diff_id));
        }
        let work: Vec<_> = work.into_values().collect();
        let parcel = |(layer, diff_id): &(&Descriptor, Digest)| match form
            .packs(layer, self.store.has_blob(&layer.digest, layer.size))
        {
            true => self.spooled(layer, *diff_id, form),
            false => Ok(Parcel { descriptor: Descriptor::clone(layer), spool: None }),
        };
        let parcels = parallel::each(&work, WORKERS, parcel)?;
        ready.extend(work.iter().map(|(layer, _)| layer.digest).zip(parcels));
        Ok(())
    }

    fn spooled(&self, layer: &Descriptor, diff_id: Digest, form: &Form) -> Result<Parcel, Error> {
        let failed = |source: io::Error| match source.downcast::<Error>() {
            Ok(error) => error,
            Err(source) => Error::Io { operation: "compress a layer", source },
        };
        let layer = self.packable(layer, diff_id)?;
        let (mut file, folder) = file(self.store)?;
        let packed = Packed::default();
        let reader = PackReader::new(layer, form.packing, packed.clone()).map_err(failed)?;
        let mut reader = BufReader::with_capacity(CHUNK, reader);
        io::copy(&mut reader, &mut file).map_err(failed)?;
        let (digest, size) =
            packing::made(&packed).ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))?;
        self.store.put_packed(&diff_id, &form.packing.to_string(), &digest, size)?;
        let descriptor = Descriptor::new(form.packing.media_type(), digest, size);
        Ok(Parcel { descriptor, spool: Some(Arc::new(Spool { file, _folder: folder })) })
    }

    /// Writes the bytes of a layer.
    pub(crate) fn copy_parcel(&self, parcel: &Parcel, out: &mut dyn Write) -> Result<(), Error> {
        let Some(spool) = &parcel.spool else {
            return self.copy_blob(&parcel.descriptor, out);
        };
        let mut file = &spool.file;
        let copied =
            file.rewind().and_then(|()| io::copy(&mut BufReader::with_capacity(CHUNK, file), out));
        copied.map(drop).map_err(Error::io("copy a compressed layer"))
    }
}

fn file(store: &Store) -> Result<(File, Temporary), Error> {
    let folder = store.temporary()?;
    let file =
        File::options().read(true).write(true).create_new(true).open(folder.path().join("layer"));
    Ok((file.map_err(Error::io("make a temporary file"))?, folder))
}
