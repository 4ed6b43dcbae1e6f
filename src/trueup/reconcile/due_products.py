"""The products that are due, read from the catalogue, and those that have left it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice

from trueup.domain.errors import CatalogueError
from trueup.domain.offering import Ended, Withdrawn
from trueup.domain.package import PackageRow, UnreadableRow
from trueup.domain.records import ACTIVE, Binding, TargetName
from trueup.planner.census import Census
from trueup.planner.dated import time_mark
from trueup.planner.draft import ProductDraft, read_draft
from trueup.planner.due import Due, DueRules, due_at
from trueup.planner.reading import clean_sku, key_of, read_lifecycle
from trueup.planner.still import full_revision, stands_still
from trueup.ports import CatalogueEntry, Glance
from trueup.reconcile.scope import Scope, Workshop

RUNS_UNTIL_GONE = 2  # a row is withdrawn when it is missing in two consecutive runs


class DueProducts:
    """The products in scope that are due, and where. Iterating reads the catalogue anew."""

    def __init__(self, shop: Workshop, scope: Scope, census: Census, started: datetime) -> None:
        self._shop = shop
        self._scope = scope
        self._census = census
        self._started = started
        self._today = shop.rules.today(started)
        self._rules = DueRules(started, shop.limits.stale_after, scope.look)
        self._gone = list(self._find_gone())

    def targets(self) -> tuple[TargetName, ...]:
        """The targets that must be read: those at which a readable product is due."""
        needed: set[TargetName] = set()
        if any(_still_on_sale(bindings) for _, bindings in self._gone):
            needed |= set(self._scope.targets)
        for draft in self.drafts({}):
            if draft.reading is not None:
                needed |= draft.open_targets()
            if len(needed) == len(self._scope.targets):
                break
        return tuple(target for target in self._scope.targets if target in needed)

    def drafts(
        self, unread: Mapping[TargetName, str], glance: Glance | None = None
    ) -> Iterator[ProductDraft]:
        """Every due product that wants something, read and with its first findings.

        Those that stand still, as far as a glance tells, are not read.
        """
        entries = self._shop.catalogue.entries(self._scope.skus, glance)
        found = (d for entry in entries if (d := self._draft(entry, unread)) is not None)
        return islice(found, self._scope.limit)

    def gone(self) -> list[ProductDraft]:
        """Products that left the catalogue at least two runs ago.

        Where a row on sale carries the SKU on, only what it does not want is theirs to retire.
        """
        replaced = self._on_sale({bindings[0].sku for _, bindings in self._gone})
        return [
            self._withdrawn(owner, sku, superseded=clean_sku(sku) in replaced)
            for owner, bindings in self._gone
            for sku in [bindings[0].sku]
        ]

    def _draft(
        self, entry: CatalogueEntry, unread: Mapping[TargetName, str]
    ) -> ProductDraft | None:
        if not self._scope.includes(entry.states):
            return None
        row, name = entry.row, (entry.row.name or "").strip()
        revision = full_revision(entry.revision, name, self._census)
        revision += time_mark(row, self._today)
        due: dict[TargetName, Due] = {}
        for target in self._scope.targets:
            why = due_at(entry.states, revision, self._rules, target)
            if why is not None:
                due[target] = why
        if not due:
            return None
        draft = ProductDraft(row.id, clean_sku(row.sku), name, revision, due, entry.states)
        if isinstance(row, PackageRow) and stands_still(
            row, revision, due, entry.states, entry.intact, self._census, self._today
        ):
            draft.still = True
            return draft
        draft.unread = {target: text for target, text in unread.items() if target in due}
        wanted = read_draft(row, draft, self._shop.rules, self._census, self._started)
        return draft if wanted else None

    def _withdrawn(self, owner: str, sku: str, *, superseded: bool) -> ProductDraft:
        draft = ProductDraft(owner, sku, sku, "", dict.fromkeys(self._scope.targets, Due.CHANGED))
        draft.reading = Withdrawn(owner, sku, sku, Ended.GONE, superseded=superseded)
        return draft

    def _find_gone(self) -> Iterator[tuple[str, list[Binding]]]:
        if self._scope.standing is not None or self._scope.limit is not None:
            return
        asked = {key_of(sku) for sku in self._scope.skus}
        for owner, missed, bindings in self._shop.ledger.missing_owners():
            if not bindings or missed + 1 < RUNS_UNTIL_GONE:
                continue
            if not asked or key_of(bindings[0].sku) in asked:
                yield owner, bindings

    def _on_sale(self, skus: set[str]) -> set[str]:
        if not skus:
            return set()
        entries = self._shop.catalogue.entries(tuple(skus))
        return {clean_sku(e.row.sku) for e in entries if self._is_live(e.row)}

    def _is_live(self, row: PackageRow | UnreadableRow) -> bool:
        if isinstance(row, UnreadableRow):
            return True  # nobody knows: leave what carries its SKU alone
        try:
            return read_lifecycle(row, self._today) == "live"
        except CatalogueError:
            return True  # nobody knows: leave what carries its SKU alone


def _still_on_sale(bindings: list[Binding]) -> bool:
    return any(b.applied.get(ACTIVE[b.key.kind]) is not False for b in bindings)
