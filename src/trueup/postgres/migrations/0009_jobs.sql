-- Jobs that were asked for, of all workspaces of a deployment; used in its home database only.
create table trueup.job (
    job_id       bigint generated always as identity primary key,
    workspace    text not null,
    kind         text not null,
    trigger      text not null,
    priority     integer not null,
    terms        jsonb not null default '{}',
    schedule     text not null default '',
    slot         text not null default '',
    planned_at   timestamptz,
    merge        text not null default '',
    asked_by     text not null default '',
    asked_at     timestamptz not null default clock_timestamp(),
    state        text not null default 'waiting' check (state in ('waiting', 'running', 'done')),
    not_before   timestamptz,
    attempt      integer not null default 0,
    worker       text not null default '',
    seen_at      timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    run_id       text not null default '',
    ending       text,
    message      text not null default '',
    cancelled_by text not null default '',
    report       jsonb not null default '{}',
    losses       integer not null default 0,  -- workers that died at it
    engine_id    bigint,                      -- who waits has been handed to the engine as this
    engine_at    timestamptz,
    check ((state = 'done') = (ending is not null))
);
alter table trueup.job enable row level security;

-- A slot happens once, whoever asks, however often the clock shows it.
create unique index job_slot on trueup.job (workspace, schedule, slot) where slot <> '';
-- One job of a workspace at a time.
create unique index job_running on trueup.job (workspace) where state = 'running';
-- One that waits is enough.
create unique index job_merge on trueup.job (workspace, merge) where state = 'waiting' and merge <> '';
create index job_open on trueup.job (priority desc, job_id) where state <> 'done';
create index job_finished on trueup.job (finished_at) where state = 'done';

-- From when on a schedule has been watched, as it is written now: what was due before is not missed.
create table trueup.timetable (
    workspace text not null,
    schedule  text not null,
    cron      text not null,
    zone      text not null,
    since     timestamptz not null,
    primary key (workspace, schedule)
);
alter table trueup.timetable enable row level security;

-- Workers that are alive.
create table trueup.worker (
    name       text primary key,
    host       text not null,
    pid        integer not null,
    version    text not null,
    slots      integer not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp()
);
alter table trueup.worker enable row level security;

-- Chores that one worker does for all, now and then.
create table trueup.chore (
    name    text primary key,
    next_at timestamptz not null
);
alter table trueup.chore enable row level security;

-- A person may stop a run wherever it runs.
alter table trueup.run add column cancelled_by text not null default '';
