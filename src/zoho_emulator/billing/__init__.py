"""Billing v1: what is sold, what runs, and what a preflight reads (zoho-facts §3)."""
