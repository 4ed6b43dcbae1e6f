"""From the environment and `trueup.toml` to one frozen `Settings`; the only reader of both."""

from trueup.settings.load import Settings, chosen, load, load_all

__all__ = ["Settings", "chosen", "load", "load_all"]
