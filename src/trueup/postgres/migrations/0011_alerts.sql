-- Alerts of a workspace: what is wrong, and what each address was told of it.

-- How the last job of each kind over everything ended; runs by hand are in trueup.run alone. A job
-- may fail before it makes a run, and a run does not say whether credentials were refused.
create table trueup.last_job (
    kind      text primary key,
    ending    text not null,
    exit_code integer not null,
    message   text not null,
    run_id    text not null,
    at        timestamptz not null
);
alter table trueup.last_job enable row level security;

-- One row a condition. An episode is one stretch of it: it begins with a raise and ends when it is
-- closed. `gone_at` is when it was first not found any more; it is closed once it stays away.
create table trueup.alert (
    key       text primary key,
    kind      text not null,
    severity  text not null check (severity in ('warning', 'critical')),
    title     text not null,
    text      text not null,
    count     integer not null,
    since     timestamptz not null,
    raised_at timestamptz not null,
    seen_at   timestamptz not null,
    gone_at   timestamptz,
    closed_at timestamptz,
    episode   integer not null default 1,
    returns   integer not null default 0,
    check (closed_at is null or gone_at is not null)
);
alter table trueup.alert enable row level security;

-- Addresses that are told, by a mark that tells nothing about them; locked by whoever sends there.
create table trueup.alert_address (
    address   text primary key,
    shown     text not null,
    since     timestamptz not null,
    sent_at   timestamptz,
    failed_at timestamptz,
    trouble   text not null default ''
);
alter table trueup.alert_address enable row level security;

-- What an address was last told of a condition.
create table trueup.alert_told (
    address  text not null references trueup.alert_address on delete cascade,
    key      text not null references trueup.alert on delete cascade,
    episode  integer not null,
    kind     text not null,
    severity text not null,
    count    integer not null,
    ended    boolean not null,
    told_at  timestamptz not null,
    primary key (address, key)
);
alter table trueup.alert_told enable row level security;
