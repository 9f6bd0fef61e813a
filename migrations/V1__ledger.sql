-- The ledger: every event, in the order that they were appended. Nothing in it is ever changed or deleted.
create table events (
    position       bigint generated always as identity primary key,
    -- Readers that follow the log go by (tx, position) below the snapshot's xmin: position alone is not the order of
    -- commits, and following it loses events under concurrent writers.
    tx             xid8 not null default pg_current_xact_id(),
    aggregate_type text not null,
    aggregate_id   uuid not null,
    sequence       bigint not null,
    event_type     text not null,
    event_version  text not null,
    payload        jsonb not null,
    metadata       jsonb not null,
    -- The session that it belongs to, for the timeline; null where there is none.
    session_id     uuid,
    recorded_at    timestamptz not null default clock_timestamp(),
    -- Doubles as the check of the expected version: two writers of one version collide here.
    unique (aggregate_type, aggregate_id, sequence)
);
create index events_by_commit on events (tx, position);
create index events_by_session on events (session_id, position) where session_id is not null;

-- Content-addressed bytes: files of workspaces.
create table blobs (
    hash  text primary key check (hash ~ '^[0-9a-f]{64}$'),
    size  bigint not null,
    bytes bytea not null
);

-- Frozen workspaces: what a tree hash stands for.
create table trees (
    hash     text primary key check (hash ~ '^[0-9a-f]{64}$'),
    manifest jsonb not null
);
