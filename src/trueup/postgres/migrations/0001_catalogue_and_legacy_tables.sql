-- The catalogue and the three tables that old screens and monitoring queries read.
--
-- On an empty database they are made. On a database that the predecessor used nothing is dropped:
-- missing columns are added, checks are widened (what was valid stays valid), columns that we do
-- not fill lose their demand to be filled, and the single old status is split honestly, once.

create schema if not exists trueup;

-- Whether the four tables were here before us. Row security is ours to set only on
-- tables that we made.
create temporary table legacy on commit drop as
select name, to_regclass('public.' || name) is not null as existed
from unnest(array['service_packages', 'product_integrations', 'zoho_sync_logs',
                  'cron_execution_log']) as name;

-- --------------------------------------------------------------------------------------- tables

create table if not exists public.service_packages (
    id                         uuid primary key default gen_random_uuid(),
    name                       varchar(100) not null,
    service_type               varchar(50) not null,
    speed_down                 integer not null,
    speed_up                   integer not null,
    price                      numeric(10, 2) not null,
    promotion_price            numeric(10, 2),
    promotion_months           integer default 3,
    description                text,
    features                   text[],
    active                     boolean default true,
    sort_order                 integer default 0,
    created_at                 timestamptz default now(),
    updated_at                 timestamptz default now(),
    product_category           varchar(50),
    customer_type              varchar(20) default 'consumer'
                               check (customer_type in ('consumer', 'business', 'both', 'soho')),
    network_provider_id        uuid,
    requires_fttb_coverage     boolean default false,
    compatible_providers       text[] default '{}',
    provider_specific_config   jsonb default '{}',
    provider_priority          integer default 1,
    pricing                    jsonb check (pricing is null or pricing ?& array['monthly', 'setup']),
    slug                       text unique,
    sku                        text,
    metadata                   jsonb default '{}',
    is_featured                boolean default false,
    is_popular                 boolean default false,
    status                     text default 'active'
                               check (status in ('active', 'inactive', 'archived', 'draft')),
    bundle_components          jsonb default '[]',
    base_price_zar             numeric(10, 2),
    cost_price_zar             numeric(10, 2),
    customer_friendly_features jsonb,
    marketing_copy             text,
    source_admin_product_id    uuid,
    valid_from                 timestamptz,
    valid_to                   timestamptz,
    market_segment             text,
    provider                   text,
    logical_key                text,
    price_history              jsonb default '[]'
);

-- No foreign key to the catalogue: a product that is gone from it must still be retired.
create table if not exists public.product_integrations (
    id                 uuid primary key default gen_random_uuid(),
    service_package_id uuid not null unique
);

create table if not exists public.zoho_sync_logs (
    id          uuid primary key default gen_random_uuid(),
    entity_type text not null check (entity_type in
                    ('quote', 'contract', 'invoice', 'customer', 'product')),
    status      text not null check (status in ('pending', 'success', 'failed', 'retrying'))
);

create table if not exists public.cron_execution_log (
    id       uuid primary key default gen_random_uuid(),
    job_name varchar(100) not null,
    status   text not null check (status in
                 ('running', 'completed', 'cancelled', 'success', 'partial', 'failed', 'held'))
);

-- -------------------------------------------------------------------------------------- columns

create temporary table wanted (relation text, name text, definition text) on commit drop;

