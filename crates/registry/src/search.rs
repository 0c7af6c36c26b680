//! Searching a registry, as Docker Hub answers it (`/v1/search`).

use lapstrake_http::{Origin, Url};
use lapstrake_oci::MAX_DOCUMENT_SIZE;
use serde::Deserialize;

use crate::client::Client;
use crate::error::Error;
use crate::session::Question;

/// Who searches Docker Hub.
const HUB: &str = "docker.io";
const HUB_HOST: &str = "index.docker.io";

/// A repository that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Found {
    /// As it is pulled.
    pub name: String,
    /// In a few words.
    pub description: Option<String>,
    /// How many like it.
    pub star_count: u64,
    /// Docker vouches for it.
    pub is_official: bool,
    /// It is built by Docker Hub.
    pub is_automated: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<Found>,
}

impl Client {
    /// What a registry (`docker.io`, `localhost:5000`) finds for a term, at most `limit`, in its order.
    /// No credentials are shown.
    ///
    /// # Errors
    /// When the registry cannot be reached, does not search, or answers something else.
    pub fn search(&self, registry: &str, term: &str, limit: usize) -> Result<Vec<Found>, Error> {
        let what = format!("repositories for {term:?}");
        let endpoint = self.inner.itself(registry)?;
        let origin = match registry {
            HUB => Origin::parse(true, HUB_HOST)
                .map_err(|reason| Error::Endpoint { text: HUB_HOST.to_owned(), reason })?,
            _ => endpoint.origin,
        };
        let url = Url { origin: origin.clone(), path: "/v1/search".to_owned() };
        let url = url.with_query("q", term).with_query("n", &limit.to_string());
        let session = &self.inner.session;
        let question = Question { what: &what, repository: "", rest: "", accept: "", offset: 0 };
        let answer = session.ask_elsewhere(&origin, &url, question, session.retry.attempts)?;
        let bytes = session.transport.read(answer, &what, MAX_DOCUMENT_SIZE)?;
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|source| Error::Search { endpoint: origin.to_string(), source })?;
        let mut results = answer.results;
        results.truncate(limit);
        Ok(results)
    }
}
