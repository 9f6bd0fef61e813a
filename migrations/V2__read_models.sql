-- What pages read. Each row follows from events and is written in the same transaction as they are.

create table learners (
    learner_id    uuid primary key,
    provider      text not null,
    subject       text not null,
    name          text not null,
    registered_at timestamptz not null,
    unique (provider, subject)
);

create table sessions (
    session_id   uuid primary key,
    learner_id   uuid not null,
    lab_slug     text not null,
    lab_version  text not null,
    origin       jsonb not null,
    phase        text not null check (phase in ('starting', 'ready', 'ending', 'ended')),
    extensions   integer not null default 0,
    runner_id    uuid,
    sandbox_id   uuid,
    requested_at timestamptz not null,
    ready_at     timestamptz,
    expires_at   timestamptz,
    ended_at     timestamptz,
    end_reason   jsonb
);
-- One session at a time in a lab: what two starts in the same instant run into.
create unique index sessions_one_active on sessions (learner_id, lab_slug) where phase <> 'ended';
create index sessions_by_learner on sessions (learner_id, requested_at desc);
create index sessions_to_expire on sessions (expires_at) where phase in ('ready', 'ending');

create table terminals (
    session_id   uuid not null,
    terminal     text not null,
    recording_id uuid not null,
    opened_at    timestamptz not null,
    closed_at    timestamptz,
    exit_code    integer,
    primary key (recording_id)
);
create unique index terminals_open on terminals (session_id, terminal) where closed_at is null;

create table workspaces (
    workspace_id uuid primary key,
    limits       jsonb not null,
    -- The sequence of the workspace's last event: what a copy in a sandbox compares itself with.
    version      bigint not null,
    updated_at   timestamptz not null
);
create table workspace_files (
    workspace_id uuid not null,
    -- "C": prefixes are compared byte by byte.
    path         text collate "C" not null,
    -- Null for a folder that was made for itself.
    hash         text,
    size         bigint not null default 0,
    executable   boolean not null default false,
    updated_at   timestamptz not null,
    primary key (workspace_id, path)
);

create table attempts (
    attempt_id   uuid primary key,
    session_id   uuid not null,
    learner_id   uuid not null,
    lab_slug     text not null,
    lab_version  text not null,
    tree_hash    text not null,
    -- Counted from 1 per learner and lab.
    number       integer not null,
    state        text not null check (state in ('submitted', 'judging', 'judged')),
    log_id       uuid,
    submitted_at timestamptz not null,
    judged_at    timestamptz,
    status       text check (status in ('passed', 'failed', 'inconclusive')),
    verdict      jsonb
);
create index attempts_by_learner on attempts (learner_id, lab_slug, number);
create index attempts_by_session on attempts (session_id, submitted_at);

-- The outbox and the list of jobs in one: a row is owed to Redis until a worker holds it.
create table jobs (
    job_id       uuid primary key,
    kind         text not null,
    queue        text not null,
    priority     smallint not null,
    aggregate_id uuid not null,
    session_id   uuid not null,
    learner_id   uuid not null,
    work         jsonb,
    -- owed: to be pushed; queued: pushed, not yet held; held: a worker has it; done: it has its outcome.
    state        text not null default 'owed' check (state in ('owed', 'queued', 'held', 'done')),
    requested_at timestamptz not null,
    -- Not pushed before; a runner without room puts a job off.
    available_at timestamptz not null,
    queued_at    timestamptz,
    -- The message in Redis that stands for it: how the reconciler finds out whether Redis still has it.
    push_id      text,
    started_at   timestamptz,
    starts       integer not null default 0,
    lease        uuid,
    lease_until  timestamptz,
    runner_id    uuid,
    log_id       uuid,
    finished_at  timestamptz,
    outcome      jsonb
);
create index jobs_owed on jobs (priority, requested_at) where state = 'owed';
create index jobs_open on jobs (state, queue) where state <> 'done';
create index jobs_by_session on jobs (session_id, requested_at);
