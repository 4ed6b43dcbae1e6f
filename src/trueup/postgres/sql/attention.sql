-- name: never_compared
-- First ids alone, which an index knows; then the rows of the few that are left.
select count(*)
from (
    select known.id from ({ids}) as known
    where not exists (select from trueup.product_state as state
                      where state.offering_id = known.id)
    offset 0
) as lacking
join ({catalogue}) as listed using (id)
cross join (select zone, (now() at time zone zone)::date as today from trueup.business) as calendar
where listed.status = 'active'
  and coalesce((listed.valid_from at time zone zone)::date <= today, true)
  and coalesce((listed.valid_to at time zone zone)::date >= today, true)

-- name: reasons
-- Reasons that differ in their numbers and ids alone are one.
select array_agg(distinct target order by target),
       case when min(said) = max(said) then min(said) else shape end,
       count(distinct offering_id)
from (select offering_id, target, coalesce(last_error, '') as said,
             regexp_replace(coalesce(last_error, ''),
                            '\m[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\M|[0-9]+([.,][0-9]+)*',
                            '…', 'g') as shape
      from trueup.product_state as state
      where status = 'held'
        and not exists (select from trueup.held_change as held
                        where held.owner = state.offering_id::text and held.target = state.target
                          and held.state in ('open', 'approved'))) as each
group by shape
order by 3 desc, 2
limit %(limit)s

-- name: held_by_guards
select rules[1], count(distinct sku)
from trueup.held_change
where state = 'open' or (state = 'approved' and expires_at <= clock_timestamp())
group by 1
order by 2 desc, 1

-- name: writer
select run_id, host, pid, acquired_at
from trueup.lease
where name = %(lease)s and expires_at > clock_timestamp()

-- name: pauses
select target, closed_until, ''
from trueup.call_gate
where workspace = %(workspace)s and closed_until > clock_timestamp()
union all
select 'token', cooldown_until, coalesce(cooldown_reason, '')
from trueup.token
where workspace = %(workspace)s and cooldown_until > clock_timestamp()
order by 1

-- name: throttled_products
select coalesce(package.sku, '')::text, coalesce(package.name, '')::text, known.last_rate_limit_at,
       case jsonb_typeof(known.rate_limit_hits)
           when 'array' then jsonb_array_length(known.rate_limit_hits) else 0 end
from (
    select * from public.product_integrations
    where last_rate_limit_at is not null
    order by last_rate_limit_at desc
    limit %(limit)s
) as known
left join public.service_packages as package on package.id = known.service_package_id
order by known.last_rate_limit_at desc
