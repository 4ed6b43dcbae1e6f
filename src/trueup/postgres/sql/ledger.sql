-- name: fence
select trueup.require_lease(%(lease)s, %(epoch)s::bigint)

-- name: interrupt
with dead as (
    update trueup.run
    set state = 'interrupted',
        error = 'its process ended before it finished; ' || %(run_id)s || ' continued'
    where state = 'running' and run_id <> %(run_id)s
    returning run_id, started_at
), logged as (
    update public.cron_execution_log
    set status = 'failed',
        error_message = 'interrupted: the process ended before the run did; '
            || %(run_id)s || ' continued'
    where job_name = 'zoho-sync' and status = 'running'
      and result_summary ->> 'run_id' in (select run_id from dead)
)
select run_id from dead order by started_at desc limit 1

-- name: begin
insert into trueup.run
    (run_id, trigger, state, started_at, fingerprint, catalogue_size, resumes)
values
    (%(run_id)s, %(trigger)s, 'running', %(started_at)s, %(fingerprint)s, %(catalogue_size)s,
     %(resumes)s)
on conflict (run_id) do update
set state = 'running', started_at = excluded.started_at, finished_at = null, error = null,
    resumes = excluded.resumes

-- name: begin_log
insert into public.cron_execution_log
    (job_name, status, execution_start, trigger_source, result_summary)
values ('zoho-sync', 'running', %(started_at)s, %(log_trigger)s,
        jsonb_build_object('run_id', %(run_id)s::text, 'state', 'running'))

-- name: finish
update trueup.run
set state = %(state)s, finished_at = %(finished_at)s, fingerprint = %(fingerprint)s,
    summary = %(summary)s::jsonb, requests = %(requests)s::jsonb, error = %(error)s,
    catalogue_size = %(catalogue_size)s, violations = %(violations)s::jsonb,
    resumes = coalesce(nullif(%(resumes)s, ''), resumes)
where run_id = %(run_id)s

-- name: finish_log
update public.cron_execution_log
set status = %(log_status)s, execution_end = %(finished_at)s,
    execution_time_ms = %(duration_ms)s, result_summary = %(log_summary)s::jsonb,
    error_message = %(error)s, records_processed = %(processed)s,
    records_failed = %(failed)s, records_skipped = %(skipped)s
where job_name = 'zoho-sync' and status = 'running' and result_summary ->> 'run_id' = %(run_id)s

-- name: last_run
select run_id, trigger, state, started_at, finished_at, fingerprint, summary::text, requests::text,
       error, catalogue_size, resumes, violations::text
from trueup.run
where state not in ('running', 'interrupted', 'already_running')
order by started_at desc
limit 1

-- name: bindings
select kind, code, slot, remote_id, owner, sku, applied::text, terms::text
from trueup.binding
where owner <> '' and owner in (select json_array_elements_text(%(owners)s::json))
union
select kind, code, slot, remote_id, owner, sku, applied::text, terms::text
from json_to_recordset(%(keys)s::json) as wanted (kind text, code text)
join trueup.binding using (kind, code)
order by kind, code

-- name: some_bindings
select kind, code, slot, remote_id, owner, sku, applied::text, terms::text
from trueup.binding
where kind = %(kind)s and code not like 'moved:%%'
limit %(most)s

-- name: shared_bindings
select kind, code, slot, remote_id, owner, sku, applied::text, terms::text
from trueup.binding
where owner = '' and slot = 'device'
order by kind, code

-- name: missing_owners
-- The owners alone first, along their index: the bindings themselves are wide.
with gone as materialized (
    select owner from trueup.owned
    except
    select id from ({catalogue_ids}) as alive (id)
)
select coalesce(absence.runs, 0), kind, code, slot, remote_id, owner, sku, applied::text,
       terms::text
from gone
join trueup.owned using (owner)
left join trueup.absence on absence.offering_id = owner
order by owner, kind, code

-- name: note_absences
insert into trueup.absence as known (offering_id, runs, run_id)
select owner, 1, %(run_id)s
from (
    select owner from trueup.owned
    except
    select id from ({catalogue_ids}) as alive (id)
) as gone
on conflict (offering_id) do update
set runs = known.runs + 1, run_id = excluded.run_id
where known.run_id <> excluded.run_id

-- name: forget_absences
delete from trueup.absence
where exists (select from ({catalogue_ids}) as alive (id) where alive.id = offering_id)
   or not exists (select from trueup.owned where owner = offering_id)

-- name: intents
select kind, code, name, namesakes, owner from trueup.intent
where kind = any(%(kinds)s::text[])
order by kind, code

-- name: write_intents
select trueup.write_intents(%(lease)s, %(epoch)s::bigint, %(run_id)s, %(intents)s::jsonb)

-- name: touch_products
select trueup.touch_products(%(lease)s, %(epoch)s::bigint, %(owners)s::text[], %(targets)s::text[])

-- name: record_outcomes
select trueup.record_outcomes(%(lease)s, %(epoch)s::bigint, %(run_id)s, %(outcomes)s::jsonb)

-- name: remote_id
select remote_id from trueup.binding where kind = %(kind)s and code = %(code)s

-- name: settle
select trueup.settle_products(
    %(lease)s, %(epoch)s::bigint, %(run_id)s, %(at)s::timestamptz, %(ladder)s::float8[],
    %(offerings)s::uuid[], %(skus)s::text[], %(targets)s::text[], %(statuses)s::text[],
    %(revisions)s::text[], %(errors)s::text[], %(permanent)s::boolean[])

-- name: release
update trueup.product_state
set failures = 0, next_attempt_at = null, quarantined = false,
    status = case when %(due)s or status = 'failed' then 'pending' else status end,
    row_revision = case when %(due)s then '' else row_revision end,
    verified_at = case when %(due)s then null else verified_at end
where offering_id = any(%(owners)s::uuid[]) and target = any(%(targets)s::text[])

-- name: rate_limited
with known as (
    select id from public.service_packages where id = any(%(owners)s::uuid[])
), marked as (
    update trueup.product_state set rate_limited_at = clock_timestamp()
    from known where offering_id = known.id and target = %(target)s
)
select public.record_rate_limit_hit(id, %(target)s, %(message)s) from known

-- name: states
select offering_id::text, target, status, row_revision, verified_at, last_success_at,
       last_attempt_at, failures, next_attempt_at, quarantined, last_error
from trueup.product_state
where offering_id = any(%(owners)s::uuid[])
order by offering_id, target
