//! The tags of a repository.

use lapstrake_http::Url;
use lapstrake_oci::{MAX_DOCUMENT_SIZE, Reference};
use serde::Deserialize;

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::session::Question;
use crate::transport::Answer;

/// How many tags are asked for at once.
const PAGE: &str = "tags/list?n=1000";
const MAX_PAGES: usize = 200;
const MAX_TAGS: usize = 200_000;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Client {
    /// The tags of the repository of `reference`, in the registry's order; at most 200,000.
    ///
    /// # Errors
    /// When no endpoint knows the repository or lets us see it.
    pub fn tags(&self, reference: &Reference) -> Result<Vec<String>, Error> {
        let what = reference.name();
        self.inner.first(reference.registry(), &what, |endpoint, attempts| {
            self.all_tags(endpoint, reference.repository(), &what, attempts)
        })
    }

    fn all_tags(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        what: &str,
        attempts: u32,
    ) -> Result<Vec<String>, Error> {
        let session = &self.inner.session;
        let mut tags = Vec::new();
        let mut rest = PAGE.to_owned();
        for _ in 0..MAX_PAGES {
            let question = Question { what, repository, rest: &rest, accept: "", offset: 0 };
            let answer = session.ask(endpoint, question, attempts)?;
            let next = next_page(&answer, &endpoint.url(repository, ""));
            let bytes = session.transport.read(answer, what, MAX_DOCUMENT_SIZE)?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|source| Error::Tags {
                what: what.to_owned(),
                endpoint: endpoint.origin.to_string(),
                source,
            })?;
            tags.extend(page.tags.unwrap_or_default());
            match next {
                Some(next) if tags.len() < MAX_TAGS => rest = next,
                _ => break,
            }
        }
        tags.truncate(MAX_TAGS);
        Ok(tags)
    }
}

/// What follows the repository in `Link: <…>; rel="next"`. A link out of the repository ends the list.
pub(crate) fn next_page(answer: &Answer, repository: &Url) -> Option<String> {
    let link = answer.header("link")?;
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    if !parameters.contains("next") {
        return None;
    }
    let url = answer.url.join(target).ok()?;
    let rest = url.path.strip_prefix(&repository.path)?;
    (url.origin == repository.origin).then(|| rest.to_owned())
}
