-- name: drift
-- What was put back, by local day.
select (at at time zone %(zone)s)::date, count(*),
       count(distinct coalesce(nullif(owner, ''), kind || '/' || code))
from trueup.change_history
where reason = 'drifted' and status = 'applied' and at >= %(since)s
group by 1
order by 1
