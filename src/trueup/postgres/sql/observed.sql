-- name: open_reading
insert into trueup.reading as known (name) values (%(reading)s)
on conflict (name) do update set rounds = known.rounds + 1
returning id, rounds

-- name: forget_round
delete from trueup.observed where reading = %(id)s and round = %(round)s

-- name: copy_in
copy trueup.observed
    (reading, round, kind, remote_id, code, own_id, parent_id, name, name_key, version,
     fields, editor)
from stdin

-- name: analyze
analyze trueup.observed

-- name: forget
with gone as (delete from trueup.reading where name = %(reading)s returning id)
delete from trueup.observed using gone where reading = gone.id

-- name: forget_old
with gone as (
    delete from trueup.reading where started < clock_timestamp() - interval '1 day' returning id
)
delete from trueup.observed using gone where reading = gone.id

-- name: bound
select kind, remote_id, code, fields::text, own_id, parent_id, version, false, editor
from (
    select distinct on (kind, remote_id) seen.*
    from json_to_recordset(%(bound)s::json) as bound (kind text, remote_id text)
    join trueup.observed as seen using (kind, remote_id)
    where seen.reading = (select id from trueup.reading where name = %(reading)s)
    order by kind, remote_id, round desc
) as newest

-- name: candidates
-- Whatever could be one of the wanted records: by own id, code, name, the name under which a
-- create was lost, and for a product of Billing the plan with its code, the versions of it that
-- are bound, and the parents of these plans.
-- What is bound under another key is nobody else's: it is told only where it occupies a name.
with read as materialized (
    select id from trueup.reading where name = %(reading)s
), wanted as (
    select *
    from json_to_recordset(%(wanted)s::json)
         as wanted (kind text, code text, owner text, name_key text)
), hit as (
    select wanted.code as wanted_code, false as by_name, seen.* from wanted
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.own_id = wanted.owner and seen.own_id <> ''
    union all
    select wanted.code, false, seen.* from wanted
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.code = wanted.code and seen.code <> ''
    union all
    select wanted.code, true, seen.* from wanted
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.name_key = wanted.name_key and seen.name_key <> ''
    union all
    select wanted.code, false, seen.* from wanted
    join trueup.intent using (kind, code)
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.name_key = intent.name_key and seen.name_key <> ''
    union all
    select wanted.code, false, seen.* from wanted
    join lateral (
        select wanted.code as plan_code where wanted.code <> ''
        union
        select code from trueup.binding
        where owner = wanted.owner and owner <> '' and kind = 'billing_plan'
    ) as version on true
    join trueup.observed as plan
        on plan.reading = (select id from read) and plan.kind = 'billing_plan'
       and plan.code = version.plan_code
    join trueup.observed as seen
        on seen.reading = plan.reading
       and ((seen.kind = plan.kind and seen.remote_id = plan.remote_id)
            or (seen.kind = 'billing_product' and seen.remote_id = plan.parent_id))
    where wanted.kind = 'billing_product'
)
select distinct on (kind, remote_id)
       kind, remote_id, code, fields::text, own_id, parent_id, version, taken, editor
from hit
cross join lateral (
    select exists (
        select from trueup.binding as held
        where held.kind = hit.kind and held.remote_id = hit.remote_id
          and held.code <> hit.wanted_code) as taken
) as holder
where by_name or not taken
order by kind, remote_id, taken, round desc
