-- The files of every version of a lab that was ever offered here, so that an attempt can be judged by the version that it
-- was made for, or by any other, also when the lab's folder has long changed or gone. Not derived from events.
create table lab_versions (
    lab_slug text not null,
    version  text not null check (version ~ '^[0-9a-f]{64}$'),
    -- By path, the hash of the file's bytes in `blobs`.
    files    jsonb not null,
    kept_at  timestamptz not null default clock_timestamp(),
    primary key (lab_slug, version)
);

-- Every verdict that was said of an attempt, and those that are owed because somebody wants it judged again. The first
-- one enters with its verdict; until then it stands in `attempts` alone.
create table judgements (
    attempt_id   uuid not null,
    -- Counted from 1, which is the learner's own submission.
    number       integer not null,
    -- The job that judges again; null for the first one.
    job_id       uuid unique,
    lab_version  text not null,
    state        text not null check (state in ('submitted', 'judging', 'judged')),
    log_id       uuid,
    requested_at timestamptz not null,
    judged_at    timestamptz,
    status       text check (status in ('passed', 'failed', 'inconclusive')),
    verdict      jsonb,
    -- What the verdict rests on; null where nobody wrote it down.
    basis        jsonb,
    primary key (attempt_id, number)
);
create index judgements_open on judgements (attempt_id) where state <> 'judged';

-- `status`, `verdict` and `log_id` are those of the newest verdict from now on.
alter table attempts
    add column basis jsonb,
    -- Verdicts that were said or are owed.
    add column judgements integer not null default 1,
    -- When the newest verdict was said, if that is not the first one.
    add column rejudged_at timestamptz,
    -- What was passed stays passed.
    add column ever_passed boolean not null default false;
update attempts set ever_passed = true where status = 'passed';
insert into judgements (attempt_id, number, lab_version, state, log_id, requested_at, judged_at, status, verdict)
    select attempt_id, 1, lab_version, 'judged', log_id, submitted_at, judged_at, status, verdict
    from attempts where state = 'judged';
create index attempts_by_lab on attempts (lab_slug, submitted_at);

-- With what a runner judges: the version of its judge, and the images that its verifiers hold.
alter table runners add column kit jsonb;
