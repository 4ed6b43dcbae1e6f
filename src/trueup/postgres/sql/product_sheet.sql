-- name: same_sku_or_name
-- Who could share this product's SKU or name, as they are written, for telling their labels apart.
select row_to_json(p)::text
from ({rows}) as p
where coalesce(p.sku, '') = %(sku)s or coalesce(p.name, '') = %(name)s
limit 100

-- name: ids_of_sku
select p.id::text from ({rows}) as p where coalesce(p.sku, '') = %(sku)s
union
select state.offering_id::text
from (select offering_id::uuid as id from trueup.absence offset 0) as gone
join trueup.product_state as state on state.offering_id = gone.id
where state.sku = %(sku)s
limit 10

-- name: near_skus
select coalesce(p.sku, '')::text, p.id::text
from ({rows}) as p
where p.sku ilike %(begins)s or p.sku ilike %(contains)s or p.name ilike %(contains)s
limit 300

-- name: remembered
select kind, code, slot, remote_id, owner, sku, applied::text, terms::text, applied_at, run_id
from trueup.binding
where owner = %(owner)s
union all
select kind, code, slot, remote_id, owner, sku, applied::text, terms::text, applied_at, run_id
from trueup.binding
where owner = '' and kind = 'billing_item' and code = any(%(devices)s::text[])

-- name: seen
-- What a change that was not carried out had read before: held, or refused by the target.
(select held.kind, held.code, held.deltas::text, coalesce(run.started_at, held.held_at), 'held',
        held.why, held.last_run
 from trueup.held_change as held left join trueup.run on run.run_id = held.last_run
 where held.owner = %(owner)s and held.state in ('open', 'approved') and held.action <> 'create')
union all
(select distinct on (kind, code) kind, code, deltas::text, at, status, detail, run_id
 from trueup.change_history
 where owner = %(owner)s and owner <> '' and action <> 'create'
   and status in ('rejected', 'failed', 'stale') and actor = ''
 order by kind, code, id desc)

-- name: undecided
select distinct target
from trueup.held_change
where owner = %(owner)s and state = 'open'

-- name: last_look
select job_id, finished_at, report::text
from trueup.job
where workspace = %(workspace)s and terms -> 'skus' ->> 0 = %(sku)s
  and state = 'done' and terms -> 'skus' ->> 0 is not null and terms -> 'skus' ->> 1 is null
  and kind = 'sync' and (terms ->> 'dry_run')::boolean and ending = 'succeeded'
order by job_id desc
limit 1
