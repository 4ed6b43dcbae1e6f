-- The ledger: what is remembered between runs (bindings, intents, standings) and what happened
-- (runs, changes). The guarantees are constraints; the fence is part of every write.

-- ------------------------------------------------------------------------------------------ runs

create table trueup.run (
    run_id         text primary key,
    trigger        text not null,
    state          text not null check (state in (
        'running', 'succeeded', 'partial', 'failed', 'held', 'interrupted', 'already_running')),
    started_at     timestamptz not null,
    finished_at    timestamptz,
    fingerprint    text not null default '',
    summary        jsonb not null default '{}',
    requests       jsonb not null default '{}',
    error          text,
    catalogue_size bigint,
    resumes        text not null default ''
);
create index run_by_start on trueup.run (started_at desc);
create index run_running on trueup.run (run_id) where state = 'running';

-- --------------------------------------------------------------------------------------- records

-- Which remote record is ours under which business key, and what we last wrote on it. A remote
-- record is never bound twice.
create table trueup.binding (
    kind       text not null,
    code       text not null,
    slot       text not null,
    remote_id  text not null check (remote_id <> ''),
    owner      text not null,
    sku        text not null,
    applied    jsonb not null,
    run_id     text not null,
    applied_at timestamptz not null default clock_timestamp(),
    primary key (kind, code)
);
create unique index binding_by_remote_id on trueup.binding (kind, remote_id);
create index binding_by_owner on trueup.binding (owner) where owner <> '';
create index binding_shared on trueup.binding (kind) where owner = '';

-- A create that was sent and has no recorded outcome. `lost`: its answer is known to be lost.
create table trueup.intent (
    kind      text not null,
    code      text not null,
    name      text not null,
    name_key  text not null,
    namesakes text[] not null default '{}',
    slot      text not null,
    owner     text not null,
    sku       text not null,
    lost      boolean not null default false,
    run_id    text not null,
    sent_at   timestamptz not null default clock_timestamp(),
    primary key (kind, code)
);

-- What an offering has, or may have: its bindings, and creates whose outcome is not known.
create view trueup.owned as
select kind, code, slot, remote_id, owner, sku, applied from trueup.binding where owner <> ''
union all
select kind, code, slot, '', owner, sku, '{}' from trueup.intent where owner <> '';

-- Every change that was tried: `deltas` is {"field": [before, after]}.
create table trueup.change_history (
    id         bigint generated always as identity primary key,
    run_id     text not null,
    at         timestamptz not null,
    target     text not null,
    kind       text not null,
    code       text not null,
    sku        text not null,
    sku_key    text not null,
    owner      text not null,
    action     text not null,
    reason     text not null,
    deltas     jsonb not null,
    status     text not null,
    remote_id  text not null,
    error_code text not null default '',
    detail     text not null default ''
);
create index change_history_by_run on trueup.change_history (run_id, id);
create index change_history_by_sku on trueup.change_history (sku_key, id);
create index change_history_by_owner on trueup.change_history (owner, id) where owner <> '';
create index change_history_failures on trueup.change_history (at)
    where status in ('rejected', 'failed', 'unknown', 'stale');

-- -------------------------------------------------------------------------------------- products

-- How a product stands at a target. `row_revision` is the digest of the row and the mapping when
-- it was last decided; `last_success_at` moves with a success only.
create table trueup.product_state (
    offering_id     uuid not null,
    target          text not null check (target in ('crm', 'billing')),
    sku             text not null default '',
    status          text not null default 'pending'
                    check (status in ('pending', 'ok', 'failed', 'held', 'skipped')),
    row_revision    text not null default '',
    verified_at     timestamptz,
    last_success_at timestamptz,
    last_attempt_at timestamptz,
    failures        integer not null default 0,
    next_attempt_at timestamptz,
    quarantined     boolean not null default false,
    last_error      text,
    rate_limited_at timestamptz,
    primary key (offering_id, target)
) with (fillfactor = 80);  -- every night moves the times of most rows: leave room to do it in place
create index product_state_trouble on trueup.product_state (status, target)
    where status in ('failed', 'held');

-- Bound offerings that the catalogue no longer has, and in how many runs that was so.
create table trueup.absence (
    offering_id text primary key,
    runs        integer not null,
    since       timestamptz not null default clock_timestamp(),
    run_id      text not null
);

-- ------------------------------------------------------------------------------------- readings

-- What a run read at the targets. It is read again every time, so losing it in a crash is no loss.
create unlogged table trueup.reading (
    id      bigint generated always as identity primary key,
    name    text not null unique,
    rounds  integer not null default 1,
    started timestamptz not null default clock_timestamp()
);

-- A record may be read in several rounds (a listing, then a look-up of its own): the last counts.
create unlogged table trueup.observed (
    reading   bigint not null,
    round     integer not null,
    kind      text not null,
    remote_id text not null,
    code      text not null,
    own_id    text not null,
    parent_id text not null,
    name      text not null,
    name_key  text not null,
    version   text not null,
    fields    jsonb not null
);
create index observed_by_remote_id on trueup.observed (reading, kind, remote_id);
create index observed_by_code on trueup.observed (reading, kind, code) where code <> '';
create index observed_by_own_id on trueup.observed (reading, kind, own_id) where own_id <> '';
create index observed_by_name on trueup.observed (reading, kind, name_key) where name_key <> '';

