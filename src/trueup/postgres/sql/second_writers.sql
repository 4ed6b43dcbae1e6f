-- name: second_writers
-- A field of one record that had to be put back this often within the days that count.
with put_back as (
    select past.target, past.kind, past.code, max(past.sku) as sku, delta.field,
           count(*) as times, array_agg(distinct past.editor) as editors, max(past.at) as last_at
    from trueup.change_history as past
    cross join lateral jsonb_object_keys(past.deltas) as delta (field)
    where past.reason = 'drifted' and past.status = 'applied' and past.at >= %(since)s
    group by past.target, past.kind, past.code, delta.field
    having count(*) >= %(flips)s
), editors as (
    select target, kind, field, array_agg(distinct editor order by editor) as named
    from put_back cross join lateral unnest(editors) as known (editor)
    where editor <> ''
    group by 1, 2, 3
)
select target, kind, field, count(*) as records, max(times) as times,
       (array_agg(sku order by times desc, sku))[1:5] as skus,
       coalesce(named, '{}') as editors, max(last_at) as last_at
from put_back
left join editors using (target, kind, field)
group by target, kind, field, named
order by records desc, times desc, target, kind, field