insert into wanted (relation, name, definition) values
    ('product_integrations', 'admin_product_id', 'uuid'),
    ('product_integrations', 'zoho_crm_product_id', 'text'),
    ('product_integrations', 'zoho_billing_item_id', 'text'),
    ('product_integrations', 'zoho_billing_plan_id', 'text'),
    ('product_integrations', 'zoho_billing_hardware_item_id', 'text'),
    ('product_integrations', 'sync_status',
        $$text not null default 'pending' check (sync_status in ('pending', 'ok', 'failed'))$$),
    ('product_integrations', 'last_synced_at', 'timestamptz'),
    ('product_integrations', 'last_sync_error', 'text'),
    ('product_integrations', 'zoho_crm_sync_status',
        $$text default 'pending' check (zoho_crm_sync_status in ('pending', 'ok', 'failed'))$$),
    ('product_integrations', 'zoho_crm_last_synced_at', 'timestamptz'),
    ('product_integrations', 'zoho_crm_last_sync_error', 'text'),
    ('product_integrations', 'zoho_billing_sync_status',
        $$text default 'pending' check (zoho_billing_sync_status in ('pending', 'ok', 'failed'))$$),
    ('product_integrations', 'zoho_billing_last_synced_at', 'timestamptz'),
    ('product_integrations', 'zoho_billing_last_sync_error', 'text'),
    ('product_integrations', 'retry_count', 'integer not null default 0'),
    ('product_integrations', 'next_retry_at', 'timestamptz'),
    ('product_integrations', 'last_retry_at', 'timestamptz'),
    ('product_integrations', 'sync_error_details', 'jsonb'),
    ('product_integrations', 'rate_limit_hits', $$jsonb default '[]'$$),
    ('product_integrations', 'last_rate_limit_at', 'timestamptz'),
    ('product_integrations', 'created_at', 'timestamptz default now()'),
    ('product_integrations', 'updated_at', 'timestamptz default now()'),
    ('product_integrations', 'legacy_status', 'jsonb'),
    ('zoho_sync_logs', 'entity_id', 'uuid'),
    ('zoho_sync_logs', 'zoho_entity_type', 'text'),
    ('zoho_sync_logs', 'zoho_entity_id', 'text'),
    ('zoho_sync_logs', 'attempt_number', 'integer default 1'),
    ('zoho_sync_logs', 'error_message', 'text'),
    ('zoho_sync_logs', 'request_payload', 'jsonb'),
    ('zoho_sync_logs', 'response_payload', 'jsonb'),
    ('zoho_sync_logs', 'metadata', 'jsonb'),
    ('zoho_sync_logs', 'created_at', 'timestamptz default now()'),
    ('cron_execution_log', 'execution_start', 'timestamptz default now()'),
    ('cron_execution_log', 'execution_end', 'timestamptz'),
    ('cron_execution_log', 'duration_seconds',
        'numeric generated always as (extract(epoch from (execution_end - execution_start))) stored'),
    ('cron_execution_log', 'execution_time_ms', 'bigint'),
    ('cron_execution_log', 'records_processed', 'integer default 0'),
    ('cron_execution_log', 'records_failed', 'integer default 0'),
    ('cron_execution_log', 'records_skipped', 'integer default 0'),
    ('cron_execution_log', 'result_summary', 'jsonb'),
    ('cron_execution_log', 'error_message', 'text'),
    ('cron_execution_log', 'error_details', 'jsonb'),
    ('cron_execution_log', 'trigger_source', $$text default 'scheduled'$$),
    ('cron_execution_log', 'triggered_by', 'text'),
    ('cron_execution_log', 'environment', $$text default 'production'$$),
    ('cron_execution_log', 'execution_details', 'jsonb'),
    ('cron_execution_log', 'created_at', 'timestamptz default now()'),
    -- A catalogue that was here before us may be an older one. Its new columns stay empty: no
    -- default of ours fills a price or a status.
    ('service_packages', 'description', 'text'),
    ('service_packages', 'features', 'text[]'),
    ('service_packages', 'promotion_price', 'numeric(10, 2)'),
    ('service_packages', 'promotion_months', 'integer'),
    ('service_packages', 'active', 'boolean'),
    ('service_packages', 'sort_order', 'integer'),
    ('service_packages', 'created_at', 'timestamptz'),
    ('service_packages', 'updated_at', 'timestamptz'),
    ('service_packages', 'product_category', 'varchar(50)'),
    ('service_packages', 'customer_type', 'varchar(20)'),
    ('service_packages', 'network_provider_id', 'uuid'),
    ('service_packages', 'requires_fttb_coverage', 'boolean'),
    ('service_packages', 'compatible_providers', 'text[]'),
    ('service_packages', 'provider_specific_config', 'jsonb'),
    ('service_packages', 'provider_priority', 'integer'),
    ('service_packages', 'pricing', 'jsonb'),
    ('service_packages', 'slug', 'text'),
    ('service_packages', 'sku', 'text'),
    ('service_packages', 'metadata', 'jsonb'),
    ('service_packages', 'is_featured', 'boolean'),
    ('service_packages', 'is_popular', 'boolean'),
    ('service_packages', 'status', 'text'),
    ('service_packages', 'bundle_components', 'jsonb'),
    ('service_packages', 'base_price_zar', 'numeric(10, 2)'),
    ('service_packages', 'cost_price_zar', 'numeric(10, 2)'),
    ('service_packages', 'customer_friendly_features', 'jsonb'),
    ('service_packages', 'marketing_copy', 'text'),
    ('service_packages', 'source_admin_product_id', 'uuid'),
    ('service_packages', 'valid_from', 'timestamptz'),
    ('service_packages', 'valid_to', 'timestamptz'),
    ('service_packages', 'market_segment', 'text'),
    ('service_packages', 'provider', 'text'),
    ('service_packages', 'logical_key', 'text'),
    ('service_packages', 'price_history', 'jsonb'),
    ('service_packages', 'speed_down', 'integer'),
    ('service_packages', 'speed_up', 'integer'),
    ('service_packages', 'service_type', 'varchar(50)'),
    ('service_packages', 'price', 'numeric(10, 2)');

