"""From the environment and `trueup.toml` to one frozen `Settings`; the only reader of both."""

from trueup.settings.load import Settings, load

__all__ = ["Settings", "load"]
