-- name: known
select code from trueup.currency where org_id = %(org_id)s and target = %(target)s

-- name: keep
insert into trueup.currency (org_id, target, code)
values (%(org_id)s, %(target)s, %(code)s)
on conflict (org_id, target) do update set code = excluded.code, at = clock_timestamp()