do $$
declare
    missing record;
begin
    for missing in
        select wanted.* from wanted
        where not exists (
            select from pg_attribute as a
            where a.attrelid = to_regclass('public.' || wanted.relation)
              and a.attname = wanted.name and not a.attisdropped)
    loop
        execute format('alter table public.%I add column %I %s',
                       missing.relation, missing.name, missing.definition);
    end loop;
end $$;

-- ------------------------------------------------------------------------------- checks, demands

-- What our rows hold in columns that the predecessor restricted.
create temporary table accepted (relation text, name text, condition text) on commit drop;

insert into accepted (relation, name, condition) values
    ('cron_execution_log', 'status',
        $$in ('success', 'partial', 'failed', 'held', 'running')$$),
    ('cron_execution_log', 'trigger_source',
        $$in ('nightly', 'schedule', 'scheduled', 'cron', 'cli', 'web', 'api', 'manual')$$),
    ('zoho_sync_logs', 'entity_type', $$= 'product'$$),
    ('zoho_sync_logs', 'zoho_entity_type', $$in ('Products', 'Plans', 'Items')$$),
    ('zoho_sync_logs', 'status', $$in ('pending', 'success', 'failed', 'retrying')$$),
    ('zoho_sync_logs', 'attempt_number', $$>= 0$$),
    ('product_integrations', 'sync_status', $$in ('pending', 'ok', 'failed')$$),
    ('product_integrations', 'zoho_crm_sync_status', $$in ('pending', 'ok', 'failed')$$),
    ('product_integrations', 'zoho_billing_sync_status', $$in ('pending', 'ok', 'failed')$$);

-- Each check on one such column becomes "the old condition or ours", under its old name.
do $$
declare
    old record;
    cast_as text;
begin
    for old in
        select con.conname, accepted.relation, accepted.name, accepted.condition, con.convalidated,
               pg_get_expr(con.conbin, con.conrelid) as expression
        from accepted
        join legacy on legacy.name = accepted.relation and legacy.existed
        join pg_attribute as a
            on a.attrelid = to_regclass('public.' || accepted.relation)
           and a.attname = accepted.name and not a.attisdropped
        join pg_constraint as con
            on con.conrelid = a.attrelid and con.contype = 'c' and con.conkey = array[a.attnum]
    loop
        cast_as := case when old.condition like 'in %' or old.condition like '= %'
                        then '::text ' else ' ' end;
        execute format('alter table public.%I drop constraint %I', old.relation, old.conname);
        execute format('alter table public.%I add constraint %I check ((%s) or %I%s%s)%s',
                       old.relation, old.conname, old.expression, old.name, cast_as, old.condition,
                       case when old.convalidated then '' else ' not valid' end);
    end loop;
end $$;

