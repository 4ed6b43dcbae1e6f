-- name: lock
-- One look at a time: it takes milliseconds, and sends nothing.
select pg_advisory_xact_lock(hashtext('trueup/alerts'))

-- name: note_job
insert into trueup.last_job (kind, ending, exit_code, message, run_id, at)
values (%(kind)s, %(ending)s, %(exit_code)s, %(message)s, %(run_id)s, %(at)s)
on conflict (kind) do update
set ending = excluded.ending, exit_code = excluded.exit_code, message = excluded.message,
    run_id = excluded.run_id, at = excluded.at

-- name: note_cancelled
update trueup.run set cancelled_by = 'a person' where run_id = %(run_id)s and cancelled_by = ''

-- name: known
select key, kind, severity, title, text, count, since, raised_at, seen_at, gone_at, closed_at,
       episode, returns
from trueup.alert
order by closed_at is not null, closed_at desc, severity, raised_at, key

-- name: forget
delete from trueup.alert where key <> all(%(keys)s::text[])

-- name: keep
insert into trueup.alert
    (key, kind, severity, title, text, count, since, raised_at, seen_at, gone_at, closed_at,
     episode, returns)
values (%(key)s, %(kind)s, %(severity)s, %(title)s, %(text)s, %(count)s, %(since)s, %(raised_at)s,
        %(seen_at)s, %(gone_at)s, %(closed_at)s, %(episode)s, %(returns)s)
on conflict (key) do update
set kind = excluded.kind, severity = excluded.severity, title = excluded.title,
    text = excluded.text, count = excluded.count, since = excluded.since,
    raised_at = excluded.raised_at, seen_at = excluded.seen_at, gone_at = excluded.gone_at,
    closed_at = excluded.closed_at, episode = excluded.episode, returns = excluded.returns

-- name: meet
insert into trueup.alert_address (address, shown, since) values (%(address)s, %(shown)s, %(now)s)
on conflict do nothing

-- name: claim
-- Whoever sends there holds the row; nobody waits for it.
select since, sent_at from trueup.alert_address where address = %(address)s
for update skip locked

-- name: told
select key, episode, kind, severity, count, ended from trueup.alert_told
where address = %(address)s

-- name: tell
insert into trueup.alert_told (address, key, episode, kind, severity, count, ended, told_at)
values (%(address)s, %(key)s, %(episode)s, %(kind)s, %(severity)s, %(count)s, %(ended)s, %(now)s)
on conflict (address, key) do update
set episode = excluded.episode, kind = excluded.kind, severity = excluded.severity,
    count = excluded.count, ended = excluded.ended, told_at = excluded.told_at

-- name: lower
update trueup.alert_told set count = %(count)s where address = %(address)s and key = %(key)s

-- name: sent
update trueup.alert_address set sent_at = %(now)s, failed_at = null, trouble = ''
where address = %(address)s

-- name: failed
update trueup.alert_address set failed_at = %(now)s, trouble = %(trouble)s
where address = %(address)s

-- name: addresses
select address, shown, sent_at, failed_at, trouble from trueup.alert_address order by shown, since

-- name: announced
select key, min(told_at) from trueup.alert_told
join trueup.alert using (key)
where alert_told.episode = alert.episode
group by key

-- name: last_run
-- What a person cut short says nothing; it may have ended well all the same.
select state, finished_at, coalesce(error, ''), run_id
from trueup.run
where state in ('succeeded', 'partial', 'failed', 'held')
  and (cancelled_by = '' or state in ('succeeded', 'held'))
  and trigger = any(%(triggers)s::text[])
order by started_at desc
limit 1

-- name: last_jobs
select kind, ending, at, message, run_id, exit_code from trueup.last_job

-- name: good_at
select finished_at
from trueup.run
where state in ('succeeded', 'held') and trigger = any(%(triggers)s::text[])
order by started_at desc
limit 1

-- name: held
-- What a guard holds, and rows whose money cannot be read. The ages go by the database's clock.
with waiting as (
    select owner, held_at from trueup.held_change
    where state = 'open' or (state = 'approved' and expires_at <= %(now)s)
    union all
    select offering_id::text, null from trueup.product_state where status = 'held'
)
select count(distinct owner), extract(epoch from clock_timestamp() - min(held_at))::float8
from waiting

-- name: pauses
select target, extract(epoch from clock_timestamp() - last_throttled_at)::float8,
       extract(epoch from closed_until - clock_timestamp())::float8, ''
from trueup.call_gate
where workspace = %(workspace)s and closed_until > clock_timestamp()
union all
select 'token', null, extract(epoch from cooldown_until - clock_timestamp())::float8,
       coalesce(cooldown_reason, '')
from trueup.token
where workspace = %(workspace)s and cooldown_until > clock_timestamp()
order by 1

-- name: failing
-- Runs in which it failed, whatever number of its records did.
select sku, runs, detail, first_at
from (
    select (array_agg(sku order by id desc))[1] as sku, count(distinct run_id) as runs,
           (array_agg(detail order by id desc))[1] as detail, min(at) as first_at
    from trueup.change_history
    where status in ('rejected', 'failed', 'unknown', 'stale') and actor = ''
      and at >= %(since)s and owner <> ''
      and owner in (select offering_id::text from trueup.product_state where status = 'failed')
    group by owner
) as past
where runs > %(allowed)s
order by runs desc, sku
limit 1000

-- name: verified
-- What differs and is no trouble that is told anyway; those are counted only where it matters.
select at, products, case when agreeing < products then greatest(0, products - agreeing - (
    select count(distinct offering_id) from trueup.product_state
    where status in ('held', 'failed') or (status = 'skipped' and last_error is not null)
))::integer else 0 end
from trueup.verification
order by id desc
limit 1

-- name: watched_since
select min(since) from trueup.timetable where workspace = %(workspace)s and schedule = %(schedule)s

-- name: jobs
-- Those that are due, or whose worker has not been heard of.
select count(*) filter (where state = 'waiting' or seen_at < clock_timestamp() - interval '5 min'),
       extract(epoch from clock_timestamp() - min(case
           when state = 'waiting' then greatest(asked_at, not_before)
           when seen_at < clock_timestamp() - interval '5 min' then seen_at end))::float8,
       coalesce(bool_or(
           state = 'running' and seen_at >= clock_timestamp() - interval '5 min'), false)
from trueup.job
where workspace = %(workspace)s and state <> 'done'
  and (state = 'running' or (state = 'waiting' and coalesce(not_before <= clock_timestamp(), true)))

-- name: workers
select count(*) from trueup.worker where slots > 0 and seen_at >= clock_timestamp() - interval '2 min'
