-- Projections that follow the log by checkpoint. A projection can have two builds: the live one, and one that is being
-- rebuilt beside it and takes its place. The rows of a projection name the build that they belong to.
create table projections (
    name       text not null,
    build      bigint generated always as identity,
    -- The version of the rules that the rows follow.
    version    integer not null,
    live       boolean not null,
    -- The last event that the rows contain, in the order of commits: all up to it, none after it.
    tx         xid8 not null default '0',
    position   bigint not null default 0,
    -- Events up to there, whether the projection looks at them or not.
    events     bigint not null default 0,
    begun_at   timestamptz not null default clock_timestamp(),
    advanced_at timestamptz not null default clock_timestamp(),
    primary key (name, build)
);
create unique index projections_one_live on projections (name) where live;

-- What is counted of each lab, for instructors and operators.
create table lab_statistics (
    build    bigint not null,
    lab_slug text not null,
    -- sessions, ended, attempts, verdicts, findings
    counted  text not null,
    -- Of what kind: the reason's, verdict's or finding's code; empty where there are no kinds.
    kind     text not null default '',
    count    bigint not null,
    primary key (build, lab_slug, counted, kind)
);
