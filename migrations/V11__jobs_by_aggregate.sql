-- Whoever holds or finishes a job finds its row by the session or attempt that it belongs to.
create index jobs_by_aggregate on jobs (aggregate_id);
