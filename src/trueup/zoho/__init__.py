"""Zoho CRM and Zoho Billing as targets: the one door, the two adapters, the probes."""
