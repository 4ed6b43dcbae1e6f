-- name: ended
-- By the slot, which is the wall time as text: the index that makes slots unique answers.
select job.*
from unnest(%(schedules)s::text[]) as wanted (name)
cross join lateral (
    select * from trueup.job
    where workspace = %(workspace)s and schedule = wanted.name and slot <> '' and state = 'done'
    order by slot desc
    limit 1
) as job

-- name: open
select * from trueup.job
where workspace = %(workspace)s and schedule = any(%(schedules)s) and slot <> '' and state <> 'done'
order by state = 'waiting', slot
