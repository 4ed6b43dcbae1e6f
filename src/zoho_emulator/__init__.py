"""An open emulator of the parts of Zoho that a product catalogue lives in.

OAuth, CRM v8 (Products) and Billing v1, strict, stateful and seeded, written from
``docs/zoho-facts.md``. It never imports the client that talks to it, nor the other way round.
"""
