"""Ways by which an alert reaches people."""
