//! sha256 digests, the only ones that images are addressed by here.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::digest::common::hazmat::{SerializableState as _, SerializedState};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, excerpt};

const PREFIX: &str = "sha256:";
const HEX_LENGTH: usize = 64;

/// The sha256 of some bytes, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest whose 32 bytes are these.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its 64 hexadecimal digits, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{PREFIX}{}", self.hex()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", self.hex())
    }
}

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// There is no `algorithm:`.
    #[error("it does not begin with \"sha256:\"")]
    NoAlgorithm,
    /// An algorithm other than sha256.
    #[error("only sha256 digests are supported")]
    Algorithm,
    /// Not 64 digits.
    #[error("a sha256 digest has 64 hexadecimal digits")]
    Length,
    /// Something else than `0-9a-f`.
    #[error("it holds something else than the digits 0-9 and a-f")]
    Digits,
}

impl FromStr for Digest {
    type Err = Error;

    /// Strict: lower case only, exactly 64 digits, nothing around them.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|reason| Error::Digest { text: excerpt(text), reason })
    }
}

fn parse(text: &str) -> Result<Digest, InvalidDigest> {
    let (algorithm, digits) = text.split_once(':').ok_or(InvalidDigest::NoAlgorithm)?;
    if algorithm != "sha256" {
        return Err(InvalidDigest::Algorithm);
    }
    if digits.len() != HEX_LENGTH {
        return Err(InvalidDigest::Length);
    }
    if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(InvalidDigest::Digits);
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| InvalidDigest::Digits)?;
    Ok(Digest(bytes))
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Takes bytes piece by piece and gives their digest.
#[derive(Clone, Debug, Default)]
pub struct DigestHasher(Sha256);

impl DigestHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// What is known of the bytes taken so far: [`DigestHasher::restore`] goes on from there.
    pub fn save(&self) -> Vec<u8> {
        self.0.serialize().to_vec()
    }

    /// A hasher that goes on where another one was saved; `None` when the bytes are no such state.
    pub fn restore(state: &[u8]) -> Option<Self> {
        let state = SerializedState::<Sha256>::try_from(state).ok()?;
        Sha256::deserialize(&state).ok().map(Self)
    }

    /// The digest of everything taken.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn of_known_bytes() {
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
        let mut hasher = DigestHasher::new();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.finish(), ABC.parse().unwrap());
    }

    #[test]
    fn a_saved_state_goes_on() {
        for cut in [0, 1, 64, 1000] {
            let bytes = [7; 2000];
            let mut first = DigestHasher::new();
            first.update(&bytes[..cut]);
            let mut second = DigestHasher::restore(&first.save()).unwrap();
            second.update(&bytes[cut..]);
            assert_eq!(second.finish(), Digest::of(&bytes));
        }
        assert!(DigestHasher::restore(b"short").is_none());
    }

    #[test]
    fn refuses_everything_but_lower_case_sha256() {
        let refused = [
            ("", InvalidDigest::NoAlgorithm),
            ("ba7816bf", InvalidDigest::NoAlgorithm),
            ("sha256:", InvalidDigest::Length),
            ("sha256:../../x", InvalidDigest::Length),
            (&ABC.to_uppercase(), InvalidDigest::Algorithm),
            (&ABC.replace("ba78", "BA78"), InvalidDigest::Digits),
            (&ABC.replace("ba78", "../."), InvalidDigest::Digits),
            (&format!("{ABC}0"), InvalidDigest::Length),
            (&format!(" {ABC}"), InvalidDigest::Algorithm),
            (&ABC.replace("sha256", "sha512"), InvalidDigest::Algorithm),
            (&format!("sha256:{}", "é".repeat(32)), InvalidDigest::Digits),
        ];
        for (text, reason) in refused {
            assert_eq!(parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn serde_as_text() {
        let json = serde_json::to_string(&Digest::of(b"abc")).unwrap();
        assert_eq!(json, format!("\"{ABC}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), Digest::of(b"abc"));
        assert!(serde_json::from_str::<Digest>("\"sha256:00\"").is_err());
    }
}