-- --------------------------------------------------------------------------------------- writing

-- The functions below run between two requests. Their plans are made once per session and not
-- again for every call (force_generic_plan), often while the tables are still empty. Everything is
-- looked up by its key, one by one; what would read a whole table is switched off, or a plan made
-- for an empty table would read a full one.

-- Stops the transaction of whoever is no longer the one writer. The lease's row stays locked, so
-- that a takeover waits for the writes that this call allowed.
create function trueup.require_lease(p_lease text, p_epoch bigint) returns void
language plpgsql as $$
begin
    if not trueup.holds_lease(p_lease, p_epoch) then
        raise exception 'lease % is not held with epoch %', p_lease, p_epoch
            using errcode = 'TU001';
    end if;
end $$;

-- What is about to be sent. Writing an intent again is allowed after a look-up only, so an answer
-- that was lost before is not lost any more.
create function trueup.write_intents(p_lease text, p_epoch bigint, p_run text, p_intents jsonb)
returns void
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
end $$;

create type trueup.outcome as (
    place integer, at timestamptz, kind text, code text, target text, slot text, owner text,
    users text[], sku text, sku_key text, action text, reason text, deltas jsonb, fields jsonb,
    status text, remote_id text, error_code text, detail text
);

-- Binds keys to remote records after they were written.
--
--   the record was bound under another code      it was re-keyed: the old row goes
--   the code was bound to another record of      that record was replaced: the old row goes
--       the same product, or of a shared device
--   the code was bound to a record of another    that product keeps its record, under a code that
--       product, which has not been renamed yet   no catalogue uses: no link is ever lost
create function trueup.bind(p_run text, p_written trueup.outcome[]) returns void
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
    insert into trueup.binding (kind, code, slot, remote_id, owner, sku, applied, run_id)
    select new.kind, new.code, new.slot, new.remote_id, new.owner, new.sku,
           case when new.action = 'retire'
                then coalesce((select held.applied from unnest(v_before) as held
                               where held.kind = new.kind and held.remote_id = new.remote_id), '{}')
                     || new.fields
                else new.fields end,
           p_run
    from unnest(p_written) as new;
end $$;

-- The remote ids where the old screens look for them; never emptied.
create function trueup.mirror_remote_ids(p_written trueup.outcome[]) returns void
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

-- Makes the outcomes of one request durable. A create's intent is closed when the record is known
-- (applied), or when this run's attempt surely was not carried out; a lost answer keeps it open.
create function trueup.record_outcomes(p_lease text, p_epoch bigint, p_run text, p_outcomes jsonb)
returns void
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
         remote_id, error_code, detail)
    select p_run, coalesce(at, clock_timestamp()), target, kind, code, sku, sku_key, owner, action,
           reason, deltas, status, remote_id, error_code, detail
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

-- ------------------------------------------------------------------------------------ settlement

-- The predecessor's three words: a product that is held or refused is not there yet.
create function trueup.old_status(p_status text) returns text
language sql immutable as $$
    select case when p_status in ('ok', 'failed') then p_status
                when p_status is not null then 'pending' end
$$;

create function trueup.overall_status(p_crm text, p_billing text) returns text
language sql immutable as $$
    select case when p_crm = 'failed' or p_billing = 'failed' then 'failed'
                when p_crm = 'ok' and p_billing = 'ok' then 'ok'
                else 'pending' end
$$;

create type trueup.verdict as (
    offering_id uuid, sku text, target text, status text, revision text, error text,
    permanent boolean
);

-- How products stand after a run, with back-off: the n-th failure in a row waits the n-th step of
-- the ladder (seconds), the later ones its last.
create function trueup.settle_states(
    p_at timestamptz, p_ladder double precision[], p_verdicts trueup.verdict[]
) returns void
language plpgsql as $$
begin
    insert into trueup.product_state as known
        (offering_id, target, sku, status, row_revision, verified_at, last_success_at,
         last_attempt_at, failures, next_attempt_at, quarantined, last_error)
    select offering_id, target, sku, status, revision,
           case when status <> 'failed' then p_at end,
           case when status = 'ok' then p_at end,
           p_at,
           case when status = 'failed' then 1 else 0 end,
           case when status = 'failed' then p_at + make_interval(secs => p_ladder[1]) end,
           permanent, error
    from unnest(p_verdicts)
    order by offering_id, target
    on conflict (offering_id, target) do update
    set sku = excluded.sku, status = excluded.status, row_revision = excluded.row_revision,
        verified_at = coalesce(excluded.verified_at, known.verified_at),
        last_success_at = coalesce(excluded.last_success_at, known.last_success_at),
        last_attempt_at = excluded.last_attempt_at,
        failures = case when excluded.status = 'failed' then known.failures + 1 else 0 end,
        next_attempt_at = case when excluded.status = 'failed' then p_at + make_interval(
            secs => p_ladder[least(known.failures + 1, cardinality(p_ladder))]) end,
        quarantined = excluded.quarantined, last_error = excluded.last_error;
