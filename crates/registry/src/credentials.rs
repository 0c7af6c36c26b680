//! Who the user is to a registry.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What a registry is shown. Never printed: `Debug` leaves the secret out.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password or access token.
    Basic {
        /// The name.
        username: String,
        /// The secret.
        password: String,
    },
    /// An OAuth2 refresh token: exchanged for access tokens at the registry's realm.
    IdentityToken(String),
    /// A bearer token, sent as it is.
    RegistryToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { username, .. } => write!(formatter, "Basic({username:?}, …)"),
            Self::IdentityToken(_) => formatter.write_str("IdentityToken(…)"),
            Self::RegistryToken(_) => formatter.write_str("RegistryToken(…)"),
        }
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;
type Lookup = dyn Fn(&str) -> Result<Option<Credentials>, BoxError> + Send + Sync;

/// Finds credentials by registry (`docker.io`, `localhost:5000`). Asked at most once for each, and
/// only when the registry wants some; may run helper programs.
#[derive(Clone)]
pub struct CredentialSource(Arc<Lookup>);

impl CredentialSource {
    /// Asks `lookup`.
    pub fn new(
        lookup: impl Fn(&str) -> Result<Option<Credentials>, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(lookup))
    }

    /// Knows nobody.
    pub fn none() -> Self {
        Self::new(|_| Ok(None))
    }

    /// The credentials for `registry`, if there are any.
    ///
    /// # Errors
    /// What the lookup says, for example that a helper program failed.
    pub fn find(&self, registry: &str) -> Result<Option<Credentials>, BoxError> {
        (self.0)(registry)
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CredentialSource(…)")
    }
}
