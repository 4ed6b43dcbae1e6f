-- name: take
-- Of each workspace in which nothing runs: who goes first. What another worker looks at is left to it.
with chosen as (
    select job_id from trueup.job as one
    where state = 'waiting' and engine_id is null
      and coalesce(not_before <= clock_timestamp(), true)
      and not exists (
          select from trueup.job as other
          where other.workspace = one.workspace and other.job_id <> one.job_id
            and (other.state = 'running'
                 or (other.state = 'waiting'
                     and coalesce(other.not_before <= clock_timestamp(), true)
                     and (other.priority, -other.job_id) > (one.priority, -one.job_id))))
    order by priority desc, job_id
    for update skip locked
)
update trueup.job set engine_id = 0, engine_at = clock_timestamp()
where job_id in (select job_id from chosen) and state = 'waiting' and engine_id is null
returning job_id, priority

-- name: handed_out
update trueup.job set engine_id = %(engine_id)s
where job_id = %(job_id)s and engine_id = 0 and state = 'waiting'

-- name: take_back
update trueup.job set engine_id = null, engine_at = null
where job_id = %(job_id)s and state = 'waiting' and engine_id is not null
returning pg_notify('trueup_jobs', job_id::text)

-- name: doubtful
-- Handed to the engine a while ago, and nobody has begun it.
select job_id, engine_id from trueup.job
where state = 'waiting' and engine_at < clock_timestamp() - make_interval(secs => %(seconds)s::float8)
  and engine_id is not null

-- name: reap
-- After a restart of the server everybody gets the time to report that he is alive.
update trueup.job
set state = case when cancelled_by <> '' or losses + 1 >= %(losses)s then 'done' else 'waiting' end,
    ending = case when cancelled_by <> '' then 'cancelled'
                  when losses + 1 >= %(losses)s then 'failed' end,
    finished_at = case when cancelled_by <> '' or losses + 1 >= %(losses)s
                       then clock_timestamp() end,
    message = case when losses + 1 >= %(losses)s
                   then format('%%s workers died at it, the last was %%s', losses + 1, worker)
                   else format('its worker %%s was not heard of for %%s s', worker,
                               round(extract(epoch from clock_timestamp() - seen_at))) end,
    losses = losses + 1, engine_id = null, not_before = null, merge = ''
where state = 'running'
  and seen_at < clock_timestamp() - make_interval(secs => %(seconds)s::float8)
  and pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => %(seconds)s::float8)
returning *
