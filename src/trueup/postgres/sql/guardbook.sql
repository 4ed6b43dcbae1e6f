-- name: fence
select trueup.require_lease(%(lease)s, %(epoch)s::bigint)

-- name: products
select case kind when 'crm_product' then 'crm' else 'billing' end, count(distinct owner)
from trueup.binding
where owner <> '' and code not like 'moved:%%'
group by 1

-- name: established
select target from trueup.established

-- name: written
-- Bound, or reached by a request of ours, also when the answer was lost; or found under the code of
-- a create that was sent and has no answer: before it was sent, no such record was there.
select kind, remote_id
from json_to_recordset(%(records)s::json) as asked (kind text, remote_id text, code text)
where exists (select from trueup.binding
              where binding.kind = asked.kind and binding.remote_id = asked.remote_id)
   or exists (select from trueup.change_history as past
              where past.kind = asked.kind and past.remote_id = asked.remote_id
                and past.remote_id <> '' and past.status in ('applied', 'unknown'))
   or exists (select from trueup.intent
              where intent.kind = asked.kind and intent.code = asked.code)

-- name: approved
select held.fingerprint
from json_to_recordset(%(keys)s::json) as asked (kind text, code text)
join trueup.held_change as held using (kind, code)
where held.state = 'approved' and (held.expires_at is null or held.expires_at > %(now)s)

-- name: waiting
-- An approval that has expired waits again.
select kind, code, held.fingerprint, held.rules, array(select jsonb_object_keys(held.deltas))
from json_to_recordset(%(keys)s::json) as asked (kind text, code text)
join trueup.held_change as held using (kind, code)
where held.state = 'open' or (held.state = 'approved' and held.expires_at <= %(now)s)

-- name: refused
select kind, code, field, jsonb_build_object('value', value)::text, by, note
from json_to_recordset(%(keys)s::json) as asked (kind text, code text)
join trueup.refusal using (kind, code)

-- name: flips
select past.kind, past.code, delta.field, count(*), array_agg(distinct past.editor)
from json_to_recordset(%(keys)s::json) as asked (kind text, code text)
join trueup.change_history as past using (kind, code)
cross join lateral jsonb_object_keys(past.deltas) as delta (field)
where past.reason = 'drifted' and past.status = 'applied' and past.at >= %(since)s
group by 1, 2, 3

-- name: supersede
-- What waited on the same fields of a record in another form is stale.
update trueup.held_change as held
set state = 'stale', closed_at = clock_timestamp()
from jsonb_to_recordset(%(held)s::jsonb)
    as new (kind text, code text, fingerprint text, deltas jsonb)
where held.kind = new.kind and held.code = new.code and held.fingerprint <> new.fingerprint
  and held.state in ('open', 'approved')
  and exists (select from jsonb_object_keys(held.deltas) as delta (field)
              where new.deltas ? delta.field)

-- name: keep
insert into trueup.held_change as known
    (kind, code, target, sku, sku_key, owner, action, reason, deltas, applied, remote_id,
     fingerprint, rules, why, subscriptions, first_run, last_run)
select kind, code, target, sku, sku_key, owner, action, reason, deltas, applied, remote_id,
       fingerprint, rules, why, subscriptions, %(run_id)s, %(run_id)s
from jsonb_to_recordset(%(held)s::jsonb) as new (
    kind text, code text, target text, sku text, sku_key text, owner text, action text,
    reason text, deltas jsonb, applied jsonb, remote_id text, fingerprint text, rules text[],
    why text, subscriptions integer)
order by kind, code
on conflict (kind, code, fingerprint) where state in ('open', 'approved') do update
set last_run = excluded.last_run,
    subscriptions = coalesce(excluded.subscriptions, known.subscriptions),
    rules = case when excluded.rules = '{rejected}' then known.rules else excluded.rules end,
    why = case when excluded.rules = '{rejected}' then known.why else excluded.why end
returning id, (xmax = 0) as new

