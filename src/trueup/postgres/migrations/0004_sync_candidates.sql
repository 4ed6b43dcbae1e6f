-- What is due, for the old screens and monitoring queries, and for people who look with SQL.

-- Each product and target that is due, and why.
--
--   live       active, inside its validity window: should be there
--   gone       retired, or no longer in the catalogue: should be marked inactive where it exists
--   neither    draft or future: nothing
--
-- "touched" means decided before the row, or its place in its window, last moved; an empty revision
-- says that somebody asked for it. It rests on updated_at: whether a row differs in a managed field
-- is known to the planner alone.
create view trueup.due with (security_invoker = true) as
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
    cross join lateral (
        select coalesce(package.status = 'active'
                   and coalesce(package.valid_from <= now(), true)
                   and coalesce(package.valid_to > now(), true), false) as live,
               package.id is null
                   or coalesce(package.status in ('inactive', 'archived'), false)
                   or coalesce(package.status = 'active' and package.valid_to <= now(), false)
                   as gone,
               greatest(state.verified_at, state.last_attempt_at) as decided
    ) as lifecycle
    cross join lateral (
        select state.status is not null
               and (state.row_revision = ''
                    or coalesce(package.updated_at > decided, false)
                    or coalesce(package.valid_from between decided and now(), false)
                    or coalesce(package.valid_to between decided and now(), false)) as touched
    ) as movement
) as judged
where reason is not null;

-- Products that are due, the most urgent first: withdrawn, changed, never, stale; within a reason
-- the one that waited longest. Failing products take at most a quarter of the places while others
-- wait. A product that is gone from the catalogue has no name and no status any more.
create function public.get_sync_candidates(max_limit integer default 100)
returns table (
    id uuid, sku text, name text, status text, last_synced_at timestamptz, sync_status text,
    zoho_crm_product_id text, zoho_billing_plan_id text, zoho_billing_item_id text,
    zoho_crm_sync_status text, zoho_billing_sync_status text,
    zoho_crm_last_synced_at timestamptz, zoho_billing_last_synced_at timestamptz,
    reason text
)
language plpgsql stable as $$
#variable_conflict use_column
declare
    -- A product that is due for several reasons is listed under the first of these.
    ladder constant text[] := array['withdrawn', 'changed', 'failed', 'never', 'stale'];
begin
    if max_limit is null or max_limit < 1 then
        raise exception 'max_limit must be 1 or more, not %', coalesce(max_limit::text, 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    return query
    with product as (
        select offering_id, max(sku) as sku, min(last_attempt_at) as waiting_since,
               ladder[min(array_position(ladder, reason))] as reason
        from trueup.due
        group by offering_id
    ), placed as (
        select product.*,
               row_number() over (partition by reason
                                  order by waiting_since nulls first, offering_id) as place
        from product
    ), chosen as (
        select row_number() over (
                   order by reason = 'failed' and place > greatest(1, max_limit / 4),
                            -- In their quarter the failed come first, or others push them out.
                            reason <> 'failed', array_position(ladder, reason),
                            waiting_since nulls first, offering_id) as turn,
               offering_id, sku, reason
        from placed
        order by turn
        limit max_limit
    )
    select chosen.offering_id, chosen.sku, package.name::text, package.status::text,
           mirror.last_synced_at, coalesce(mirror.sync_status, 'pending')::text,
           mirror.zoho_crm_product_id::text, mirror.zoho_billing_plan_id::text,
           mirror.zoho_billing_item_id::text,
           coalesce(mirror.zoho_crm_sync_status, 'pending')::text,
           coalesce(mirror.zoho_billing_sync_status, 'pending')::text,
           mirror.zoho_crm_last_synced_at, mirror.zoho_billing_last_synced_at, chosen.reason
    from chosen
    left join public.service_packages as package on package.id = chosen.offering_id
    left join public.product_integrations as mirror
        on mirror.service_package_id = chosen.offering_id
    order by chosen.turn;
end $$;

-- Nothing of ours is readable by the roles to which a hosted server publishes the database.
do $$
declare
    ours regclass;
    stranger text;
begin
    for ours in
        select oid from pg_class
        where relnamespace = 'trueup'::regnamespace and relkind in ('r', 'p') and not relrowsecurity
    loop
        execute format('alter table %s enable row level security', ours);
    end loop;
    revoke all on function public.get_sync_candidates from public;
    for stranger in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on function public.get_sync_candidates from %I', stranger);
        execute format('revoke all on all tables in schema trueup from %I', stranger);
        execute format('revoke all on all functions in schema trueup from %I', stranger);
    end loop;
    if exists (select from pg_roles where rolname = 'service_role') then
        grant execute on function public.get_sync_candidates to service_role;
    end if;
end $$;
