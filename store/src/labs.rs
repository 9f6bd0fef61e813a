//! placeholder until the lab format is there.
