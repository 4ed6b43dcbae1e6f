-- name: standings
select coalesce(crm.status, 'pending'), coalesce(billing.status, 'pending'), count(*),
       least(min(crm.verified_at) filter (where crm.status <> 'pending'),
             min(billing.verified_at) filter (where billing.status <> 'pending'))
from (select * from trueup.product_state where target = 'crm') as crm
full join (select * from trueup.product_state where target = 'billing') as billing
    on billing.offering_id = crm.offering_id
group by 1, 2
order by 1, 2

-- name: persistent
select count(distinct offering_id) filter (where quarantined),
       count(distinct offering_id) filter (where not quarantined and failures > %(patience)s)
from trueup.product_state
where status in ('failed', 'held') and (quarantined or failures > %(patience)s)

-- name: trouble_counts
select status, count(*)
from trueup.product_state
where status in ('failed', 'held', 'skipped') and target = any(%(targets)s::text[])
group by status

-- name: last_success
select run_id, trigger, state, started_at, finished_at, fingerprint, summary::text, requests::text,
       error, catalogue_size, resumes, violations::text
from trueup.run
where state = 'succeeded'
order by started_at desc
limit 1

-- name: failing
select state.offering_id::text, coalesce(package.sku, state.sku),
       coalesce(package.name, '')::text, target, last_error, failures, last_attempt_at,
       next_attempt_at, quarantined, last_success_at, state.status, log.since
from (
    select * from trueup.product_state
    where status = any(%(statuses)s::text[]) and target = any(%(targets)s::text[])
    order by failures desc, last_attempt_at desc, offering_id, target
    limit %(limit)s
) as state
left join public.service_packages as package on package.id = state.offering_id
left join lateral (
    -- The first failure in a row is the last one that was logged as the first attempt.
    select max(created_at) as since from public.zoho_sync_logs
    where state.status = 'failed' and entity_id = state.offering_id and attempt_number = 1
      and metadata ->> 'target' = state.target
) as log on true
order by failures desc, last_attempt_at desc, state.offering_id, target

-- name: runs
select run_id, trigger, state, started_at, finished_at, fingerprint, summary::text, requests::text,
       error, catalogue_size, resumes, violations::text
from trueup.run
order by started_at desc, run_id
limit %(limit)s

-- name: find_runs
select run_id, trigger, state, started_at, finished_at, fingerprint, summary::text, requests::text,
       error, catalogue_size, resumes, violations::text
from trueup.run
where run_id = %(run_id)s or starts_with(run_id, %(run_id)s)
order by run_id <> %(run_id)s, started_at desc
limit 2

-- name: violations
select run_id, violations::text from trueup.run where run_id = any(%(run_ids)s::text[])

-- name: outcomes
select run_id, at, target, kind, code, sku, owner, action, reason, deltas::text, status, remote_id,
       error_code, detail, actor, editor
from trueup.change_history
where run_id = %(run_id)s
order by id

-- name: history
with mine as (
    (select id, owner from trueup.change_history
     where sku_key = %(sku_key)s order by id desc limit %(limit)s)
    union
    select past.id, past.owner
    from (select distinct owner from trueup.change_history
          where sku_key = %(sku_key)s and owner <> '') as bearer
    cross join lateral (
        select id, owner from trueup.change_history as change
        where change.owner = bearer.owner and change.owner <> ''
        order by id desc limit %(limit)s) as past
)
select run_id, at, target, kind, code, sku, change.owner, action, reason, deltas::text, status,
       remote_id, error_code, detail, actor, editor
from mine join trueup.change_history as change using (id)
order by id desc
limit %(limit)s

-- name: trends
-- Run by run along the index: most of the history belongs to other runs.
select recent.run_id, started_at, state,
       coalesce(greatest(0, extract(epoch from finished_at - started_at) * 1000), 0)::bigint,
       applied, failed,
       coalesce((select sum(value::bigint) from jsonb_each_text(requests)), 0)::bigint,
       coalesce(throttled, 0)
from trueup.run as recent
left join (
    select run_id, sum(throttled)::bigint as throttled from trueup.call_by_run group by run_id
) as calls using (run_id)
cross join lateral (
    select count(*) filter (where status = 'applied') as applied,
           count(*) filter (where status in ('rejected', 'failed', 'unknown', 'stale')
                                  and actor = '') as failed
    from trueup.change_history as change
    where change.run_id = recent.run_id
) as changed
where started_at >= %(since)s
order by started_at, run_id

-- name: most_failing
select (array_agg(sku order by id desc))[1], owner, count(*), max(at),
       (array_agg(detail order by id desc))[1]
from trueup.change_history
where status in ('rejected', 'failed', 'unknown', 'stale') and actor = '' and at >= %(since)s
group by owner, case when owner = '' then sku_key end
order by count(*) desc, max(at) desc
limit %(limit)s
