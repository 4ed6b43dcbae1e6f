"""Billing v1: products, plans, addons, items, taxes, organisations (zoho-facts §3)."""
