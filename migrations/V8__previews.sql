-- Who may look at a port of a sandbox: a ticket leads to it once and within a minute, a pass is a browser's cookie there.
create table preview_passes (
    -- SHA-256 of the token: the table alone lets nobody in.
    token_hash bytea primary key,
    -- The sign-in by which it was given; it ends with that.
    login_hash bytea not null references logins (token_hash) on delete cascade,
    session_id uuid not null,
    port       integer not null,
    ticket     boolean not null,
    expires_at timestamptz not null
);
create index preview_passes_of_login on preview_passes (login_hash);
create index preview_passes_to_expire on preview_passes (expires_at);
