-- name: page
-- A page of runs, the newest first, each in numbers; run by run along the index, because most of
-- the history belongs to other runs.
select run_id, trigger, state, started_at, finished_at, fingerprint, summary::text, requests::text,
       error, catalogue_size, resumes, violations::text,
       coalesce(changed.applied, 0), coalesce(changed.failed, 0)
from (
    select * from trueup.run
    where (%(states)s::text[] is null or state = any(%(states)s::text[]))
      and (%(triggers)s::text[] is null or trigger = any(%(triggers)s::text[]))
      and (%(before)s::timestamptz is null
           or started_at < %(before)s or (started_at = %(before)s and run_id > %(after_id)s))
      and (%(since)s::timestamptz is null or started_at >= %(since)s)
      and (%(until)s::timestamptz is null or started_at < %(until)s)
    order by started_at desc, run_id
    limit %(limit)s
) as recent
cross join lateral (
    select count(*) filter (where status = 'applied') as applied,
           count(*) filter (where status in ('rejected', 'failed', 'unknown', 'stale')
                                  and actor = '') as failed
    from trueup.change_history as change
    where change.run_id = recent.run_id
) as changed
order by started_at desc, run_id

-- name: counts
-- What became of the changes of a run: what a guard held and a person decided is told apart.
select target, action, status, actor <> '', count(*)
from trueup.change_history
where run_id = %(run_id)s
group by 1, 2, 3, 4

-- name: changes
-- What a person decided about is shown with what a guard held; targets reject too.
select id, run_id, at, target, kind, code, sku, owner, action, reason, deltas::text, status,
       remote_id, error_code, detail, actor, editor
from trueup.change_history
where run_id = %(run_id)s and id > %(after)s
  and (%(statuses)s::text[] is null
       or case when actor <> '' and status <> 'applied' then 'held' else status end
          = any(%(statuses)s::text[]))
  and (%(sku_key)s::text is null or starts_with(sku_key, %(sku_key)s))
order by id
limit %(limit)s

-- name: failing
select distinct change.sku
from trueup.change_history as change
join trueup.product_state as state
  on state.offering_id = case when change.owner ~ '^[0-9a-f-]{36}$' then change.owner::uuid end
     and state.target = change.target
where change.run_id = %(run_id)s and change.actor = '' and change.sku <> ''
  and change.status in ('rejected', 'failed', 'unknown', 'stale') and state.status = 'failed'
order by 1
limit %(limit)s
