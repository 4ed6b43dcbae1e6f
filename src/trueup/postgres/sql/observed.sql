-- name: open_reading
insert into trueup.reading as known (name) values (%(reading)s)
on conflict (name) do update set rounds = known.rounds + 1
returning id, rounds

-- name: forget_round
delete from trueup.observed where reading = %(id)s and round = %(round)s

-- name: copy_in
copy trueup.observed
    (reading, round, kind, remote_id, code, own_id, parent_id, name, name_key, version,
     fields)
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

-- name: candidates
-- Whatever could be one of the wanted records: by bound id, own id, code, name, the name under
-- which a create was lost, and for a product of Billing as the parent of the plan with its code.
-- What is bound under another key is nobody else's, so it is found by its bound id only.
with read as materialized (
    select id from trueup.reading where name = %(reading)s
), wanted as (
    select *
    from unnest(%(kinds)s::text[], %(codes)s::text[], %(owners)s::text[], %(name_keys)s::text[])
         as wanted (kind, code, owner, name_key)
), hit as (
    select null as wanted_code, seen.*
    from unnest(%(bound_kinds)s::text[], %(bound_ids)s::text[]) as bound (kind, id)
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = bound.kind
       and seen.remote_id = bound.id
    union all
    select wanted.code as wanted_code, seen.* from wanted
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.own_id = wanted.owner and seen.own_id <> ''
    union all
    select wanted.code as wanted_code, seen.* from wanted
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.code = wanted.code and seen.code <> ''
    union all
    select wanted.code as wanted_code, seen.* from wanted
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.name_key = wanted.name_key and seen.name_key <> ''
    union all
    select wanted.code as wanted_code, seen.* from wanted
    join trueup.intent on intent.kind = wanted.kind and intent.code = wanted.code
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = wanted.kind
       and seen.name_key = intent.name_key and seen.name_key <> ''
    union all
    select wanted.code as wanted_code, seen.* from wanted
    join trueup.observed as plan
        on plan.reading = (select id from read) and plan.kind = 'billing_plan'
       and plan.code = wanted.code and plan.code <> ''
    join trueup.observed as seen
        on seen.reading = (select id from read) and seen.kind = 'billing_product'
       and seen.remote_id = plan.parent_id
    where wanted.kind = 'billing_product'
)
select distinct on (kind, remote_id)
       kind, remote_id, code, fields::text, own_id, parent_id, version
from hit
where wanted_code is null or not exists (
    select from trueup.binding as held
    where held.kind = hit.kind and held.remote_id = hit.remote_id and held.code <> hit.wanted_code)
order by kind, remote_id, round desc
