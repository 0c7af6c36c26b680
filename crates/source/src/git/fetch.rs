//! A commit, as a layer with its files.
//!
//! A record leads from the commit's id, and what is wanted of it, to the layer; a note keeps the
//! commit's time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapstrake_cache::ActionKey;
use lapstrake_http::Url;
use lapstrake_rootfs::{ContentHash, ContentHasher, LayerWriter, Timestamp, View};

use super::checkout::{Checkout, Wanted};
use super::program::{Git, Limits};
use super::resolve::{Resolved, resolve};
use super::{GitReference, Remote, access};
use crate::{Error, Fetched, Fetcher, HttpUrl};

/// What `git` asks first over HTTP.
const QUESTION: &str = "/info/refs?service=git-upload-pack";

impl Fetcher<'_> {
    /// The files of a commit as a layer: mode 0644 or 0755, owned by root.
    ///
    /// What a branch or tag stands for is asked each time; a commit that the store has is not
    /// fetched again, and one that is named by its id is not asked for.
    ///
    /// # Errors
    /// When it cannot be had, or is not what the checksum says.
    pub fn git(&self, reference: &GitReference) -> Result<Fetched, Error> {
        // Plain data in memory always encodes.
        let identity = postcard::to_allocvec(reference).unwrap_or_default();
        self.once(ContentHash::of(&identity), || match self.fetch_commit(reference) {
            Err(Error::Moved { remote }) => match self.moved(reference)? {
                Some(reference) => self.fetch_commit(&reference),
                None => Err(Error::Moved { remote }),
            },
            other => other,
        })
    }

    /// The reference at the place that its server sends us to, when that is at the same host: one
    /// that was renamed.
    fn moved(&self, reference: &GitReference) -> Result<Option<GitReference>, Error> {
        let remote = &reference.remote;
        let Remote::Http(HttpUrl { url, login }) = remote else { return Ok(None) };
        let Some(value) = access::authorization(remote, true, &self.secrets)? else {
            return Ok(None);
        };
        let asked = Url { path: format!("{}{QUESTION}", url.path), ..url.clone() };
        let Some(Url { origin, path }) = self.client.locate(&asked, &value)? else {
            return Ok(None);
        };
        let path = path.strip_suffix(QUESTION).filter(|path| *path != url.path);
        Ok(path.map(|path| {
            let url = Url { origin, path: path.to_owned() };
            let remote = Remote::Http(HttpUrl { url, login: login.clone() });
            GitReference { remote, ..reference.clone() }
        }))
    }

    fn fetch_commit(&self, reference: &GitReference) -> Result<Fetched, Error> {
        let folder = self.store.temporary()?;
        let time = Duration::from_secs(self.config.most_seconds);
        let limits = Limits { time, bytes: self.config.most_bytes };
        let http = &self.config.http;
        let git = Git::new(&self.config.git, http, folder.path(), limits, self.cancelled)?;
        let resolved = resolve(reference, &git, &self.secrets)?;
        let key = key(reference, &resolved);
        if let Some(found) = self.known_commit(&key)? {
            return Ok(found);
        }
        let _lock = self.store.lock_action(&key, &|| (self.cancelled)())?;
        match self.known_commit(&key)? {
            Some(found) => Ok(found),
            None => self.check_out(reference, &git, &resolved, &key),
        }
    }

    fn known_commit(&self, key: &ActionKey) -> Result<Option<Fetched>, Error> {
        let time = self.store.note(&key.0).and_then(|note| postcard::from_bytes(&note).ok());
        let layer = self.recorded(key)?;
        let found = layer.zip(time);
        Ok(found.map(|(layer, time)| Fetched {
            layer,
            modified: Some(time),
            is_new: false,
            version: None,
        }))
    }

    fn check_out(
        &self,
        reference: &GitReference,
        git: &Git<'_>,
        resolved: &Resolved,
        key: &ActionKey,
    ) -> Result<Fetched, Error> {
        let commit = resolved.commit.as_ref().unwrap_or(&resolved.object);
        let version = self.version(*key, &resolved.name, commit)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now =
            Timestamp { seconds: now.as_secs().cast_signed(), nanoseconds: now.subsec_nanos() };
        let wanted = Wanted {
            subdirectory: reference.subdirectory.as_deref(),
            submodules: reference.submodules.unwrap_or(true),
            time: now,
            most_bytes: self.config.most_bytes,
        };
        let remote = &reference.remote;
        let mut checkout = Checkout::fetch(git, &self.secrets, remote, resolved, wanted)?;
        let time = checkout.time()?;
        if reference.commit_time {
            checkout.set_time(Timestamp { seconds: time, nanoseconds: 0 });
        }
        let staging = self.store.stage_layer()?;
        let failed = |source| Error::Write { what: remote.to_string(), source };
        let mut writer = LayerWriter::new(staging.open_fs()?, View::default()).map_err(failed)?;
        checkout.write(&mut writer)?;
        if keeps_git_dir(reference) {
            checkout.write_repositories(&mut writer)?;
        }
        let manifest = writer.finish().map_err(failed)?;
        let layer = self.keep(staging, manifest, &[*key])?;
        self.store.put_note(&key.0, &postcard::to_allocvec(&time).unwrap_or_default())?;
        Ok(Fetched { layer, modified: Some(time), is_new: true, version: Some(version) })
    }
}

/// The repository is kept only with all of its commit.
fn keeps_git_dir(reference: &GitReference) -> bool {
    reference.keep_git_dir.unwrap_or(false) && reference.subdirectory.is_none()
}

/// A commit's files are the same wherever they come from; its repository says where that was.
fn key(reference: &GitReference, resolved: &Resolved) -> ActionKey {
    let mut hasher = ContentHasher::new("lapstrake action git 1");
    match keeps_git_dir(reference) {
        true => {
            hasher.field(resolved.object.as_bytes()).field(resolved.name.as_bytes());
            hasher.field(reference.remote.argument().as_bytes());
        }
        false => {
            hasher.field(resolved.commit.as_ref().unwrap_or(&resolved.object).as_bytes());
        }
    }
    hasher.field(reference.subdirectory.as_deref().unwrap_or_default().as_bytes());
    hasher.number(u64::from(reference.submodules.unwrap_or(true)));
    hasher.number(u64::from(reference.commit_time));
    ActionKey(hasher.finish())
}
