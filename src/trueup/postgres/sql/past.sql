-- name: fence
select trueup.require_lease(%(lease)s, %(epoch)s::bigint)

-- name: writes
-- What was confirmed, what was sent and never answered, and creates that the run died over. A
-- create of unknown outcome that another attempt has carried out since is that attempt's.
with tried as (
    select id, kind, code, action, reason, deltas, remote_id, owner, sku, status
    from trueup.change_history
    where run_id = %(run_id)s and status in ('applied', 'unknown')
    union all
    select null, kind, code, 'create', 'missing', '{}', '', owner, sku, 'unknown'
    from trueup.intent
    where run_id = %(run_id)s and not lost
)
select kind, code, action, reason, deltas::text, remote_id, owner, sku, status = 'applied'
from tried
where not (action = 'create' and status = 'unknown' and exists (
    select from trueup.change_history as later
    where later.kind = tried.kind and later.code = tried.code and later.id > tried.id
      and later.action = 'create' and later.status = 'applied'))
order by id

-- name: last_writes
select distinct on (kind, remote_id, delta.field)
       kind, remote_id, delta.field, past.run_id, past.reason,
       jsonb_build_object('value', delta.values -> 1)::text
from json_to_recordset(%(records)s::json) as asked (kind text, remote_id text)
join trueup.change_history as past using (kind, remote_id)
cross join lateral jsonb_each(past.deltas) as delta (field, values)
where past.remote_id <> '' and past.status in ('applied', 'unknown')
order by kind, remote_id, delta.field, past.id desc

-- name: refused
select kind, code, field, jsonb_build_object('value', value)::text
from json_to_recordset(%(keys)s::json) as asked (kind text, code text)
join trueup.refusal using (kind, code)

-- name: lift
delete from trueup.refusal
using json_to_recordset(%(fields)s::json) as asked (kind text, code text, field text)
where refusal.kind = asked.kind and refusal.code = asked.code and refusal.field = asked.field

-- name: sign
update trueup.change_history set actor = %(by)s where run_id = %(run_id)s and actor = ''
