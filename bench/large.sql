-- name: standings
insert into trueup.product_state
    (offering_id, target, sku, status, row_revision, verified_at, last_success_at, last_attempt_at,
     failures, next_attempt_at, last_error)
select id, target, sku,
       case when n %% 40 = 0 then 'failed' when n %% 50 = 0 then 'held' else 'ok' end, md5(sku),
       now() - make_interval(mins => n %% 1200), now() - make_interval(mins => n %% 1200), now(),
       case when n %% 40 = 0 then 1 + n %% 7 else 0 end,
       case when n %% 40 = 0 then now() + interval '1 hour' end,
       case when n %% 40 = 0 then 'HTTP 400, code 2006: no such tax'
            when n %% 50 = 0 then 'the price would fall by 41.2 %%' end
from (select row_number() over (order by sku)::integer as n, id, sku from service_packages) as known
cross join (values ('crm'), ('billing')) as both_targets (target)

-- name: mirror
insert into product_integrations
    (service_package_id, zoho_crm_product_id, zoho_billing_plan_id, zoho_crm_sync_status,
     zoho_billing_sync_status, sync_status, last_synced_at, last_rate_limit_at, rate_limit_hits)
select id, '5551' || n, sku, state, state, state, now(),
       case when n %% 500 = 0 then now() - make_interval(mins => n %% 5000) end,
       case when n %% 500 = 0 then '[{"api": "crm", "message": "too many"}]'::jsonb else '[]' end
from (select row_number() over (order by sku)::integer as n, id, sku,
             case when row_number() over (order by sku) %% 40 = 0 then 'failed' else 'ok' end as state
      from service_packages) as known

-- name: bindings
insert into trueup.binding (kind, code, slot, remote_id, owner, sku, applied, run_id)
select kind, sku || suffix, slot, prefix || n, id::text, sku,
       jsonb_build_object('name', name, 'description', description, 'recurring_price', price,
                          'active', true), 'schedule-1'
from (select row_number() over (order by sku)::integer as n, * from service_packages) as known
cross join (values ('crm_product', '', 'product', '5551'), ('billing_product', '', 'product', '7771'),
                   ('billing_plan', '', 'plan', '7772'),
                   ('billing_item', '-INSTALL', 'installation', '8881'))
    as part (kind, suffix, slot, prefix)

-- name: runs
-- A night each, and so many small runs of the watch between.
insert into trueup.run
    (run_id, trigger, state, started_at, finished_at, fingerprint, summary, requests, catalogue_size)
select case when n %% 6 = 0 then 'schedule-' else 'watch-' end || n,
       case when n %% 6 = 0 then 'schedule' else 'watch' end,
       case when n %% 60 = 0 then 'partial' when n %% 30 = 0 then 'held' else 'succeeded' end,
       now() - make_interval(hours => 4 * n), now() - make_interval(hours => 4 * n) + '3 min',
       md5(n::text),
       '{"totalCandidates": 750, "processed": 750, "crmSucceeded": 745, "crmFailed": 5,
         "billingSucceeded": 745, "billingFailed": 5, "skipped": 0, "unchanged": 0, "held": 2,
         "deferred": 0, "findings": 1}', '{"oauth": 1, "crm": 520, "billing": 1530}',
       (select count(*) from service_packages)
from generate_series(1, 6 * %(nights)s) as n

-- name: history
-- A thousand changes a night and ten in each small run, most of them carried out.
insert into trueup.change_history
    (run_id, at, target, kind, code, sku, sku_key, owner, action, reason, deltas, status, remote_id,
     error_code, detail)