-- Defaults where the predecessor demanded a value that our rows do not carry; and no demand where
-- we know of no sensible default.
do $$
declare
    filled constant jsonb := '{
        "product_integrations": {"id": "gen_random_uuid()", "sync_status": "''pending''",
            "retry_count": "0", "rate_limit_hits": "''[]''", "created_at": "now()",
            "updated_at": "now()", "zoho_crm_sync_status": "''pending''",
            "zoho_billing_sync_status": "''pending''"},
        "zoho_sync_logs": {"id": "gen_random_uuid()", "attempt_number": "1",
            "created_at": "now()"},
        "cron_execution_log": {"id": "gen_random_uuid()", "execution_start": "now()",
            "records_processed": "0", "records_failed": "0", "records_skipped": "0",
            "trigger_source": "''scheduled''", "environment": "''production''",
            "created_at": "now()"}}';
    ours constant text[] := array['product_integrations.service_package_id',
        'zoho_sync_logs.entity_type', 'zoho_sync_logs.status', 'cron_execution_log.job_name',
        'cron_execution_log.status'];
    demanded record;
begin
    for demanded in
        select legacy.name as relation, a.attname as name, a.atttypid,
               filled -> legacy.name ->> a.attname as value,
               exists (select from pg_index as i
                       where i.indrelid = a.attrelid and i.indisprimary
                         and a.attnum = any (i.indkey)) as is_key
        from legacy
        join pg_attribute as a on a.attrelid = to_regclass('public.' || legacy.name)
        where legacy.existed and legacy.name <> 'service_packages'
          and a.attnum > 0 and not a.attisdropped and not a.atthasdef
          and a.attidentity = '' and a.attgenerated = ''
          and legacy.name || '.' || a.attname <> all (ours)
          and (a.attnotnull or a.attname in ('zoho_crm_sync_status', 'zoho_billing_sync_status'))
    loop
        if demanded.value = 'gen_random_uuid()' and demanded.atttypid <> 'uuid'::regtype then
            continue;  -- a key of another type looks after itself
        elsif demanded.value is not null then
            execute format('alter table public.%I alter column %I set default %s',
                           demanded.relation, demanded.name, demanded.value);
        elsif not demanded.is_key then
            execute format('alter table public.%I alter column %I drop not null',
                           demanded.relation, demanded.name);
        end if;
    end loop;
end $$;

-- ------------------------------------------------------------------------------ the split status

-- The predecessor once had one status and later copied it into both targets. A target's status
-- that only repeats the old one, with nothing of its own to show for it, is not knowledge:
--
--   ok       shown by the target's own remote id together with a time at which it was synced
--   failed   shown by an error text of its own, not shared with the other target
--   anything else, and a missing status, is pending
--
-- What stood there stays readable in `legacy_status`.
do $$
declare
    touched text[];
    trigger_name text;
begin
    -- Their "updated_at" trigger would make every row look touched today.
    select coalesce(array_agg(tgname), '{}') into touched
    from pg_trigger
    where tgrelid = 'public.product_integrations'::regclass
      and not tgisinternal and tgenabled = 'O';
    foreach trigger_name in array touched loop
        execute format('alter table public.product_integrations disable trigger %I', trigger_name);
    end loop;

    with judged as (
        select id,
               zoho_crm_sync_status = sync_status and zoho_billing_sync_status = sync_status
                   as is_copied,
               zoho_crm_product_id is not null
                   and coalesce(zoho_crm_last_synced_at, last_synced_at) is not null as crm_seen,
               coalesce(zoho_billing_plan_id, zoho_billing_item_id) is not null
                   and zoho_billing_last_synced_at is not null as billing_seen,
               zoho_crm_last_sync_error is not null and zoho_crm_last_sync_error
                   is distinct from zoho_billing_last_sync_error as crm_refused,
               zoho_billing_last_sync_error is not null and zoho_billing_last_sync_error
                   is distinct from zoho_crm_last_sync_error as billing_refused
        from public.product_integrations
    )
    update public.product_integrations as known
    set legacy_status = jsonb_build_object(
            'sync_status', sync_status,
            'zoho_crm_sync_status', zoho_crm_sync_status,
            'zoho_billing_sync_status', zoho_billing_sync_status,
            'split_at', now()),
        zoho_crm_sync_status = case
            when zoho_crm_sync_status is null then 'pending'
            when not coalesce(is_copied, false) then zoho_crm_sync_status
            when zoho_crm_sync_status = 'ok' and crm_seen then 'ok'
            when zoho_crm_sync_status = 'failed' and crm_refused then 'failed'
            else 'pending' end,
        zoho_billing_sync_status = case
            when zoho_billing_sync_status is null then 'pending'
            when not coalesce(is_copied, false) then zoho_billing_sync_status
            when zoho_billing_sync_status = 'ok' and billing_seen then 'ok'
            when zoho_billing_sync_status = 'failed' and billing_refused then 'failed'
            else 'pending' end
    from judged
    where judged.id = known.id and known.legacy_status is null;

    foreach trigger_name in array touched loop
        execute format('alter table public.product_integrations enable trigger %I', trigger_name);
    end loop;
