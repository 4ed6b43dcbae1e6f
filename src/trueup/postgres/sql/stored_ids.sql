-- name: stored
-- The ids of these products, each with the number of products that the table has it for. A product
-- of Billing has no column there, and a plan's is its numeric id, which no record of ours carries.
with asked as (
    select id::uuid from json_array_elements_text(%(owners)s::json) as asked (id)
), remembered as (
    select known.service_package_id as owner, part.*
    from asked
    join public.product_integrations as known on known.service_package_id = asked.id
    cross join lateral (values
        ('crm_product', 'product', known.zoho_crm_product_id),
        ('billing_item', 'installation', known.zoho_billing_item_id),
        ('billing_item', 'device', known.zoho_billing_hardware_item_id)
    ) as part (kind, slot, remote_id)
    where coalesce(part.remote_id, '') <> ''
), crm_users as (
    select zoho_crm_product_id as remote_id, count(*) as products
    from public.product_integrations
    where zoho_crm_product_id in (select remote_id from remembered where kind = 'crm_product')
    group by 1
), item_users as (
    select remote_id, count(distinct owner) as products
    from (
        select zoho_billing_item_id as remote_id, service_package_id as owner
        from public.product_integrations
        where zoho_billing_item_id in (select remote_id from remembered)
        union all
        select zoho_billing_hardware_item_id, service_package_id
        from public.product_integrations
        where zoho_billing_hardware_item_id in (select remote_id from remembered)
    ) as uses
    group by 1
)
select kind, slot, owner::text, remote_id,
       case kind when 'crm_product' then crm_users.products else item_users.products end
from remembered
left join crm_users using (remote_id)
left join item_users using (remote_id)
order by owner, kind, slot

-- name: holder
select kind, code, slot, remote_id, owner, sku, applied::text, terms::text
from trueup.binding
where kind = %(kind)s and remote_id = %(remote_id)s

-- name: residents
-- Once in a survey, and only when a Billing product is to go.
select distinct parent_id, remote_id
from trueup.observed as seen
where seen.reading = (select id from trueup.reading where name = %(reading)s)
  and seen.kind = 'billing_plan' and seen.parent_id = any(%(products)s::text[])
  and seen.fields -> 'active' is distinct from 'false'::jsonb
order by parent_id, remote_id