select run.run_id, run.started_at, case when m %% 4 = 0 then 'crm' else 'billing' end,
       case m %% 4 when 0 then 'crm_product' when 1 then 'billing_plan'
                   when 2 then 'billing_product' else 'billing_item' end,
       sku, sku, lower(sku), md5('offering ' || product)::uuid::text, 'update',
       case when m %% 10 = 0 then 'drifted' else 'edited' end,
       '{"recurring_price": ["899.00", "949.00"], "description": ["one", "another"]}',
       case when m %% 50 = 0 then 'rejected' else 'applied' end,
       case m %% 4 when 0 then '5551' when 1 then '7772' when 2 then '7771' else '8881' end
           || product,
       case when m %% 50 = 0 then '2006' else '' end,
       case when m %% 50 = 0 then 'HTTP 400, code 2006: no such tax' else '' end
from trueup.run
cross join lateral generate_series(1, case run.trigger when 'schedule' then 1000 else 10 end) as m
cross join lateral (select 1 + abs(hashint4(hashtext(run.run_id) # m)) %% %(products)s as product)
    as chosen
cross join lateral (select 'FIB-' || lpad(product::text, 7, '0') as sku) as named
order by run.started_at

-- name: held
insert into trueup.held_change
    (kind, code, target, sku, sku_key, owner, action, reason, deltas, fingerprint, rules, why, state,
     first_run, last_run, held_at, closed_at)
select 'billing_plan', 'FIB-' || lpad(n::text, 7, '0'), 'billing', 'FIB-' || lpad(n::text, 7, '0'),
       'fib-' || lpad(n::text, 7, '0'), md5('offering ' || n)::uuid::text, 'update', 'edited',
       '{"recurring_price": ["899.00", "399.00"]}', md5(n::text), '{price_fall}',
       'the price would fall by 55.6 %%', case when n <= 500 then 'open' else 'applied' end,
       'schedule-6', 'schedule-6', now() - make_interval(hours => n),
       case when n > 500 then now() - make_interval(hours => n) end
from generate_series(1, least(9000, %(products)s)) as n

-- name: logs
insert into zoho_sync_logs
    (entity_type, entity_id, zoho_entity_type, status, attempt_number, error_message, created_at,
     metadata)
select 'product', nullif(owner, '')::uuid, 'Plans', 'failed', 1, detail, at,
       jsonb_build_object('run_id', run_id, 'sku', sku, 'target', target)
from trueup.change_history cross join generate_series(1, 4)
where status = 'rejected'

-- name: cron
insert into cron_execution_log
    (job_name, status, execution_start, created_at, execution_time_ms, result_summary)
select 'zoho-sync', 'success', started_at, started_at, 180000,
       summary || jsonb_build_object('run_id', run_id)
from trueup.run

-- name: jobs
insert into trueup.job
    (workspace, kind, trigger, priority, schedule, slot, state, ending, asked_at, started_at,
     finished_at, run_id, report)
select 'default', 'sync', trigger, 30, case trigger when 'schedule' then 'nightly' else '' end,
       case trigger when 'schedule' then to_char(started_at, 'YYYY-MM-DD"T"HH24:MI') else '' end,
       'done', 'succeeded', started_at, started_at, finished_at, run_id,
       jsonb_build_object('results', (select jsonb_agg(jsonb_build_object(
           'sku', 'FIB-' || r, 'crm', '{"status": "ok"}'::jsonb)) from generate_series(1, 100) as r))
from trueup.run

-- name: calls
insert into trueup.call_by_run (workspace, run_id, target, calls, throttled, last_at)
select 'default', run_id, target, 500, 0, started_at
from trueup.run cross join (values ('crm'), ('billing'), ('oauth')) as t (target)

-- name: quarters
insert into trueup.call_count (workspace, quarter_at, target, calls)
select 'default', trueup.quarter_of(now() - make_interval(mins => 15 * n)), target, 40
from generate_series(0, 31 * 96 - 1) as n
cross join (values ('crm'), ('billing'), ('oauth')) as t (target)

-- name: verifications
insert into trueup.verification (at, products, agreeing, totals, rows_hash, previous, hash)
select now() - make_interval(hours => 24 * n), %(products)s, %(products)s, '{}', md5(n::text),
       md5('hash' || n), md5('hash' || n - 1)
from generate_series(1, %(nights)s) as n
