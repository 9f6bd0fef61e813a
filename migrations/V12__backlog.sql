-- A backlog of any length costs the relay nothing: it finds what may be pushed by these indexes alone.

-- Whether nobody waits for it at a page; such work has a share of its own in the queue.
alter table jobs add column can_wait boolean generated always as (priority > 10) stored;

drop index jobs_owed;
-- Which queues owe anything, to which learners, and in which order.
create index jobs_owed on jobs (queue, can_wait, learner_id, priority, requested_at, job_id) where state = 'owed';
-- Whether anything of it may be pushed yet.
create index jobs_owed_by_time on jobs (queue, can_wait, available_at) where state = 'owed';
-- What stands in Redis already.
create index jobs_queued on jobs (queue, can_wait, learner_id) where state = 'queued';

-- The states have indexes of their own by now; one over all of them would only be taken in their place.
drop index jobs_open;
create index jobs_open on jobs (queue) where state <> 'done';
create index jobs_held on jobs (lease_until) where state = 'held';
