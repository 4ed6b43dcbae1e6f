-- What the organisations at Zoho count in, as they said it once: `trueup check` or the first run
-- that sends an amount asks, and later ones know.
create table trueup.currency (
    org_id text not null,
    target text not null,
    code   text not null check (code <> ''),
    at     timestamptz not null default clock_timestamp(),
    primary key (org_id, target)
);
alter table trueup.currency enable row level security;
