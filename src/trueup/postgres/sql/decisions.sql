-- name: waiting
select {columns} from trueup.held_change as held
where state in ('open', 'approved')
order by id

-- name: find
select {columns} from trueup.held_change as held
where id = any(%(numbers)s::bigint[])
order by id

-- name: of_run
-- A run between the first and the last that held a change held it too where its violations say so;
-- one after it was rejected respects that where its violations say so.
-- What was rejected is left out once the refusal is gone: the catalogue moved on, or a person.
select {columns} from trueup.held_change as held
where (
    %(run_id)s in (held.first_run, held.last_run)
    or exists (
        select from trueup.run as asked
        join trueup.run as earliest on earliest.run_id = held.first_run
        join trueup.run as latest on latest.run_id = held.last_run
        cross join jsonb_to_recordset(asked.violations)
            as broken (rule text, target text, skus jsonb, products integer)
        where asked.run_id = %(run_id)s
          and asked.started_at between earliest.started_at and latest.started_at
          and broken.target = held.target and broken.rule = any(held.rules)
          and (broken.products > jsonb_array_length(broken.skus) or broken.skus ? held.sku))
    or held.state = 'rejected' and exists (
        select from trueup.run as asked
        cross join jsonb_to_recordset(asked.violations)
            as broken (rule text, target text, skus jsonb, products integer)
        where asked.run_id = %(run_id)s and asked.started_at >= held.decided_at
          and broken.target = held.target and broken.rule = 'rejected'
          and (broken.products > jsonb_array_length(broken.skus) or broken.skus ? held.sku))
) and (
    held.state <> 'rejected'
    or exists (
        select from trueup.refusal
        cross join lateral jsonb_each(held.deltas) as delta (field, pair)
        where refusal.kind = held.kind and refusal.code = held.code
          and refusal.field = delta.field and refusal.value = delta.pair -> 1)
    or starts_with(held.why, 'waits for ')
)
order by id

-- name: newest
select held.last_run
from trueup.held_change as held
left join trueup.run as run on run.run_id = held.last_run
where held.state in ('open', 'approved')
order by run.started_at desc nulls last, held.id desc
limit 1

-- name: approve
-- Only what still stands as the person saw it.
update trueup.held_change as held
set state = 'approved', decided_by = %(by)s, decided_at = clock_timestamp(), note = %(note)s,
    expires_at = %(expires_at)s, closed_at = null
from json_to_recordset(%(seen)s::json) as seen (id bigint, state text, decided_at timestamptz)
where held.id = seen.id and held.state = seen.state
  and held.decided_at is not distinct from seen.decided_at
  and held.state in ('open', 'approved', 'rejected')
returning held.id

-- name: reject
update trueup.held_change as held
set state = 'rejected', decided_by = %(by)s, decided_at = clock_timestamp(), note = %(note)s,
    expires_at = null, closed_at = clock_timestamp()
from json_to_recordset(%(seen)s::json) as seen (id bigint, state text, decided_at timestamptz)
where held.id = seen.id and held.state = seen.state
  and held.decided_at is not distinct from seen.decided_at
  and held.state in ('open', 'approved')
returning held.id

-- name: refuse
insert into trueup.refusal (kind, code, field, value, by, note, run_id)
select kind, code, field, value, %(by)s, %(note)s, run_id
from jsonb_to_recordset(%(values)s::jsonb)
    as new (kind text, code text, field text, value jsonb, run_id text)
order by 1, 2, 3
on conflict (kind, code, field) do update
set value = excluded.value, by = excluded.by, note = excluded.note, run_id = excluded.run_id,
    at = clock_timestamp()

-- name: lift
delete from trueup.refusal
using trueup.held_change as held
cross join lateral jsonb_object_keys(held.deltas) as delta (field)
where held.id = any(%(numbers)s::bigint[])
  and refusal.kind = held.kind and refusal.code = held.code and refusal.field = delta.field

-- name: note
insert into trueup.change_history
    (run_id, at, target, kind, code, sku, sku_key, owner, action, reason, deltas, status,
     remote_id, detail, actor)
select last_run, decided_at, target, kind, code, sku, sku_key, owner, action, reason, deltas,
       state, remote_id, case note when '' then state || ' by ' || decided_by else note end,
       decided_by
from trueup.held_change
where id = any(%(numbers)s::bigint[])
order by id

-- name: outdate
update trueup.held_change
set state = 'stale', closed_at = clock_timestamp()
where id = any(%(numbers)s::bigint[]) and state = 'approved'
