"""What may be ordered through the API: the shapes of bodies. What is not known is refused."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from trueup.web.query import MOST_PRODUCTS

_MOST: Final = 1000
_NO_NUL: Final = r"^[^\x00]*$"  # Postgres keeps none in a text
_MORE_THAN_BLANKS: Final = r"^[^\x00]*[^\x00\s][^\x00]*$"

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=_MORE_THAN_BLANKS)]
Mark = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_NO_NUL)]
Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=_NO_NUL)]
Skus = Annotated[list[Word], msgspec.Meta(min_length=1, max_length=_MOST)]
Marks = Annotated[list[Mark], msgspec.Meta(min_length=1, max_length=_MOST)]
Target = Literal["crm", "billing"]
Targets = Annotated[list[Target], msgspec.Meta(min_length=1, max_length=2)]


class _Order(msgspec.Struct, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    reason: Reason = ""


class Sync(_Order, tag="sync"):
    """All that is due."""

    targets: Targets | None = None
    max_products: Annotated[int, msgspec.Meta(ge=1, le=MOST_PRODUCTS)] | None = None
    dry_run: bool = False


class Resync(_Order, tag="resync"):
    """These products, at once, their back-off lifted."""

    skus: Skus
    targets: Targets | None = None


class Look(_Order, tag="look"):
    """Compare these products with what is there now, and write nothing."""

    skus: Skus
    targets: Targets | None = None


class Repair(_Order, tag="repair"):
    """What differs, whenever it was verified; of these products, or of all. Guards still hold."""

    skus: Skus | None = None
    targets: Targets | None = None


class Verify(_Order, tag="verify"):
    """Compare, and write nothing; of these products, or of all."""

    skus: Skus | None = None
    targets: Targets | None = None


class Drift(_Order, tag="drift"):
    """Compare everything, and keep what differs."""


class Duplicates(_Order, tag="duplicates"):
    """Search for records that are one thing twice."""


JobOrder = Sync | Resync | Look | Repair | Verify | Drift | Duplicates
ANY_JOB: Final[Any] = JobOrder


class Decide(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Say no to held changes, named by their fingerprints."""

    fingerprints: Marks
    reason: Reason = ""


class Approve(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Let held changes pass; `later`: the next run makes them."""

    fingerprints: Marks
    reason: Reason = ""
    later: bool = False


class Adopt(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """This record is that product's; `part` where the record does not tell which."""

    sku: Word
    target: Target
    remote_id: Word
    part: Literal["product", "plan", "installation", "device"] | None = None
    reason: Reason = ""


class Revert(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Take a run back. `exactly`: the `marks` of a dry run's report, and nothing else."""

    dry_run: bool = True
    skus: Skus | None = None
    targets: Targets | None = None
    exactly: Annotated[list[Mark], msgspec.Meta(max_length=100_000)] | None = None
    reason: Reason = ""
