-- name: products
select target, status, count(*), count(*) filter (where quarantined),
       extract(epoch from %(now)s - min(verified_at) filter (where status = 'ok'))::float8
from trueup.product_state
group by target, status

-- name: failing_often
-- As `trueup alert` counts: runs in which a product failed that fails now.
select count(*)
from (
    select owner from trueup.change_history
    where status in ('rejected', 'failed', 'unknown', 'stale') and actor = ''
      and at > %(now)s - interval '24 hours' and owner <> ''
      and owner in (select offering_id::text from trueup.product_state where status = 'failed')
    group by owner
    having count(distinct run_id) > %(allowed)s
) as often

-- name: runs
select state, trigger, count(*)
from trueup.run
where started_at > %(now)s - interval '24 hours'
group by state, trigger

-- name: last_run
select state, extract(epoch from %(now)s - started_at)::float8,
       extract(epoch from finished_at - started_at)::float8, summary::text
from trueup.run
where state not in ('running', 'already_running') and finished_at is not null
order by started_at desc
limit 1

-- name: last_success
-- A run over everything that is due, whoever asked for it; before the first, since there is a schema.
select extract(epoch from %(now)s - coalesce(
    (select finished_at from trueup.run
     where state in ('succeeded', 'held') and trigger in ('schedule', 'cron', 'cli', 'backfill')
     order by started_at desc limit 1),
    (select min(applied_at) from trueup.migration)))::float8

-- name: running
select extract(epoch from %(now)s - min(started_at))::float8 from trueup.run where state = 'running'

-- name: last_exits
select kind, ending, exit_code from trueup.last_job

-- name: held
select target, count(*) from trueup.held_change where state = 'open' group by target

-- name: alerts
select kind, count(*) from trueup.alert where closed_at is null group by kind

-- name: gates
select target, factor, in_window, today,
       greatest(0, extract(epoch from closed_until - clock_timestamp()))::float8
from trueup.call_standing(%(key)s, %(window)s::float8, null)

-- name: in_flight
select count(*) from trueup.call_seat
where workspace = %(key)s and expires_at > clock_timestamp()

-- name: throttles
select target, kind, count(*)
from trueup.throttle_event
where workspace = %(key)s and at > clock_timestamp() - interval '24 hours'
group by target, kind

-- name: token
select generation,
       case when ciphertext is not null
            then extract(epoch from clock_timestamp() - issued_at)::float8 end,
       case when ciphertext is not null
            then extract(epoch from expires_at - clock_timestamp())::float8 end,
       greatest(0, extract(epoch from cooldown_until - clock_timestamp()))::float8
from trueup.token
where workspace = %(key)s and purpose = 'api'

-- name: verification
-- The third: what differs and is no trouble that is told anyway.
select extract(epoch from %(now)s - at)::float8, products, products - agreeing,
       case when products > agreeing then greatest(0, products - agreeing - (
           select count(distinct offering_id) from trueup.product_state
           where status in ('held', 'failed') or (status = 'skipped' and last_error is not null)))
       else 0 end
from trueup.verification
order by id desc
limit 1

-- name: jobs
select workspace, kind, state, count(*),
       max(extract(epoch from clock_timestamp() - greatest(asked_at, not_before)))::float8
from trueup.job
where state <> 'done'
group by workspace, kind, state

-- name: jobs_done
select workspace, kind, ending, count(*)
from trueup.job
where state = 'done' and finished_at > clock_timestamp() - interval '24 hours'
group by workspace, kind, ending

-- name: workers
select count(*), coalesce(sum(slots), 0)
from trueup.worker
where seen_at > clock_timestamp() - make_interval(secs => %(alive)s::float8)
