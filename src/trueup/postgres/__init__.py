"""Everything that talks SQL: the embedded server, migrations, ledger, budget, catalogue."""
