//! What handlers ask for by type: who asks, for which session, with which body.

mod body;
mod ids;
mod key;
mod learner;
mod params;
mod session;

pub(crate) use body::{JsonBody, OptionalJsonBody};
pub(crate) use ids::{Asker, RequestIdExt};
pub(crate) use key::IdempotencyKey;
pub(crate) use learner::SignedIn;
pub(crate) use params::{FormBody, PathParam, QueryParams};
pub(crate) use session::{OwnSession, own_session, watchable_session};
