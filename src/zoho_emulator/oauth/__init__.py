"""The accounts server: token endpoint, revocation, list of data centres (zoho-facts §1)."""
