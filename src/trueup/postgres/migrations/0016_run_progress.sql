-- How far the run has come that is being made now, for people who watch it from elsewhere; written
-- about once a second. What it said last stays beside its record, as long as that.
create table trueup.run_progress (
    run_id   text primary key references trueup.run on delete cascade,
    at       timestamptz not null default clock_timestamp(),
    progress json not null  -- not jsonb: an error of a target may contain a NUL
);
alter table trueup.run_progress enable row level security;
