-- name: keep
insert into trueup.look (what, began_at, ended_at, looked, found, asked_by, document)
values (%(what)s, %(began_at)s, %(ended_at)s, %(looked)s, %(found)s, %(asked_by)s,
        %(document)s::jsonb)
returning look_id

-- name: thin_out
-- A later look says more: of the others the figures stay, and of those not all.
with older as (
    select look_id, row_number() over (order by look_id desc) as place from trueup.look
    where what = %(what)s and look_id < %(look_id)s
), gone as (
    delete from trueup.look where look_id in (select look_id from older where place >= %(kept)s)
)
update trueup.look set document = '{}'
where look_id in (select look_id from older where place < %(kept)s) and document <> '{}'

-- name: last
select what, began_at, ended_at, looked, found, asked_by, document from trueup.look
where what = %(what)s
order by look_id desc
limit 1

-- name: newest
select coalesce(max(look_id), 0) from trueup.look

-- name: earlier
select what, began_at, ended_at, looked, found, asked_by, '{}'::jsonb from trueup.look
where what = %(what)s
order by look_id desc
offset 1 limit %(limit)s

-- name: written_since
-- What became of these records after a moment, the last word on each.
select distinct on (kind, code) kind, code, status, at, run_id
from unnest(%(kinds)s::text[], %(codes)s::text[]) as asked (kind, code)
join trueup.change_history using (kind, code)
where at > %(since)s
order by kind, code, at desc, id desc

-- name: bound_now
select kind, remote_id, code
from unnest(%(kinds)s::text[], %(ids)s::text[]) as asked (kind, remote_id)
join trueup.binding using (kind, remote_id)

-- name: keep_progress
-- A workspace has one look at a time: what others told is over.
with others as (delete from trueup.look_progress where job_id <> %(job_id)s)
insert into trueup.look_progress (job_id, phase, records)
values (%(job_id)s, %(phase)s, %(records)s)
on conflict (job_id) do update set phase = excluded.phase, records = excluded.records

-- name: progress
select phase, records from trueup.look_progress where job_id = %(job_id)s