end $$;

-- The same for the old screens. A column of a target that was not decided keeps its value, and
-- the "last synced" times move with a success only.
create function trueup.mirror_states(p_at timestamptz, p_verdicts trueup.verdict[]) returns void
language plpgsql as $$
begin
    insert into public.product_integrations as known
        (service_package_id,
         zoho_crm_sync_status, zoho_crm_last_sync_error, zoho_crm_last_synced_at,
         zoho_billing_sync_status, zoho_billing_last_sync_error, zoho_billing_last_synced_at,
         sync_status, last_sync_error, last_synced_at, updated_at)
    select package.id,
           crm, crm_error, case when crm = 'ok' then p_at end,
           billing, billing_error, case when billing = 'ok' then p_at end,
           trueup.overall_status(crm, billing), coalesce(crm_error, billing_error),
           case when trueup.overall_status(crm, billing) = 'ok' then p_at end, clock_timestamp()
    from (select offering_id,
                 trueup.old_status(max(status) filter (where target = 'crm')) as crm,
                 max(error) filter (where target = 'crm') as crm_error,
                 trueup.old_status(max(status) filter (where target = 'billing')) as billing,
                 max(error) filter (where target = 'billing') as billing_error
          from unnest(p_verdicts) group by offering_id) as decided
    join public.service_packages as package on package.id = decided.offering_id
    order by package.id
    on conflict (service_package_id) do update
    set zoho_crm_sync_status =
            coalesce(excluded.zoho_crm_sync_status, known.zoho_crm_sync_status),
        zoho_crm_last_sync_error = case when excluded.zoho_crm_sync_status is null
            then known.zoho_crm_last_sync_error else excluded.zoho_crm_last_sync_error end,
        zoho_crm_last_synced_at =
            coalesce(excluded.zoho_crm_last_synced_at, known.zoho_crm_last_synced_at),
        zoho_billing_sync_status =
            coalesce(excluded.zoho_billing_sync_status, known.zoho_billing_sync_status),
        zoho_billing_last_sync_error = case when excluded.zoho_billing_sync_status is null
            then known.zoho_billing_last_sync_error else excluded.zoho_billing_last_sync_error end,
        zoho_billing_last_synced_at =
            coalesce(excluded.zoho_billing_last_synced_at, known.zoho_billing_last_synced_at),
        sync_status = trueup.overall_status(
            coalesce(excluded.zoho_crm_sync_status, known.zoho_crm_sync_status),
            coalesce(excluded.zoho_billing_sync_status, known.zoho_billing_sync_status)),
        last_sync_error = coalesce(
            case when excluded.zoho_crm_sync_status is null
                then known.zoho_crm_last_sync_error else excluded.zoho_crm_last_sync_error end,
            case when excluded.zoho_billing_sync_status is null
                then known.zoho_billing_last_sync_error
                else excluded.zoho_billing_last_sync_error end),
        last_synced_at = case when trueup.overall_status(
                coalesce(excluded.zoho_crm_sync_status, known.zoho_crm_sync_status),
                coalesce(excluded.zoho_billing_sync_status, known.zoho_billing_sync_status)) = 'ok'
            then p_at else known.last_synced_at end,
        updated_at = excluded.updated_at;
end $$;

create function trueup.settle_products(
    p_lease text, p_epoch bigint, p_run text, p_at timestamptz, p_ladder double precision[],
    p_offerings uuid[], p_skus text[], p_targets text[], p_statuses text[], p_revisions text[],
    p_errors text[], p_permanent boolean[]
) returns void
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    v_verdicts trueup.verdict[];
begin
    perform trueup.require_lease(p_lease, p_epoch);
    v_verdicts := array(
        select row(v.*)::trueup.verdict
        from unnest(p_offerings, p_skus, p_targets, p_statuses, p_revisions, p_errors, p_permanent)
             as v);
    perform trueup.settle_states(p_at, p_ladder, v_verdicts);
    perform trueup.mirror_states(p_at, v_verdicts);

    insert into public.zoho_sync_logs
        (entity_type, entity_id, zoho_entity_type, status, attempt_number, error_message, metadata)
    select 'product', v.offering_id, case v.target when 'crm' then 'Products' else 'Plans' end,
           'failed', state.failures, v.error,
           jsonb_build_object('run_id', p_run, 'sku', v.sku, 'target', v.target)
    from unnest(v_verdicts) as v
    join trueup.product_state as state using (offering_id, target)
    where v.status = 'failed';
end $$;

-- --------------------------------------------------------------------------------------- privacy

alter table trueup.run enable row level security;
alter table trueup.binding enable row level security;
alter table trueup.intent enable row level security;
alter table trueup.change_history enable row level security;
alter table trueup.product_state enable row level security;
alter table trueup.absence enable row level security;
alter table trueup.reading enable row level security;
alter table trueup.observed enable row level security;