-- name: reopen
-- A person changed their mind about what was rejected: it is the same change again.
update trueup.held_change as held
set state = 'open', closed_at = null
where held.fingerprint = any(%(marks)s::text[]) and held.state = 'rejected'
  and held.id = (select max(id) from trueup.held_change as twin
                 where twin.fingerprint = held.fingerprint
                   and twin.state in ('open', 'approved', 'rejected'))

-- name: expire
-- By the clock of the run, as the guards judge approvals.
update trueup.held_change
set state = 'open', decided_by = '', decided_at = null, note = '', expires_at = null
where state = 'approved'
  and expires_at <= coalesce((select started_at from trueup.run where run_id = %(run_id)s),
                             clock_timestamp())
returning id

-- name: note
insert into trueup.change_history
    (run_id, at, target, kind, code, sku, sku_key, owner, action, reason, deltas, status,
     remote_id, detail, actor)
select %(run_id)s, clock_timestamp(), target, kind, code, sku, sku_key, owner, action, reason,
       deltas, %(status)s, remote_id, case %(detail)s when '' then why else %(detail)s end,
       %(actor)s
from trueup.held_change
where id = any(%(numbers)s::bigint[])
order by id

-- name: approve
update trueup.held_change
set state = 'approved', decided_by = %(by)s, decided_at = clock_timestamp(), note = %(note)s,
    expires_at = %(expires_at)s
where id = any(%(numbers)s::bigint[])

-- name: lift_refusals
delete from trueup.refusal
using trueup.held_change as held
cross join lateral jsonb_object_keys(held.deltas) as delta (field)
where held.id = any(%(numbers)s::bigint[])
  and refusal.kind = held.kind and refusal.code = held.code and refusal.field = delta.field

-- name: lift
delete from trueup.refusal
using json_to_recordset(%(fields)s::json) as named (kind text, code text, field text)
where refusal.kind = named.kind and refusal.code = named.code
  and refusal.field = named.field

-- name: passed
update trueup.held_change as held
set state = 'applied', last_run = %(run_id)s, closed_at = clock_timestamp()
from jsonb_to_recordset(%(done)s::jsonb) as done (kind text, code text, fields text[])
where held.kind = done.kind and held.code = done.code and held.state in ('open', 'approved')
  and not exists (select from jsonb_object_keys(held.deltas) as delta (field)
                  where delta.field <> all (done.fields))

-- name: tidy
-- A run that died may have carried it out and not have come to say so here.
update trueup.held_change as held
set closed_at = clock_timestamp(),
    state = case when exists (
        select from trueup.change_history as past
        where past.kind = held.kind and past.code = held.code and past.at >= held.held_at
          and past.status = 'applied' and past.deltas @> held.deltas) then 'applied' else 'stale' end
from trueup.product_state as product
where held.state in ('open', 'approved')
  and product.offering_id::text = held.owner and product.target = held.target
  and product.status = 'ok' and product.verified_at >= %(since)s

-- name: tidy_refusals
-- A product that is in order wants nothing that was refused before this run.
delete from trueup.refusal
where at < %(since)s
  and exists (
      select from (
          select owner, case kind when 'crm_product' then 'crm' else 'billing' end as target
          from trueup.binding
          where binding.kind = refusal.kind and binding.code = refusal.code
          union
          select owner, target from trueup.held_change as held
          where held.kind = refusal.kind and held.code = refusal.code and held.state = 'rejected'
      ) as bearer
      join trueup.product_state as product
          on product.offering_id::text = bearer.owner and product.target = bearer.target
      where product.status = 'ok' and product.verified_at >= %(since)s)

-- name: establish
insert into trueup.established (target, run_id)
select unnest(%(targets)s::text[]), %(run_id)s
on conflict (target) do nothing

-- name: refuse
insert into trueup.refusal (kind, code, field, value, by, note, run_id)
select kind, code, field, value, %(by)s, %(note)s, %(run_id)s
from jsonb_to_recordset(%(values)s::jsonb) as new (kind text, code text, field text, value jsonb)
on conflict (kind, code, field) do update
set value = excluded.value, by = excluded.by, note = excluded.note, run_id = excluded.run_id,
    at = clock_timestamp()
