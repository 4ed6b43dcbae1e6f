"""Takes known secrets out of answers, whoever put them there.

The log cuts out more (`trueup.logs`): whatever stands behind the word Basic, say. An answer repeats
names of products as they are, so here only values are hidden that are known to be secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from markupsafe import escape

from trueup.logs import MASK, SHORTEST_SECRET

# On a page a short one would be found in names of ours; keys and tokens of Zoho are longer.
SHORTEST_ON_A_PAGE: Final = 12


class Hiding:
    """Knows the secrets. What is shorter than `SHORTEST_SECRET` would be found in every word."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._known = sorted(known, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without them."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        return text

    def page(self, markup: str) -> str:
        """The markup without them, as they are and as markup writes them."""
        for secret in self._known:
            if len(secret) >= SHORTEST_ON_A_PAGE:
                markup = markup.replace(secret, MASK).replace(str(escape(secret)), MASK)
        return markup

    def value(self, value: Any) -> Any:
        """The same for every text in a document, its keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value
