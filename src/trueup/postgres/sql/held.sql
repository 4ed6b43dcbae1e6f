-- name: groups
-- What asks for a person; an approval that has expired asks again.
select rule, asking.target, changes, products, since, newest, held.last_run, held.why,
       asking.subscriptions
from (
    select rules[1] as rule, target, count(*) as changes, count(distinct sku_key) as products,
           min(held_at) as since, max(id) as newest, coalesce(sum(subscriptions), 0) as subscriptions
    from trueup.held_change
    where state = 'open' or (state = 'approved' and expires_at <= %(now)s)
    group by 1, 2
) as asking
join trueup.held_change as held on held.id = newest

-- name: of_group
select {columns} from trueup.held_change as held
where (state = 'open' or (state = 'approved' and expires_at <= %(now)s))
  and rules[1] = %(rule)s and target = %(target)s and id <= %(upto)s
order by sku, starts_with(why, 'waits for '), id
limit %(limit)s offset %(skip)s

-- name: approved
select {columns} from trueup.held_change as held
where state = 'approved' and coalesce(expires_at > %(now)s, true)
order by decided_at desc, id desc
limit %(limit)s

-- name: rejected
-- As long as the refusal counts: the catalogue has not moved on, and nobody has taken it back.
select {columns} from trueup.held_change as held
where state = 'rejected'
  and not exists (select from trueup.held_change as later
                  where later.kind = held.kind and later.code = held.code
                    and later.fingerprint = held.fingerprint and later.id > held.id)
  and exists (
      select from trueup.refusal
      cross join lateral jsonb_each(held.deltas) as delta (field, pair)
      where refusal.kind = held.kind and refusal.code = held.code
        and refusal.field = delta.field and refusal.value = delta.pair -> 1)
order by decided_at desc, id desc
limit %(limit)s

-- name: beside
-- What asks about the products of these, whose changes may wait for one of them.
select {columns} from trueup.held_change as held
where (state = 'open' or (state = 'approved' and expires_at <= %(now)s))
  and starts_with(why, 'waits for ')
  and sku_key in (select sku_key from trueup.held_change where id = any(%(numbers)s::bigint[]))
order by id

-- name: refused_rows
-- Held by what a row says: no decision helps, the row must be corrected.
select held_back.offering_id::text, coalesce(package.sku, held_back.sku),
       coalesce(package.name, '')::text, targets, why, looked_at
from (
    select offering_id, min(sku) as sku, array_agg(target order by target) as targets,
           coalesce(last_error, '') as why, max(last_attempt_at) as looked_at
    from trueup.product_state as state
    where status = 'held'
      and not exists (select from trueup.held_change as held
                      where held.owner = state.offering_id::text and held.target = state.target
                        and held.state in ('open', 'approved', 'rejected'))
    group by offering_id, why
    order by min(sku), why
    limit %(limit)s
) as held_back
left join public.service_packages as package on package.id = held_back.offering_id
order by 2, why
