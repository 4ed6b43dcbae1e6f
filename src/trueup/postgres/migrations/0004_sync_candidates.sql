-- What is due, for the old screens and monitoring queries, and for people who look with SQL.

-- The reason why a product is due at one target; null when it is not.
--
--   live       active, inside its validity window: should be there
--   gone       retired, or no longer in the catalogue: should be marked inactive where it exists
--   neither    draft or future: nothing
--
-- "changed" rests on updated_at: whether a row differs in a managed field is known to the planner.
create function trueup.due_reason(
    package public.service_packages, state trueup.product_state, old_status text, remote_id text,
    at timestamptz
) returns text
language sql stable as $$
    select case
        when not (live or gone) then null
        -- Never created only to be retired.
        when gone and remote_id is null and (state).last_success_at is null then null
        when touched and gone then 'withdrawn'
        when touched and (state).last_success_at is not null then 'changed'
        when (state).quarantined and not touched then null
        when (state).status = 'failed'
            then case when coalesce((state).next_attempt_at <= at, true) then 'failed' end
        when (state).offering_id is null and old_status = 'failed' then 'failed'
        when gone and ((state).offering_id is null or (state).status = 'pending') then 'withdrawn'
        when (state).offering_id is null and old_status = 'ok' then 'stale'
        when (state).offering_id is null then 'never'
        when (state).status = 'pending' and (state).last_success_at is null then 'never'
        when (state).status = 'pending' then 'changed'
        when coalesce((state).verified_at < at - interval '20 hours', true)
            then case when (package).id is null then 'withdrawn' else 'stale' end
    end
    from (
        select coalesce((package).status = 'active'
                   and coalesce((package).valid_from <= at, true)
                   and coalesce((package).valid_to > at, true), false) as live,
               (package).id is null
                   or coalesce((package).status in ('inactive', 'archived'), false)
                   or coalesce((package).status = 'active' and (package).valid_to <= at, false)
                   as gone,
               -- Decided before the row, or its place in its window, last moved; an empty revision
               -- says that somebody asked for it.
               (state).offering_id is not null
                   and ((state).row_revision = ''
                        or coalesce((package).updated_at > decided, false)
                        or coalesce((package).valid_from between decided and at, false)
                        or coalesce((package).valid_to between decided and at, false)) as touched
        from (select greatest((state).verified_at, (state).last_attempt_at) as decided) as last
    ) as facts
$$;

-- Products that are due, the most urgent first: withdrawn, changed, never, failed, stale; then the
-- one that waited longest. Failing products take at most a quarter of the places while others
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
begin
    if max_limit is null or max_limit < 1 then
        raise exception 'max_limit must be 1 or more, not %', coalesce(max_limit::text, 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    return query
    with known as (
        select id from public.service_packages
        union
        select offering_id from trueup.product_state
    ), judged as (
        select known.id, package, mirror,
               coalesce(package.sku, crm.sku, billing.sku) as sku,
               array_remove(array[
                   trueup.due_reason(package, crm, mirror.zoho_crm_sync_status,
                                     mirror.zoho_crm_product_id, now()),
                   trueup.due_reason(package, billing, mirror.zoho_billing_sync_status,
                                     coalesce(mirror.zoho_billing_plan_id,
                                              mirror.zoho_billing_item_id), now())
               ], null) as reasons,
               least(crm.last_attempt_at, billing.last_attempt_at) as waiting_since
        from known
        left join public.service_packages as package on package.id = known.id
        left join public.product_integrations as mirror on mirror.service_package_id = known.id
        left join trueup.product_state as crm
            on crm.offering_id = known.id and crm.target = 'crm'
        left join trueup.product_state as billing
            on billing.offering_id = known.id and billing.target = 'billing'
    ), due as (
        select judged.*, ladder.reason, ladder.rank
        from judged
        cross join lateral (
            select reason, rank
            from unnest(array['withdrawn', 'changed', 'failed', 'never', 'stale'])
                 with ordinality as steps (reason, rank)
            where reason = any (judged.reasons)
            order by rank limit 1
        ) as ladder
    ), placed as (
        select due.*,
               row_number() over (partition by due.reason
                                  order by due.waiting_since nulls first, due.id) as place
        from due
    )
    select placed.id, placed.sku, (package).name::text, (package).status::text,
           (mirror).last_synced_at, coalesce((mirror).sync_status, 'pending')::text,
           (mirror).zoho_crm_product_id::text, (mirror).zoho_billing_plan_id::text,
           (mirror).zoho_billing_item_id::text,
           coalesce((mirror).zoho_crm_sync_status, 'pending')::text,
           coalesce((mirror).zoho_billing_sync_status, 'pending')::text,
           (mirror).zoho_crm_last_synced_at, (mirror).zoho_billing_last_synced_at, placed.reason
    from placed
    order by placed.reason = 'failed' and placed.place > greatest(1, max_limit / 4),
             -- Within their quarter the failed ones come first, or others would push them out.
             case when placed.reason = 'failed' then 0 else placed.rank end,
             placed.waiting_since nulls first, placed.id
    limit max_limit;
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
