//! Addresses. Handlers read what came, call a use case of [`crate::services`], and say what came of it.

pub(crate) mod api;
pub(crate) mod pages;
