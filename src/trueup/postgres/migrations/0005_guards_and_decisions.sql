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

create or replace view trueup.owned as
select kind, code, slot, remote_id, owner, sku, applied, terms
from trueup.binding where owner <> ''
union all
select kind, code, slot, '', owner, sku, '{}', '{}' from trueup.intent where owner <> '';

-- A product that is about to be written is due until a run has decided about it, also when that run
-- is killed and the row is back to what it was before.
create function trueup.touch_products(
    p_lease text, p_epoch bigint, p_owners text[], p_targets text[]
) returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    perform trueup.require_lease(p_lease, p_epoch);
    update trueup.product_state as state
    set row_revision = ''
    from (select distinct nullif(owner, '')::uuid as owner, target
          from unnest(p_owners, p_targets) as part (owner, target)) as new
    where state.offering_id = new.owner and state.target = new.target and row_revision <> '';
end $$;

-- As in 0003_ledger.sql. A product that gets a new record is touched as well.
create or replace function trueup.write_intents(
    p_lease text, p_epoch bigint, p_run text, p_intents jsonb
) returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    perform trueup.require_lease(p_lease, p_epoch);
    insert into trueup.intent (kind, code, name, name_key, namesakes, slot, owner, sku, run_id)
    select distinct on (kind, code)
           kind, code, name, name_key, namesakes, slot, owner, sku, p_run
    from jsonb_populate_recordset(null::trueup.intent, p_intents)
    order by kind, code
    on conflict (kind, code) do update
    set name = excluded.name, name_key = excluded.name_key, namesakes = excluded.namesakes,
        slot = excluded.slot, owner = excluded.owner, sku = excluded.sku, lost = false,
        run_id = excluded.run_id, sent_at = excluded.sent_at;

    perform trueup.touch_products(
        p_lease, p_epoch, array_agg(owner),
        array_agg(case kind when 'crm_product' then 'crm' else 'billing' end))
    from jsonb_populate_recordset(null::trueup.intent, p_intents);
end $$;

-- As in 0003_ledger.sql, with the terms of each record: set when it is created or adopted. An
-- update or a retirement leaves them alone, but for what it states itself (a price that is written
-- in the other VAT basis from now on).
create or replace function trueup.bind(p_run text, p_written trueup.outcome[]) returns void
language plpgsql as $$
declare
    v_before trueup.binding[];
begin
    update trueup.binding as held
    set code = 'moved:' || held.remote_id
    from unnest(p_written) as new
    where held.kind = new.kind and held.code = new.code and held.remote_id <> new.remote_id
      and held.owner not in ('', new.owner)
      and not exists (select from unnest(p_written) as other
                      where other.kind = held.kind and other.remote_id = held.remote_id);

    with replaced as (
        delete from trueup.binding as old
        where old.ctid in (
            select held.ctid from unnest(p_written) as new
            join trueup.binding as held on held.kind = new.kind and held.code = new.code
            union all
            select held.ctid from unnest(p_written) as new
            join trueup.binding as held
                on held.kind = new.kind and held.remote_id = new.remote_id)
        returning old.*
    )
    select array_agg(replaced::trueup.binding) into v_before from replaced;

    -- A retirement wrote the active field only: the rest is still as it was last written.
    insert into trueup.binding
        (kind, code, slot, remote_id, owner, sku, applied, terms, run_id)
    select new.kind, new.code, new.slot, new.remote_id, new.owner, new.sku,
           case when new.action = 'retire'
                then coalesce(held.applied, '{}') || new.fields else new.fields end,
           case when new.action in ('update', 'retire')
                then coalesce(held.terms, '{}') else '{}' end || coalesce(new.terms, '{}'),
           p_run
    from unnest(p_written) as new
    left join unnest(v_before) as held
        on held.kind = new.kind and held.remote_id = new.remote_id;
end $$;

-- As in 0003_ledger.sql. What was retired is not what the old screens look for as long as the
-- product has another record in that place: the version that took over.
create or replace function trueup.mirror_remote_ids(p_written trueup.outcome[]) returns void
language plpgsql as $$
begin
    insert into public.product_integrations as known
        (service_package_id, zoho_crm_product_id, zoho_billing_plan_id, zoho_billing_item_id,
         zoho_billing_hardware_item_id)
    select package.id,
           max(remote_id) filter (where kind = 'crm_product'),
           max(remote_id) filter (where kind = 'billing_plan'),
           max(remote_id) filter (where slot = 'installation'),
           max(remote_id) filter (where slot = 'device')
    from unnest(p_written) as new
    cross join lateral unnest(
        case when slot = 'device' then new.users || new.owner else array[new.owner] end
    ) as part (owner)
    join public.service_packages as package on package.id = nullif(part.owner, '')::uuid
    where new.kind <> 'billing_product'
      and not (new.action = 'retire' and exists (
          select from trueup.binding as other
          where other.owner = new.owner and other.owner <> '' and other.kind = new.kind
            and other.slot = new.slot and other.remote_id <> new.remote_id))
    group by package.id
    order by package.id  -- one order for all writers, or two lanes could wait for each other
    on conflict (service_package_id) do update
    set zoho_crm_product_id =
            coalesce(excluded.zoho_crm_product_id, known.zoho_crm_product_id),
        zoho_billing_plan_id =
            coalesce(excluded.zoho_billing_plan_id, known.zoho_billing_plan_id),
        zoho_billing_item_id =
            coalesce(excluded.zoho_billing_item_id, known.zoho_billing_item_id),
        zoho_billing_hardware_item_id =
            coalesce(excluded.zoho_billing_hardware_item_id, known.zoho_billing_hardware_item_id);
end $$;

-- As in 0003_ledger.sql, with who changed the record before us.
create or replace function trueup.record_outcomes(
    p_lease text, p_epoch bigint, p_run text, p_outcomes jsonb
) returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    v_all trueup.outcome[] := array(
        select o from jsonb_populate_recordset(null::trueup.outcome, p_outcomes) as o);
    v_written trueup.outcome[];
begin
    perform trueup.require_lease(p_lease, p_epoch);

    insert into trueup.change_history
        (run_id, at, target, kind, code, sku, sku_key, owner, action, reason, deltas, status,
         remote_id, error_code, detail, editor)
    select p_run, coalesce(at, clock_timestamp()), target, kind, code, sku, sku_key, owner, action,
           reason, deltas, status, remote_id, error_code, detail, coalesce(editor, '')
    from unnest(v_all) as o
    where status not in ('deferred', 'skipped')
    order by place;

    delete from trueup.intent as open using unnest(v_all) as o
    where open.kind = o.kind and open.code = o.code
      and (o.status = 'applied'
           or (o.action = 'create' and o.status <> 'unknown'
               and open.run_id = p_run and not open.lost));
    update trueup.intent as open set lost = true from unnest(v_all) as o
    where open.kind = o.kind and open.code = o.code
      and o.action = 'create' and o.status = 'unknown';

    v_written := array(
        select o::trueup.outcome
        from (select distinct on (kind, code) * from unnest(v_all) as o
              where status = 'applied' order by kind, code, place desc) as o);
    if cardinality(v_written) > 0 then
        perform trueup.bind(p_run, v_written);
        perform trueup.mirror_remote_ids(v_written);
    end if;
end $$;

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
