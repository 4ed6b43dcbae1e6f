"""A database as the predecessor left it: its tables with their checks, its trigger, its traces.

Built from what docs say about it; all rows are invented.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

PACKAGES = {name: f"00000000-0000-4000-8000-00000000000{n}" for n, name in enumerate("abcdefgh")}

SCHEMA = """
create table service_packages (
    id uuid primary key default gen_random_uuid(),
    name varchar(100) not null,
    service_type varchar(50) not null check (service_type in ('fibre', '5g', '5G', 'lte', 'LTE')),
    speed_down integer not null, speed_up integer not null,
    price numeric(10, 2) not null,
    promotion_price numeric(10, 2), promotion_months integer default 3,
    description text, features text[], active boolean default true, sort_order integer default 0,
    created_at timestamptz default now(), updated_at timestamptz default now(),
    product_category varchar(50),
    customer_type varchar(20) default 'consumer',
    network_provider_id uuid, requires_fttb_coverage boolean default false,
    compatible_providers text[] default '{}', provider_specific_config jsonb default '{}',
    provider_priority integer default 1,
    pricing jsonb check (pricing is null or (pricing ? 'monthly' and pricing ? 'setup')),
    slug text unique, sku text, metadata jsonb default '{}',
    is_featured boolean default false, is_popular boolean default false,
    status text default 'active' check (status in ('active', 'inactive', 'archived', 'draft')),
    bundle_components jsonb default '[]',
    base_price_zar numeric(10, 2), cost_price_zar numeric(10, 2),
    customer_friendly_features jsonb, marketing_copy text, source_admin_product_id uuid,
    valid_from timestamptz, valid_to timestamptz,
    market_segment text, provider text, logical_key text, price_history jsonb default '[]'
);

create table product_integrations (
    id uuid primary key default gen_random_uuid(),
    admin_product_id uuid,
    service_package_id uuid not null unique references service_packages on delete cascade,
    zoho_crm_product_id text, zoho_billing_item_id text, zoho_billing_plan_id text,
    zoho_billing_hardware_item_id text,
    sync_status text not null default 'pending',
    last_synced_at timestamptz, last_sync_error text,
    zoho_crm_sync_status text, zoho_crm_last_synced_at timestamptz, zoho_crm_last_sync_error text,
    zoho_billing_sync_status text, zoho_billing_last_synced_at timestamptz,
    zoho_billing_last_sync_error text,
    retry_count integer not null default 0, next_retry_at timestamptz, last_retry_at timestamptz,
    sync_error_details jsonb, rate_limit_hits jsonb default '[]', last_rate_limit_at timestamptz,
    created_at timestamptz default now(), updated_at timestamptz default now(),
    constraint legacy_word check (sync_status in ('pending', 'ok', 'failed')),
    constraint odd_name_1 check (zoho_crm_sync_status in ('pending', 'ok', 'failed')),
    constraint odd_name_2 check (zoho_billing_sync_status in ('pending', 'ok', 'failed'))
);
create function touch() returns trigger language plpgsql as
    $$ begin new.updated_at := now(); return new; end $$;
create trigger touch before update on product_integrations for each row execute function touch();
alter table product_integrations enable row level security;
create policy staff on product_integrations using (true);

create table zoho_sync_logs (
    id uuid primary key default gen_random_uuid(),
    entity_type text not null check (entity_type in ('quote', 'contract', 'invoice', 'customer')),
    entity_id uuid not null,
    zoho_entity_type text not null
        check (zoho_entity_type in ('Estimates', 'Deals', 'Invoices', 'Contacts')),
    zoho_entity_id text,
    status text not null check (status in ('pending', 'success', 'failed', 'retrying')),
    attempt_number integer not null check (attempt_number >= 1 and attempt_number <= 3),
    error_message text, request_payload jsonb, response_payload jsonb,
    created_at timestamptz not null default now()
);

create table cron_execution_log (
    id uuid primary key default gen_random_uuid(),
    job_name varchar(100) not null,
    execution_start timestamptz not null,
    execution_end timestamptz,
    duration_seconds numeric generated always as
        (extract(epoch from execution_end - execution_start)) stored,
    status varchar(20) not null
        check (status in ('running', 'completed', 'failed', 'partial', 'cancelled')),
    records_processed integer default 0 check (records_processed >= 0),
    records_failed integer default 0 check (records_failed >= 0),
    records_skipped integer default 0 check (records_skipped >= 0),
    error_message text, error_details jsonb,
    trigger_source varchar(50) not null
        check (trigger_source in ('vercel_cron', 'manual', 'api', 'scheduled')),
    triggered_by uuid, environment varchar(20) not null, execution_details jsonb,
    created_at timestamptz default now()
);

create function get_sync_candidates(max_limit integer default 100)
returns table (id uuid, sku text) language sql as
    $$ select id, sku from service_packages limit max_limit $$;
create function record_rate_limit_hit(p_package uuid, p_api varchar, p_message text default null)
returns boolean language sql as $$ select true $$;
"""


def build(conn: psycopg.Connection[Any]) -> None:
    """Make the tables and fill them with what the predecessor leaves."""
    conn.execute(SCHEMA)
    for name, package in PACKAGES.items():
        conn.execute(
            "insert into service_packages"
            " (id, name, service_type, speed_down, speed_up, price, sku)"
            " values (%s, %s, 'fibre', 100, 50, 899, %s)",
            [package, f"Fibre {name.upper()}", f"FIB-{name.upper()}"],
        )
    seen = "2026-01-05 02:00+00"
    # package, legacy, crm, billing, crm id, plan id, crm time, billing time, crm / billing error
    rows = [
        ("a", "ok", "ok", "ok", "c1", "p1", seen, seen, None, None),  # both shown
        ("b", "ok", "ok", "ok", "c2", None, seen, None, None, None),  # billing only copied
        ("c", "failed", "failed", "failed", None, None, seen, None, "refused", None),
        ("d", "ok", "ok", "failed", "c4", None, seen, None, None, "too many"),  # told apart
        ("e", "failed", None, None, None, None, None, None, None, None),
        ("f", "ok", "ok", "ok", None, None, None, None, None, None),  # nothing to show
    ]
    for name, *values in rows:
        conn.execute(
            "insert into product_integrations (service_package_id, sync_status,"
            " zoho_crm_sync_status, zoho_billing_sync_status, zoho_crm_product_id,"
            " zoho_billing_plan_id, zoho_crm_last_synced_at, zoho_billing_last_synced_at,"
            " zoho_crm_last_sync_error, zoho_billing_last_sync_error, last_synced_at, updated_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '2026-01-06 00:00+00')",
            [PACKAGES[name], *values, seen],
        )
    conn.execute(
        "insert into zoho_sync_logs (entity_type, entity_id, zoho_entity_type, status,"
        " attempt_number, request_payload) values ('invoice', %s, 'Invoices', 'failed', 3, %s)",
        [PACKAGES["a"], Jsonb({"amount": 1})],
    )
    conn.execute(
        "insert into cron_execution_log (job_name, execution_start, execution_end, status,"
        " trigger_source, environment) values"
        " ('other-job', now() - interval '1 min', now(), 'completed', 'vercel_cron', 'production')"
    )
