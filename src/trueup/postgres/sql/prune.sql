-- What is past its time, table by table, in the order in which it goes. Each statement is the
-- condition on one table, called `old`; whoever counts and whoever removes use the same.
--
--   history, runs              moments of the clock by which runs go
--   history_here, runs_here    the same by the database's clock, which stamps everything else

-- name: mark
-- Said before the first change goes: a run of which a part is gone cannot be taken back.
update trueup.run set changes_removed_at = clock_timestamp()
where started_at < %(history)s and state <> 'running' and changes_removed_at is null

-- name: doomed_runs
-- Of every way to end, and every one who asks, the last stays: the next run is measured by it, and
-- alerts and figures tell its age. So does what an open decision or an unanswered create goes back to.
select run_id from trueup.run
where started_at < %(runs)s and state <> 'running'
  and run_id not in (
      (select distinct on (state, trigger) run_id from trueup.run
       order by state, trigger, started_at desc)
      union all
      select run_id from trueup.intent
      union all
      select unnest(array[first_run, last_run]) from trueup.held_change
      where state in ('open', 'approved'))

-- name: change_history
-- Of a record that is bound to nothing the last write stays: it says that the record is ours. What
-- happened to a record on which a decision is open stays as long as that.
(old.run_id in (select run_id from trueup.run
                where started_at < %(history)s and state <> 'running')
 or (old.at < %(history_here)s
     and not exists (select from trueup.run where run.run_id = old.run_id)))
and not (
    old.status in ('applied', 'unknown') and old.remote_id <> ''
    and not exists (select from trueup.binding
                    where binding.kind = old.kind and binding.remote_id = old.remote_id)
    and not exists (select from trueup.change_history as later
                    where later.kind = old.kind and later.remote_id = old.remote_id
                      and later.remote_id <> '' and later.id > old.id
                      and later.status in ('applied', 'unknown')))
and not exists (select from trueup.held_change as held
                where held.kind = old.kind and held.code = old.code
                  and held.state in ('open', 'approved') and held.held_at <= old.at)

-- name: held_change
-- What was rejected stays as long as the refusal counts.
old.state in ('applied', 'rejected', 'stale') and old.closed_at < %(history_here)s
and not (old.state = 'rejected'
         and exists (select from trueup.refusal
                     where refusal.kind = old.kind and refusal.code = old.code))

-- name: zoho_sync_logs
-- Only rows of ours; and since when a product fails is told as long as it does.
old.entity_type = 'product' and old.metadata ? 'run_id' and old.created_at < %(history_here)s
and not (old.attempt_number = 1
         and exists (select from trueup.product_state as state
                     where state.offering_id = old.entity_id and state.status = 'failed'
                       and state.target = old.metadata ->> 'target'))

-- name: cron_execution_log
-- Only rows of ours.
old.job_name = 'zoho-sync' and old.status <> 'running'
and old.result_summary ->> 'run_id' in ({doomed_runs})

-- name: call_by_run
old.run_id in ({doomed_runs})

-- name: run
old.run_id in ({doomed_runs})

-- name: job
-- The last slot of a schedule stays: it cannot be asked for again.
old.state = 'done' and old.finished_at < %(runs_here)s
and not (old.slot <> '' and old.slot = (
    select max(slot) from trueup.job as newest
    where newest.workspace = old.workspace and newest.schedule = old.schedule))

-- name: alert
old.closed_at < %(history_here)s

-- name: observed
-- What processes that died had read.
old.reading not in (select id from trueup.reading
                    where started >= clock_timestamp() - interval '1 day')

-- name: reading
old.started < clock_timestamp() - interval '1 day'

-- name: touched
-- No worker has asked what was changed: the nightly run has found it long since.
old.at < clock_timestamp() - interval '7 days'

-- name: reports
-- What jobs answered, product by product. An update, not a removal.
update trueup.job set report = '{}'
where ctid = any(array(
    select ctid from trueup.job
    where state = 'done' and finished_at < %(history_here)s and report <> '{}'
    limit %(batch)s))

-- name: changes_removed_at
select changes_removed_at from trueup.run where run_id = %(run_id)s

-- name: count
select count(*) from {table} as old where {condition}

-- name: remove
delete from {table} where ctid = any(array(
    select old.ctid from {table} as old where {condition} limit %(batch)s))
