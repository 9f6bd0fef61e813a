-- Requests that carried a key, so that a repeated one gets the answer of the first. Not derived from events: what a
-- request makes has an id that follows from the key, so losing a row here costs the same answer, never the one effect.
create table idempotency_keys (
    learner_id  uuid not null,
    key         text not null,
    -- SHA-256 of what was asked: the same key with another request is a mistake of the caller's.
    fingerprint bytea not null,
    -- Whoever works on it; a new one when a first attempt died and somebody takes over.
    claim       uuid not null,
    lease_until timestamptz not null,
    created_at  timestamptz not null default clock_timestamp(),
    -- The answer; null while it is worked on.
    status      smallint,
    headers     jsonb,
    body        bytea,
    primary key (learner_id, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
