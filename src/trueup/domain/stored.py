"""Remote ids as another system remembered them: hints, never proof."""

from __future__ import annotations

from dataclasses import dataclass

from trueup.domain.records import Kind, Slot


@dataclass(frozen=True, slots=True)
class StoredId:
    """The id that the predecessor's table has for one part of a product.

    `products` counts the products for which the table has this id: a predecessor that trusted the
    first row of a filtered list stored one item's id for all of them.
    """

    kind: Kind
    slot: Slot
    owner: str
    remote_id: str
    products: int = 1

    @property
    def exclusive(self) -> bool:
        """Whether no other product claims it; one that several claim is worth nothing."""
        return self.products == 1
