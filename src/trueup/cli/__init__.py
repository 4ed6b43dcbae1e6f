"""The command line: thin views over the use-cases and the ledger."""
