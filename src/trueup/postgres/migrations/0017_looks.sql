-- What looking at everything found: drift, or duplicates. The last look of each kind has its list.
create table trueup.look (
    look_id  bigint generated always as identity primary key,
    what     text not null check (what in ('drift', 'duplicates')),
    began_at timestamptz not null,
    ended_at timestamptz not null,
    looked   bigint not null,
    found    bigint not null,
    asked_by text not null default '',
    document jsonb not null default '{}'
);
create index look_newest on trueup.look (what, look_id desc);
alter table trueup.look enable row level security;

-- How far the look has come that is under way, worth nothing afterwards.
create unlogged table trueup.look_progress (
    job_id  bigint primary key,
    phase   text not null,
    records bigint not null
);
alter table trueup.look_progress enable row level security;
