"""The use-cases: look, plan, apply, record. Every way to start the job ends up here."""
