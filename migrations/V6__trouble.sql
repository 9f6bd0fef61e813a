-- What last went wrong in a session's sandbox, for the notice on its page.
alter table sessions add column trouble jsonb, add column troubled_at timestamptz;
-- How long sessions have lived lately is what the estimate for those who wait in line goes by.
create index sessions_by_end on sessions (ended_at desc) where ready_at is not null and ended_at is not null;
