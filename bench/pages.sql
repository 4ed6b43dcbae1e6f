-- name: variety
-- Twenty families, names that differ, a few rows that are off sale or whose price nobody can read.
update service_packages
set service_type = 'Family ' || (speed_down / 50), product_category = 'Line ' || (speed_up %% 7),
    name = (array['Harbour', 'Meadow', 'Ridge', 'Karoo', 'Coast'])[1 + speed_down %% 5] || ' ' || name,
    pricing = case when sku like '%%0099' then '{"monthly": "?", "setup": 0}'::jsonb else pricing end,
    status = case when sku like '%%77' then 'inactive' else status end

-- name: standings
-- Some that no run has looked at, some that wait at CRM, some whose rows are refused.
with named as (
    select sku, right(sku, 4)::integer as n from service_packages
), forgotten as (
    delete from trueup.product_state as state using named
    where named.sku = state.sku and n %% 500 = 7
)
update trueup.product_state as state
set status = case n %% 5 when 0 then 'pending' else 'skipped' end,
    last_error = case n %% 5 when 0 then null else 'two rows have this SKU' end
from named
where named.sku = state.sku and n %% 200 in (10, 11, 13) and target = 'crm'

-- name: quarantined
update trueup.product_state set quarantined = true where status = 'failed' and failures = 7

-- name: gone
with left_it as (
    delete from service_packages where sku like '%%0033' returning id
)
insert into trueup.absence (offering_id, runs, run_id) select id::text, 3, 'schedule-6' from left_it

-- name: held
update trueup.held_change set state = 'open', closed_at = null where code <= 'FIB-0005000'

-- name: rules
-- Not all by one guard.
update trueup.held_change set rules = '{mass_retire}', action = 'retire'
where right(code, 1) = '3' and state = 'open'

-- name: dated
create table price_changes (
    id bigint generated always as identity primary key, service_package_id uuid, status text,
    published_at timestamptz, effective_date date, old_price numeric(10, 2),
    new_price numeric(10, 2)
)

-- name: dated_rows
insert into price_changes
    (service_package_id, status, published_at, effective_date, old_price, new_price)
select id, 'published', now() - interval '40 days', (now() + interval '20 days')::date, price,
       price + 50
from service_packages where sku like '%%5'

-- name: dated_index
create index on price_changes (service_package_id)

-- name: deeds
insert into trueup.deed (at, who, via, workspace, action, subject, reason)
select now() - make_interval(mins => 17 * n), 'Person ' || n %% 12, 'page', 'default',
       (array['re-sync', 'approve', 'verify a product', 'revert'])[1 + n %% 4],
       'FIB-' || lpad(n::text, 7, '0'), 'because ' || n
from generate_series(1, least(20000, %(products)s)) as n

-- name: people
insert into trueup.person (login, name, role, standing)
select 'person' || n, 'Person ' || n, 'operator', 'active' from generate_series(1, 50) as n

-- name: drift
-- As long a list as a look keeps; the counts are of more.
insert into trueup.look (what, began_at, ended_at, looked, found, asked_by, document)
select 'drift', now() - interval '5 hours', now() - interval '4 hours', %(products)s, 1000, 'Person 1',
       jsonb_build_object(
           'products', 1000, 'changes', 1000, 'held', 0, 'refused', 0, 'requests', 1000,
           'seconds', 300, 'writes', '{"crm": 1000}'::jsonb, 'unread', '{}'::jsonb,
           'actions', '{"crm": {"update": 1000}}'::jsonb, 'fields', '{"Unit_Price": 1000}'::jsonb,
           'moved', '{"theirs": 1000}'::jsonb,
           'listed', (select jsonb_agg(jsonb_build_object(
               'sku', sku, 'kind', 'crm_product', 'code', sku, 'remote_id', '5551' || n,
               'action', 'update', 'reason', 'drifted', 'editor', 'A colleague',
               'held', '[]'::jsonb, 'writes', true,
               'fields', jsonb_build_array(jsonb_build_object(
                   'name', 'Unit_Price', 'before', '899.00', 'after', '949.00',
                   'moved', 'theirs'))))
               from (select 'FIB-' || lpad(n::text, 7, '0') as sku, n
                     from generate_series(1, 500) as n) as kept))

-- name: duplicates
insert into trueup.look (what, began_at, ended_at, looked, found, asked_by, document)
select 'duplicates', now() - interval '3 hours', now() - interval '2 hours', %(products)s, 500,
       'Person 1', jsonb_build_object(
           'found', '{"own_id": 0, "code": 500, "stored_id": 0, "name": 0}'::jsonb,
           'settled', 0, 'read', jsonb_build_object('crm_product', %(products)s),
           'groups', (select jsonb_agg(jsonb_build_object(
               'kind', 'crm_product', 'why', 'code', 'certainty', 'certain', 'shared', sku,
               'differs', '{"price": ["899.00", "949.00"]}'::jsonb,
               'products', jsonb_build_array(jsonb_build_object(
                   'offering_id', id, 'sku', sku, 'slot', 'product')),
               'proposal', 'keep the older one', 'keep', '5551' || n, 'commands', '[]'::jsonb,
               'records', jsonb_build_array(
                   jsonb_build_object('remote_id', '5551' || n, 'name', sku, 'code', sku,
                       'own_id', id, 'sku', sku, 'price', '899.00', 'active', true,
                       'modified_at', null, 'bound_to', sku),
                   jsonb_build_object('remote_id', '9991' || n, 'name', sku, 'code', sku,
                       'own_id', null, 'sku', null, 'price', '949.00', 'active', true,
                       'modified_at', null, 'bound_to', null))))
               from (select 'FIB-' || lpad(n::text, 7, '0') as sku, n,
                            md5('offering ' || n)::uuid::text as id
                     from generate_series(1, 500) as n) as kept))
