-- What is not derived from events: kept output, sign-ins, and which runners are alive.

-- Output over time: a terminal's recording, or a job's log.
create table recordings (
    recording_id uuid primary key,
    session_id   uuid not null,
    kind         text not null check (kind in ('terminal', 'log')),
    -- Bytes of output so far: the position of the next byte.
    length       bigint not null default 0,
    created_at   timestamptz not null default clock_timestamp(),
    closed_at    timestamptz
);
create table recording_chunks (
    recording_id uuid not null references recordings,
    -- Position of the first byte of output in this chunk; for a resize, the position at which it happened.
    position     bigint not null,
    -- o: output, r: resize (data is COLSxROWS).
    code         "char" not null check (code in ('o', 'r')),
    data         bytea not null,
    at           timestamptz not null default clock_timestamp(),
    primary key (recording_id, position, code)
);

create table logins (
    -- SHA-256 of the token in the cookie: the table alone lets nobody in.
    token_hash bytea primary key,
    learner_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
create index logins_to_expire on logins (expires_at);

create table runners (
    runner_id    uuid primary key,
    name         text not null,
    -- Where the api reaches its gateway, such as http://10.0.0.5:9000.
    address      text not null,
    capacity     integer not null,
    state        text not null check (state in ('active', 'draining', 'stopped')),
    started_at   timestamptz not null default clock_timestamp(),
    heartbeat_at timestamptz not null default clock_timestamp()
);
