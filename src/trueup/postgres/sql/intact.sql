-- name: intact
-- Whose records were read as they were last written: `targets` at which an offering has exactly the
-- records of a product without devices, all on sale, each equal in what is enforced and not empty
-- in what is only filled. A record that was read twice makes its offering doubtful, and so does
-- one binding too many.
select owner::uuid as id,
       -- COPY writes an empty text in quotes, and null as nothing.
       nullif(concat_ws(',',
           case when count(*) filter (where kind = 'crm_product') = 1
                 and bool_and(same) filter (where kind = 'crm_product') then 'crm' end,
           case when count(*) filter (where kind = 'billing_product') = 1
                 and count(*) filter (where kind = 'billing_plan') = 1
                 and count(*) filter (where kind = 'billing_item') = 1
                 and bool_and(same) filter (where kind <> 'crm_product') then 'billing' end
       ), '') as targets
from (
    select owner, kind, sound and full_enough and held.digest = seen.digest as same
    from (
        -- Only digests go into the join: whole documents would fill the memory.
        select owner, kind, remote_id, jsonb_hash_extended(applied - filled, 0) as digest,
               applied ?& enforced and applied -> active = 'true'::jsonb
                   and slot <> 'device' and code not like 'moved:%' as sound
        from trueup.binding
        join (values {fields}) as compared (kind, active, enforced, filled) using (kind)
        where owner <> ''
        offset 0
    ) as held
    join (
        select kind, remote_id, jsonb_hash_extended(fields - filled, 0) as digest,
               cardinality(filled) = 0 or not exists (
                   select from unnest(filled) as name where coalesce(fields ->> name, '') = ''
               ) as full_enough
        from trueup.observed
        join (values {fields}) as compared (kind, active, enforced, filled) using (kind)
        where reading = (select id from trueup.reading where name = {reading})
        offset 0
    ) as seen using (kind, remote_id)
) as compared
group by owner
