//! The private services that an installation starts for itself: PostgreSQL, Redis, a Docker engine.

pub(crate) mod docker;
mod docker_network;
mod ports;
pub(crate) mod postgres;
pub(crate) mod programs;
mod ready;
pub(crate) mod redis;
mod service;

pub(crate) use ready::Ready;
pub(crate) use service::Service;
