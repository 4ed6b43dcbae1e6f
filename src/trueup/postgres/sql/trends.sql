-- name: drift
-- What was put back, by local day. Of nothing but the time, so that an index has all of it.
select (at at time zone %(zone)s)::date, count(*)
from trueup.change_history
where reason = 'drifted' and status = 'applied' and at >= %(since)s
group by 1
order by 1
