-- name: bound
select kind, code, slot, remote_id, owner, sku
from trueup.binding

-- name: stored
-- Only ids that several products remember; a billing product's is not among the columns.
with remembered as (
    select known.service_package_id::text as owner, coalesce(package.sku, '') as sku, part.*
    from public.product_integrations as known
    left join public.service_packages as package on package.id = known.service_package_id
    cross join lateral (values
        ('crm_product', 'product', known.zoho_crm_product_id),
        ('billing_plan', 'plan', known.zoho_billing_plan_id),
        ('billing_item', 'installation', known.zoho_billing_item_id),
        ('billing_item', 'device', known.zoho_billing_hardware_item_id)
    ) as part (kind, slot, remote_id)
    where coalesce(part.remote_id, '') <> ''
), shared as (
    select kind, remote_id from remembered group by 1, 2 having count(distinct owner) > 1
)
select kind, sku, slot, remote_id, owner, sku
from remembered join shared using (kind, remote_id)
order by kind, remote_id, owner, slot
