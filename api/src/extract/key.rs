//! Idempotency keys: what makes a repeated request the same request.
//!
//! The id of what a request makes (a session, a job, an attempt) is derived from the key, so that the ledger itself
//! refuses the second one, even when the process died between the commit and the answer. That the second one also gets
//! the first one's answer is the work of [`crate::idempotency`].

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use containrlab_domain::ids::LearnerId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Error;

/// Bytes that a key may take.
const KEY_LIMIT: usize = 255;

/// The key of a request, from the header `Idempotency-Key` or the field `idempotency_key` of a form.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// The key of a form's field; an empty one is none.
    ///
    /// # Errors
    /// [`Error::UnfitQuery`] when it is too long.
    pub(crate) fn of_field(field: Option<String>) -> Result<Self, Error> {
        match field.filter(|text| !text.is_empty()) {
            Some(text) if text.len() > KEY_LIMIT => {
                Err(Error::UnfitQuery(format!("an idempotency key may take {KEY_LIMIT} bytes at most")))
            }
            key => Ok(Self(key)),
        }
    }

    /// The key itself, if there is one.
    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The id of what the request makes: the same for the same learner, purpose and key, a fresh one without a key.
    pub(crate) fn id_for(&self, learner: LearnerId, purpose: &str) -> Uuid {
        let Some(key) = &self.0 else { return Uuid::now_v7() };
        let mut hash = Sha256::new();
        hash.update(learner.0.as_bytes());
        hash.update((purpose.len() as u64).to_be_bytes());
        hash.update(purpose);
        hash.update(key);
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        // Version 8 is the one for ids made by a rule of one's own.
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        match parts.headers.get("idempotency-key") {
            None => Ok(Self::default()),
            Some(value) => {
                let text = value.to_str().map_err(|_| {
                    Error::UnfitQuery("an idempotency key is made of printable ASCII characters".to_owned())
                })?;
                Self::of_field(Some(text.to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_names_the_same_thing_of_the_same_person_for_the_same_purpose() {
        let (ada, bob) = (LearnerId(Uuid::from_u128(1)), LearnerId(Uuid::from_u128(2)));
        let key = IdempotencyKey::of_field(Some("k".to_owned())).expect("a key");
        assert_eq!(key.id_for(ada, "start lab1"), key.id_for(ada, "start lab1"));
        assert_ne!(key.id_for(ada, "start lab1"), key.id_for(ada, "start lab2"));
        assert_ne!(key.id_for(ada, "start lab1"), key.id_for(bob, "start lab1"));
        let none = IdempotencyKey::default();
        assert_ne!(none.id_for(ada, "start lab1"), none.id_for(ada, "start lab1"));
        assert!(IdempotencyKey::of_field(Some("x".repeat(256))).is_err());
    }
}
