-- name: listed
-- The catalogue and what left it, each along an index of its own; then the first of both, and only
-- of those the whole rows.
select p.id::text, coalesce(listed.sku, p.sku)::text, listed.name::text,
       case when p.gone then 'gone' else listed.status end::text, p.gone, p.sort_key::text, {states}
from (
    select * from (({listed}) union all ({gone})) as both_kinds
    order by sort_key {direction}, id {direction}
    limit %(limit)s
) as p
left join ({rows}) as listed on listed.id = p.id and not p.gone
left join trueup.product_state as crm on crm.offering_id = p.id and crm.target = 'crm'
left join trueup.product_state as billing on billing.offering_id = p.id and billing.target = 'billing'
order by p.sort_key {direction}, p.id {direction}

-- name: branch
select p.id, {sku} as sku, {is_gone} as gone, {sort_key} as sort_key
from ({rows}) as p
{joins}
where {conditions}
order by {sort_key} {direction}, p.id {direction}
limit %(limit)s

-- name: lacking
-- What no run has decided about there. Ids alone, so that indexes are read and no rows.
select known.id
from ({ids}) as known
where not exists (select from trueup.product_state as state
                  where state.offering_id = known.id and {there})

-- name: undecided
select known.id::text
from ({ids}) as known
left join trueup.product_state as crm on crm.offering_id = known.id and crm.target = 'crm'
left join trueup.product_state as billing
    on billing.offering_id = known.id and billing.target = 'billing'
where crm.offering_id is null or billing.offering_id is null
limit %(limit)s

-- name: waiting
-- An approval that has expired asks again.
select owner::uuid from trueup.held_change
where owner <> '' and (state = 'open' or (state = 'approved' and expires_at <= clock_timestamp()))

-- name: gone_ids
select offering_id::uuid as id from trueup.absence

-- name: gone_rows
-- Products that the catalogue no longer has, and of which records are left (one line a product).
select distinct on (state.offering_id) state.offering_id as id, state.sku, ''::text as name,
       'gone'::text as status, ''::text as service_type, ''::text as product_category,
       '{}'::jsonb as pricing
from trueup.absence
join trueup.product_state as state on state.offering_id = absence.offering_id::uuid
order by state.offering_id, state.target

-- name: whole_rows
select row_to_json(q)::text
from (select listed.*, {dated} as dated_prices from ({rows}) as listed {join_dated}) as q
where q.id = any(%(ids)s::uuid[])

-- name: dated_of
-- The prices of these alone are read, not of all and then joined.
left join (select * from ({prices}) as known where known.id = any(%(ids)s::uuid[])) as dated
    on dated.id = listed.id

-- name: families
select distinct coalesce({column}, '')::text as family from ({rows}) as p order by 1 limit 200
