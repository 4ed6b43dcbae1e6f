-- Dated prices, and the business's own date in the database.

-- A list price that is to hold from a local date on. A predecessor's table of this name stays
-- exactly as it is; this one has its column names, so that either is read alike.
--
-- No foreign key: the catalogue may be another table than service_packages.
do $$
declare
    stranger text;
begin
    if to_regclass('public.price_changes') is not null then
        return;
    end if;
    create table public.price_changes (
        id                 uuid primary key default gen_random_uuid(),
        service_package_id uuid not null,
        old_price          numeric(10, 2) not null,
        new_price          numeric(10, 2) not null,
        published_at       timestamptz,
        effective_date     date not null,
        status             text not null default 'draft'
                           check (status in ('draft', 'published', 'effective', 'cancelled')),
        reason             text,
        created_at         timestamptz not null default now(),
        updated_at         timestamptz not null default now()
    );
    create index price_changes_agreed on public.price_changes (service_package_id, effective_date)
        where status in ('published', 'effective');
    alter table public.price_changes enable row level security;
    for stranger in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on public.price_changes from %I', stranger);
    end loop;
end $$;

-- ---------------------------------------------------------------------------------- today's date

-- The zone in which the business has its dates: schedule.timezone of the settings, kept here so that
-- what SQL calls today is what a run calls today.
create table trueup.business (
    only_row boolean primary key default true check (only_row),
    zone     text not null
);
insert into trueup.business (zone) values ('Africa/Johannesburg');
alter table trueup.business enable row level security;

-- The agreed dated prices, as far as the older screens' functions know them: from a table of the
-- usual name and columns, else none.
do $$
begin
    if (select count(*) from pg_attribute as a
        join (values ('service_package_id', 'uuid'::regtype), ('effective_date', 'date'),
                     ('status', null)) as usual (name, type)
            on usual.name = a.attname and coalesce(usual.type = a.atttypid, true)
        where a.attrelid = to_regclass('public.price_changes') and not a.attisdropped) = 3
    then
        create view trueup.dated_price with (security_invoker = true) as
        select service_package_id as offering_id, effective_date as due_on
        from public.price_changes
        where status::text in ('published', 'effective');
    else
        create view trueup.dated_price with (security_invoker = true) as
        select null::uuid as offering_id, null::date as due_on where false;
    end if;
end $$;

-- ------------------------------------------------------------------------------------------- due

-- As before, but by local dates: a product is sold from the day of valid_from through the day of
-- valid_to, and what came due since it was decided is a change, a dated price too.
create or replace view trueup.due with (security_invoker = true) as
with calendar as materialized (
    select zone, (now() at time zone zone)::date as today from trueup.business
)
select offering_id, target, sku, reason, last_attempt_at
from (
    select known.id as offering_id, place.target,
           coalesce(package.sku, nullif(state.sku, '')) as sku, state.last_attempt_at,
           case
               when not (live or gone) then null
               -- Never created only to be retired.
               when gone and place.remote_id is null and state.last_success_at is null then null
               when touched and gone then 'withdrawn'
               when touched and state.last_success_at is not null then 'changed'
               when state.quarantined and not touched then null
               when state.status = 'failed'
                   then case when coalesce(state.next_attempt_at <= now(), true) then 'failed' end
               when state.status is null and place.old_status = 'failed' then 'failed'
               when gone and coalesce(state.status, 'pending') = 'pending' then 'withdrawn'
               when state.status is null and place.old_status = 'ok' then 'stale'
               when state.status is null then 'never'
               when state.status = 'pending' and state.last_success_at is null then 'never'
               when state.status = 'pending' then 'changed'
               when coalesce(state.verified_at < now() - interval '20 hours', true)
                   then case when package.id is null then 'withdrawn' else 'stale' end
           end as reason
    from (select id from public.service_packages
          union
          select offering_id from trueup.product_state) as known
    left join public.service_packages as package on package.id = known.id
    left join public.product_integrations as mirror on mirror.service_package_id = known.id
    cross join lateral (values
        ('crm', mirror.zoho_crm_sync_status::text, mirror.zoho_crm_product_id::text),
        ('billing', mirror.zoho_billing_sync_status::text,
         coalesce(mirror.zoho_billing_plan_id, mirror.zoho_billing_item_id)::text)
    ) as place (target, old_status, remote_id)
    left join trueup.product_state as state
        on state.offering_id = known.id and state.target = place.target
    cross join calendar
    left join (
        select dated.offering_id, max(dated.due_on) as due_on
        from trueup.dated_price as dated
        join calendar on dated.due_on <= calendar.today
        group by dated.offering_id
    ) as dated on dated.offering_id = known.id
    cross join lateral (
        select (package.valid_from at time zone zone)::date as begins,
               (package.valid_to at time zone zone)::date as ends,
               greatest(state.verified_at, state.last_attempt_at) as decided
    ) as dates
    cross join lateral (select (decided at time zone zone)::date as decided_on) as decision
    cross join lateral (
        select coalesce(package.status = 'active' and coalesce(begins <= today, true)
                   and coalesce(ends >= today, true), false) as live,
               package.id is null
                   or coalesce(package.status in ('inactive', 'archived'), false)
                   or coalesce(package.status = 'active' and ends < today, false) as gone
    ) as lifecycle
    cross join lateral (
        select state.status is not null
               and (state.row_revision = ''
                    or coalesce(package.updated_at > decided, false)
                    -- The first comparison spares a million rows the calendar.
                    or coalesce(package.valid_from > decided
                            and begins > decided_on and begins <= today, false)
                    or coalesce(ends < today and ends >= decided_on, false)
                    or coalesce(dated.due_on > decided_on, false)) as touched
    ) as movement
) as judged
where reason is not null;

-- Nothing of ours is readable by the roles to which a hosted server publishes the database.
do $$
declare
    stranger text;
begin
    for stranger in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on all tables in schema trueup from %I', stranger);
    end loop;
end $$;
