-- name: keep
-- Of a run that was never written down, because it found the lock taken, nothing is kept.
insert into trueup.run_progress (run_id, progress)
select run_id, %(progress)s::json from trueup.run where run_id = %(run_id)s
on conflict (run_id) do update set at = excluded.at, progress = excluded.progress

-- name: find
select at, progress::text from trueup.run_progress where run_id = %(run_id)s

-- name: latest
-- The last changes of a run, for one that tells nothing about itself.
select sku, target, status, error_code, detail
from trueup.change_history
where run_id = %(run_id)s
order by id desc
limit %(limit)s

-- name: cancelled_by
select cancelled_by from trueup.run where run_id = %(run_id)s