end $$;

-- -------------------------------------------------------------------------------------- indexes

create index if not exists service_packages_by_sku on public.service_packages (sku);
create index if not exists product_integrations_by_rate_limit
    on public.product_integrations (last_rate_limit_at desc)
    where last_rate_limit_at is not null;
create index if not exists product_integrations_by_status
    on public.product_integrations (zoho_crm_sync_status, zoho_billing_sync_status);
create index if not exists cron_execution_log_by_job
    on public.cron_execution_log (job_name, created_at desc);
create index if not exists zoho_sync_logs_by_entity on public.zoho_sync_logs (entity_id);

-- On a catalogue that we made, "updated_at" follows the row; nothing else is ever changed.
create function trueup.touch_updated_at() returns trigger
language plpgsql as $$
begin
    if new is distinct from old and new.updated_at is not distinct from old.updated_at then
        new.updated_at := clock_timestamp();
    end if;
    return new;
end $$;

-- ------------------------------------------------------------------------------ rate-limit hits

-- The predecessor's functions go, whatever their arguments were called.
do $$
declare
    old regprocedure;
begin
    for old in
        select oid::regprocedure from pg_proc
        where pronamespace = 'public'::regnamespace and prokind = 'f'
          and proname in ('record_rate_limit_hit', 'get_sync_candidates')
    loop
        execute 'drop function ' || old;
    end loop;
end $$;

-- Notes that an API refused a call for this product because of too many calls. Keeps the last 20.
-- A recorder must never be what breaks a run: long texts are cut, a package that the catalogue
-- does not know is passed over.
create function public.record_rate_limit_hit(package uuid, api text, message text default null)
returns void
language plpgsql as $$
declare
    v_hit jsonb := jsonb_build_object('api', left(coalesce(api, 'unknown'), 50),
                                      'at', clock_timestamp(), 'message', left(message, 500));
begin
    if package is null then
        return;
    end if;
    insert into public.product_integrations as known
        (service_package_id, rate_limit_hits, last_rate_limit_at)
    values (package, jsonb_build_array(v_hit), clock_timestamp())
    on conflict (service_package_id) do update
    set last_rate_limit_at = excluded.last_rate_limit_at,
        rate_limit_hits = (
            select jsonb_agg(hit order by place)
            from (select hit, place
                  from jsonb_array_elements(
                      case jsonb_typeof(known.rate_limit_hits)
                          when 'array' then known.rate_limit_hits
                          when 'object' then jsonb_build_array(known.rate_limit_hits)
                          else '[]' end || excluded.rate_limit_hits
                  ) with ordinality as all_hits (hit, place)
                  order by place desc limit 20) as newest);
exception when foreign_key_violation then
    raise warning 'no service package %: rate-limit hit of % not recorded', package, api;
end $$;

-- -------------------------------------------------------------------------------------- privacy

-- Hosted servers publish the schema "public" over an API to the roles anon and authenticated, and
-- grant them new tables by default. Without a policy, row security lets nobody but the owner read.
do $$
declare
    made text;
    stranger text;
begin
    for made in select name from legacy where not existed loop
        execute format('alter table public.%I enable row level security', made);
    end loop;
    if exists (select from legacy where name = 'service_packages' and not existed) then
        create trigger touch_updated_at before update on public.service_packages
            for each row execute function trueup.touch_updated_at();
    end if;

    revoke all on schema trueup from public;
    revoke all on function public.record_rate_limit_hit from public;
    for stranger in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on schema trueup from %I', stranger);
        execute format('revoke all on function public.record_rate_limit_hit from %I', stranger);
        for made in select name from legacy where not existed loop
            execute format('revoke all on public.%I from %I', made, stranger);
        end loop;
    end loop;
    if exists (select from pg_roles where rolname = 'service_role') then
        grant execute on function public.record_rate_limit_hit to service_role;
    end if;
end $$;
