//! `import`: a root file system becomes an image of one layer.

use std::io::{self, Read, Write as _};

use lapstrake_cache::BlobWriter;
use lapstrake_oci::{
    Compression, Config, Descriptor, Digest, History, ImageConfig, Manifest, MediaType, Platform,
    Reference, RootFs,
};
use lapstrake_rootfs::LayerId;
use lapstrake_rootfs::tar::Limits;

use crate::bounded::Bounded;
use crate::incoming::apply_plain;
use crate::{Error, Images, LayerFault, Loaded};

/// What an imported image is beside its files.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What it runs on.
    pub platform: Platform,
    /// How to run it; empty as `docker import` has it without `--change`.
    pub config: Config,
    /// The comment in its history.
    pub message: String,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            platform: Platform::host(),
            config: Config::default(),
            message: "Imported from -".to_owned(),
        }
    }
}

impl Images<'_> {
    /// Makes an image of one layer from the tar of a root file system: plain, gzip, zstd, bzip2 or
    /// xz. The uncompressed tar is kept as it is. `name`, when given, is set last.
    ///
    /// Not idempotent: the config tells the time of the import.
    ///
    /// # Errors
    /// When the tar cannot be unpacked; then nothing stays. When `name` has a digest.
    pub fn import(
        &self,
        reader: impl Read + Send,
        name: Option<&Reference>,
        options: &ImportOptions,
    ) -> Result<Loaded, Error> {
        if let Some(name) = name.filter(|name| name.digest().is_some()) {
            return Err(Error::DigestAsTag { name: name.familiar() });
        }
        let _lease = self.store.lease()?;
        let (diff_id, size) = self.import_layer(reader)?;
        let config = config(options, diff_id);
        let config = config.to_bytes().map_err(Error::document("the config"))?;
        let layer = Descriptor::new(MediaType::OciLayer(Compression::None), diff_id, size);
        let id = Descriptor::of(MediaType::OciConfig, &config);
        let manifest = Manifest::new(MediaType::OciManifest, id, vec![layer]);
        let manifest = manifest.to_bytes().map_err(Error::document("the manifest"))?;
        let id = self.store.put_blob(&config)?;
        let manifest = self.store.put_blob(&manifest)?;
        self.store.sync()?;
        let names: Vec<String> = name.iter().map(ToString::to_string).collect();
        for name in &names {
            self.store.set_tag(name, &manifest)?;
        }
        Ok(Loaded { names, id, manifest })
    }

    /// Returns diff id and size of the uncompressed tar.
    fn import_layer(&self, reader: impl Read + Send) -> Result<(Digest, u64), Error> {
        let read = Error::io("read the root file system's archive");
        let plain = Bounded::new(reader).map_err(read)?;
        let mut kept = Kept { reader: plain, blob: self.store.blob_writer()? };
        let staging = self.store.stage_layer()?;
        let (manifest, diff_id) = apply_plain(&mut kept, &staging, &Limits::default())
            .map_err(|fault| fault.of(kept.blob.written().0))?;
        let holds_nothing = manifest.entries().len() <= 1;
        if holds_nothing {
            let reason = "it holds no file, or is no tar archive".to_owned();
            return Err(Error::Archive { reason });
        }
        let (digest, size) = kept.blob.commit_unknown(self.store)?;
        if digest != diff_id {
            return Err(LayerFault::DiffId { expected: diff_id, found: digest }.of(digest));
        }
        let id = LayerId::Image(diff_id);
        let _lock = self.store.lock_layer(&id, &|| false)?;
        if self.store.locate(&id)?.is_none() {
            self.store.commit_layer(staging, id, manifest)?;
        }
        Ok((diff_id, size))
    }
}

/// Writes what it reads.
struct Kept<R> {
    reader: R,
    blob: BlobWriter,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.blob.write_all(buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}

fn config(options: &ImportOptions, diff_id: Digest) -> ImageConfig {
    let now = Some(jiff::Timestamp::now().to_string());
    let history =
        History { created: now.clone(), comment: options.message.clone(), ..History::default() };
    ImageConfig {
        created: now,
        config: options.config.clone(),
        rootfs: RootFs::new(vec![diff_id]),
        history: vec![history],
        ..ImageConfig::new(&options.platform)
    }
}
