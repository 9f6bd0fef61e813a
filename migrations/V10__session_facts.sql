-- Attempts at labs whose checks look at the session's own engine.
alter table attempts
    -- Somebody has to look before the judge can go on.
    add column looks_at_session boolean not null default false,
    -- What was there: {"facts": ...}, with null facts when the sandbox was gone. Null until somebody has looked.
    add column session_seen jsonb;
