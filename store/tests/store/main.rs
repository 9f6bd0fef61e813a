//! The store against the real PostgreSQL and Redis. Each test has a database and a Redis namespace of its own.

mod attempts;
mod backlog;
mod blobs;
mod idempotency;
mod jobs;
mod labs;
mod ledger;
mod live;
mod logins;
mod place_in_line;
mod previews;
mod projections;
mod queue;
mod reconciler;
mod recordings;
mod rejudge;
mod sessions;
mod support;
mod test_store;
mod timeline;
mod transfer;
mod trouble;
mod workspaces;
