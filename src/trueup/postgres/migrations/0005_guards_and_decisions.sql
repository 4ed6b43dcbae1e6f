-- Safe with money: what waits for a person, what people decided, what versions are measured by.

-- --------------------------------------------------------------------------------------- records

-- What a record was created or adopted with: a plan's price, contract term and VAT basis. The next
-- version of a plan is measured by it, so that many small steps do not hide a large one.
alter table trueup.binding add column terms jsonb not null default '{}';
alter type trueup.outcome add attribute terms jsonb;

-- Who changed a record last, as far as the target tells.
alter table trueup.observed add column editor text not null default '';
alter table trueup.change_history add column editor text not null default '';
alter type trueup.outcome add attribute editor text;

-- Who did what a person did (approved, rejected, adopted, reverted), and why.
alter table trueup.change_history add column actor text not null default '';
create index change_history_by_remote_id on trueup.change_history (kind, remote_id)
    where remote_id <> '';
create index change_history_by_key on trueup.change_history (kind, code, at);

-- ---------------------------------------------------------------------------------------- guards

-- A target at which all that was wanted has once been created: its first sync is over.
create table trueup.established (
    target text primary key,
    run_id text not null,
    at     timestamptz not null default clock_timestamp()
);

-- A change that waits, or waited, for a person. `fingerprint` is what an approval names; `rules`
-- are the guards that hold it. One open row per record and fingerprint.
create table trueup.held_change (
    id          bigint generated always as identity primary key,
    kind        text not null,
    code        text not null,
    target      text not null,
    sku         text not null,
    sku_key     text not null,
    owner       text not null,
    action      text not null,
    reason      text not null,
    deltas      jsonb not null,
    applied     jsonb not null default '{}',
    remote_id   text not null default '',
    fingerprint text not null,
    rules       text[] not null,
    why         text not null,
    state       text not null default 'open'
                check (state in ('open', 'approved', 'rejected', 'applied', 'stale')),
    first_run   text not null,
    last_run    text not null,
    held_at     timestamptz not null default clock_timestamp(),
    decided_by  text not null default '',
    decided_at  timestamptz,
    note        text not null default '',
    expires_at  timestamptz,
    closed_at   timestamptz
);
create unique index held_change_waiting on trueup.held_change (kind, code, fingerprint)
    where state in ('open', 'approved');
create index held_change_open on trueup.held_change (kind, code)
    where state in ('open', 'approved');
create index held_change_by_run on trueup.held_change (last_run);
create index held_change_by_owner on trueup.held_change (owner) where state in ('open', 'approved');
create index held_change_by_sku on trueup.held_change (sku_key, id);

-- A value that a person does not want on a field: rejected, or taken back by a revert. It counts
-- until the catalogue wants another one there, or a person approves it after all.
create table trueup.refusal (
    kind   text not null,
    code   text not null,
    field  text not null,
    value  jsonb not null,
    by     text not null,
    note   text not null default '',
    run_id text not null default '',
    at     timestamptz not null default clock_timestamp(),
    primary key (kind, code, field)
);

-- The guards that a run broke, as it showed them.
alter table trueup.run add column violations jsonb not null default '[]';

-- ---------------------------------------------------------------------------------- verification

-- What `trueup verify` found, chained: each report carries the digest of the one before.
create table trueup.verification (
    id        bigint generated always as identity primary key,
    at        timestamptz not null,
    products  integer not null,
    agreeing  integer not null,
    totals    jsonb not null,
    rows_hash text not null,
    previous  text not null,
    hash      text not null unique
);

-- --------------------------------------------------------------------------------------- privacy

alter table trueup.established enable row level security;
alter table trueup.held_change enable row level security;
alter table trueup.refusal enable row level security;
alter table trueup.verification enable row level security;
