//! What the store has to be told.

/// Where PostgreSQL and Redis are, and how to share them.
#[derive(Clone)]
pub struct Settings {
    /// PostgreSQL's address, such as `postgres://containrlab@127.0.0.1/containrlab`.
    pub database_url: String,
    /// Redis' address, such as `redis://127.0.0.1:6379`.
    pub redis_url: String,
    /// What every Redis key and channel begins with, so that several systems can share one Redis.
    pub namespace: String,
    /// Connections to PostgreSQL that this process may open, beside the relay's own; at least 2.
    pub pool_size: usize,
}

impl std::fmt::Debug for Settings {
    /// Leaves the addresses out: they may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("namespace", &self.namespace)
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}
