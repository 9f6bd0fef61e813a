-- Which hints a session has shown. Follows from events.
create table hints_shown (
    session_id uuid not null,
    -- Empty: about the whole lab.
    check_id   text not null,
    -- Which of the hints about it, from 1, weakest first.
    number     integer not null,
    strength   smallint not null,
    shown_at   timestamptz not null,
    primary key (session_id, check_id, number)
);

-- When the lab's solution was first shown beside an attempt. Follows from events.
alter table attempts add column solution_shown_at timestamptz;
