-- name: ask
insert into trueup.job
    (workspace, kind, trigger, priority, terms, schedule, slot, planned_at, merge, asked_by)
values
    (%(workspace)s, %(kind)s, %(trigger)s, %(priority)s, %(terms)s::jsonb, %(schedule)s, %(slot)s,
     %(planned_at)s, %(merge)s, %(asked_by)s)
on conflict do nothing
returning *

-- name: merge
update trueup.job
set terms = jsonb_set(terms, '{skus}', case
        -- Without names it is about all that is due.
        when '[]' in (terms -> 'skus', %(terms)s::jsonb -> 'skus') then '[]'::jsonb
        else (select jsonb_agg(distinct sku)
              from jsonb_array_elements((terms -> 'skus') || (%(terms)s::jsonb -> 'skus')) as sku)
    end),
    priority = greatest(priority, %(priority)s)
where workspace = %(workspace)s and merge = %(merge)s and state = 'waiting' and merge <> ''
returning *

-- name: announce
select pg_notify('trueup_jobs', %(job_id)s::text)

-- name: get
select * from trueup.job where job_id = %(job_id)s

-- name: open
select * from trueup.job
where state <> 'done' and (%(workspace)s::text is null or workspace = %(workspace)s)
order by state = 'waiting', priority desc, job_id

-- name: recent
select * from trueup.job
where state = 'done' and (%(workspace)s::text is null or workspace = %(workspace)s)
order by finished_at desc, job_id desc
limit %(limit)s

-- name: of_run
select * from trueup.job where run_id = %(run_id)s and state <> 'done'

-- name: claim
update trueup.job
set state = 'running', attempt = attempt + 1, worker = %(worker)s,
    seen_at = clock_timestamp(), started_at = coalesce(started_at, clock_timestamp())
where job_id = %(job_id)s and state = 'waiting'
  and coalesce(not_before <= clock_timestamp(), true)
returning *

-- name: word
with mine as (
    update trueup.job
    set seen_at = clock_timestamp()
    where job_id = %(job_id)s and attempt = %(attempt)s and state = 'running'
    returning *
)
select case
    when mine.job_id is null then 'lost'
    when mine.cancelled_by <> '' then 'cancel'
    when mine.priority < %(person)s and exists (
        select from trueup.job as other
        where other.workspace = mine.workspace and other.state = 'waiting'
          and other.priority >= %(person)s and coalesce(other.not_before <= clock_timestamp(), true))
        then 'give_way'
end
from (select 1) as always left join mine on true

-- name: note_run
update trueup.job set run_id = %(run_id)s
where job_id = %(job_id)s and attempt = %(attempt)s and state = 'running'

-- name: end
update trueup.job
set state = 'done', ending = %(ending)s, finished_at = clock_timestamp(),
    run_id = coalesce(nullif(%(run_id)s, ''), run_id), message = %(message)s,
    report = %(report)s::jsonb
where job_id = %(job_id)s and attempt = %(attempt)s and state = 'running'
returning *

-- name: hand_back
update trueup.job
set state = case when cancelled_by = '' then 'waiting' else 'done' end,
    ending = case when cancelled_by <> '' then 'cancelled' end,
    finished_at = case when cancelled_by <> '' then clock_timestamp() end,
    engine_id = null, message = %(message)s,
    run_id = coalesce(nullif(%(run_id)s, ''), run_id), merge = '',
    not_before = clock_timestamp() + make_interval(secs => %(wait)s::float8)
where job_id = %(job_id)s and attempt = %(attempt)s and state = 'running'
returning *

-- name: cancel
update trueup.job
set cancelled_by = %(by)s,
    state = case when state = 'waiting' then 'done' else state end,
    ending = case when state = 'waiting' then 'cancelled' end,
    finished_at = case when state = 'waiting' then clock_timestamp() end
where job_id = %(job_id)s and state <> 'done'
returning *

-- name: since
insert into trueup.timetable as known (workspace, schedule, cron, zone, since)
values (%(workspace)s, %(schedule)s, %(cron)s, %(zone)s, %(now)s)
on conflict (workspace, schedule) do update
set cron = excluded.cron, zone = excluded.zone,
    since = case when (known.cron, known.zone) = (excluded.cron, excluded.zone)
                 -- A clock that was once ahead must not make the present look like the past.
                 then least(known.since, excluded.since) else excluded.since end
returning since
