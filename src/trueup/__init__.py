"""Trueup keeps a product catalogue in Postgres and its copies at Zoho in agreement."""

__version__ = "0.1.0"
