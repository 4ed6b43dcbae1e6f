-- People who use the pages, in the home database; their sessions and tokens as digests only.
create table trueup.person (
    person_id     bigint generated always as identity primary key,
    login         text not null,
    name          text not null,
    role          text not null check (role in ('viewer', 'operator', 'approver', 'admin')),
    standing      text not null default 'invited'
                  check (standing in ('invited', 'active', 'disabled')),
    password_hash text,
    issuer        text,  -- who vouches for somebody that signs in elsewhere
    subject       text,
    created_at    timestamptz not null default clock_timestamp(),
    seen_at       timestamptz
);
create unique index person_login on trueup.person (lower(login));
-- Deeds are written under the name: two people of one name could not be told apart.
create unique index person_name on trueup.person (lower(name));
create unique index person_subject on trueup.person (issuer, subject) where subject is not null;
alter table trueup.person enable row level security;

-- A link that lets somebody choose a password, once.
create table trueup.invitation (
    digest     bytea primary key,
    person_id  bigint not null references trueup.person on delete cascade,
    expires_at timestamptz not null
);
alter table trueup.invitation enable row level security;

create table trueup.web_session (
    digest     bytea primary key,
    person_id  bigint not null references trueup.person on delete cascade,
    created_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    client     text not null default ''
);
create index web_session_person on trueup.web_session (person_id);
alter table trueup.web_session enable row level security;

create table trueup.api_token (
    token_id   bigint generated always as identity primary key,
    digest     bytea not null unique,
    name       text not null,
    role       text not null check (role in ('viewer', 'operator', 'approver', 'admin')),
    created_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);
alter table trueup.api_token enable row level security;

-- What people did, and why.
create table trueup.deed (
    deed_id    bigint generated always as identity primary key,
    at         timestamptz not null default clock_timestamp(),
    who        text not null,
    via        text not null,
    workspace  text not null default '',
    action     text not null,
    subject    text not null,
    before     jsonb not null default '{}',
    after      jsonb not null default '{}',
    reason     text not null default '',
    request_id text not null default ''
);
create index deed_at on trueup.deed (at desc);
alter table trueup.deed enable row level security;
