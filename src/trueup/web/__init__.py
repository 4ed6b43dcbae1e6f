"""The web application: cron endpoint, health, metrics. Imported by `trueup serve` only."""
