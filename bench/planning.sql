-- name: catalogue
-- Products 1 … n, each with a name and a SKU of its own; invented prices and texts.
insert into service_packages
    (id, sku, name, slug, description, service_type, product_category, market_segment, provider,
     speed_down, speed_up, price, base_price_zar, cost_price_zar, pricing, metadata, features,
     status, valid_from)
select md5('offering ' || n)::uuid, 'FIB-' || lpad(n::text, 7, '0'), 'Fibre ' || n, 'fibre-' || n,
       'Uncapped fibre number ' || n || ', month to month, with a router that is rented.',
       'FibreConnect', 'connectivity', case when n %% 3 = 0 then 'business' else 'consumer' end,
       'Harbour Fibre', 50 * (1 + n %% 20), 10 * (1 + n %% 20),
       price, price, round(price / 2, 2), jsonb_build_object('monthly', price, 'setup', 900.00),
       jsonb_build_object('contract_months', 12, 'technology', 'GPON', 'vat_inclusive', true),
       array['Uncapped data', 'Free installation'], 'active', '2025-01-01 00:00+02'
from (select n, 299.00 + n %% 700 as price from generate_series(1, %(count)s) as n) as made

-- name: reading
insert into trueup.reading (name) values (%(reading)s) returning id

-- name: observed_crm
insert into trueup.observed
    (reading, round, kind, remote_id, code, own_id, parent_id, name, name_key, version, fields)
select %(id)s, 1, 'crm_product', '5551' || lpad(ordinal::text, 15, '0'), sku, id::text, '', name,
       lower(name), '2026-01-01T00:00:00+02:00',
       jsonb_build_object(
           'Product_Name', name, 'Product_Code', sku, 'Description', description,
           'Product_Category', product_category, 'Unit_Price', price, 'Product_Active', true,
           'ct_product_id', '', 'ct_service_package_id', id, 'ct_service_type', service_type,
           'ct_market_segment', market_segment, 'ct_provider', provider,
           'ct_installation_fee', 900.00, 'ct_download_speed_mbps', speed_down,
           'ct_upload_speed_mbps', speed_up, 'ct_contract_term_months', 12,
           'ct_valid_from', '2025-01-01', 'ct_valid_to', null)
from (select row_number() over (order by sku) as ordinal, * from service_packages) as p

-- name: observed_billing_product
insert into trueup.observed
    (reading, round, kind, remote_id, code, own_id, parent_id, name, name_key, version, fields)
select %(id)s, 1, 'billing_product', '7771' || lpad(ordinal::text, 15, '0'), '', '', '', name,
       lower(name), '2026-01-01T00:00:00+0200',
       jsonb_build_object('name', name, 'description', description, 'active', true)
from (select row_number() over (order by sku) as ordinal, * from service_packages) as p

-- name: observed_billing_plan
insert into trueup.observed
    (reading, round, kind, remote_id, code, own_id, parent_id, name, name_key, version, fields)
select %(id)s, 1, 'billing_plan', sku, sku, '', '7771' || lpad(ordinal::text, 15, '0'), name,
       lower(name), '2026-01-01T00:00:00+0200',
       jsonb_build_object(
           'plan_code', sku, 'name', name, 'description', description, 'recurring_price', price,
           'interval', 1, 'interval_unit', 'months', 'billing_cycles', -1, 'setup_fee', 0.00,
           'product_id', '7771' || lpad(ordinal::text, 15, '0'), 'active', true)
from (select row_number() over (order by sku) as ordinal, * from service_packages) as p

-- name: observed_billing_item
insert into trueup.observed
    (reading, round, kind, remote_id, code, own_id, parent_id, name, name_key, version, fields)
select %(id)s, 1, 'billing_item', '8881' || lpad(ordinal::text, 15, '0'), sku || '-INSTALL', '', '',
       name || ' - Installation', lower(name || ' - Installation'), '2026-01-01T00:00:00+0200',
       jsonb_build_object(
           'name', name || ' - Installation', 'sku', sku || '-INSTALL', 'rate', 900.00,
           'description', 'One-time installation', 'active', true)
from (select row_number() over (order by sku) as ordinal, * from service_packages) as p

-- name: bindings
-- What a run remembers after it wrote all of that. Only the product of a plan is kept as a
-- reference; the rest is what was read.
insert into trueup.binding (kind, code, slot, remote_id, owner, sku, applied, run_id)
select seen.kind,
       case seen.kind when 'billing_product' then p.sku else seen.code end,
       case seen.kind when 'billing_plan' then 'plan' when 'billing_item' then 'installation'
            else 'product' end,
       seen.remote_id, p.id::text, p.sku,
       case seen.kind
            when 'billing_plan' then seen.fields || jsonb_build_object(
                'product_id', jsonb_build_object('ref', 'billing_product/' || p.sku))
            else seen.fields end,
       'bench'
from trueup.observed as seen
join service_packages as p
    on p.name = case seen.kind when 'billing_item'
                     then replace(seen.name, ' - Installation', '') else seen.name end
where seen.reading = %(id)s

-- name: edit
-- The first so many products get a new price.
update service_packages
set price = price + 10, base_price_zar = base_price_zar + 10,
    pricing = jsonb_set(pricing, '{monthly}', to_jsonb(price + 10))
where sku <= 'FIB-' || lpad(%(count)s::text, 7, '0')
