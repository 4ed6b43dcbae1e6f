-- How far the run has come that is being made now, for people who watch it from elsewhere. Written
-- about once a second and worth nothing afterwards, so it may be lost in a crash.
create unlogged table trueup.run_progress (
    run_id   text primary key,
    at       timestamptz not null default clock_timestamp(),
    progress json not null  -- not jsonb: an error of a target may contain a NUL
);
alter table trueup.run_progress enable row level security;
