"""A floor in agreement and guarded, what people do to it, and what waits there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from support.builders import a_mapping, a_row
from support.workshop import Floor, a_floor, fields_of
from trueup.domain.plan import Plan, mark_of
from trueup.domain.records import Kind
from trueup.domain.runs import RunState
from trueup.planner.mapping import Policy
from trueup.ports import Decision
from trueup.reconcile.orders import Approval
from trueup.reconcile.running import Report

CRM = Kind.CRM_PRODUCT
ADA = Decision("Ada Accountant")


def synced(count: int = 1, **limits: Any) -> Floor:
    """So many products, all in agreement, with the guards of the specification."""
    floor = a_floor([a_row(n) for n in range(1, count + 1)]).guarded(**limits)
    assert floor.run(bounded=False).run.state is RunState.SUCCEEDED
    return floor


def reprice(floor: Floor, number: int, price: str, **columns: Any) -> None:
    """Another list price, and other columns, for one product."""
    columns = {"setup": Decimal("900.00")} | columns
    floor.catalogue.put(a_row(number, monthly=Decimal(price), **columns))


def ask_before_overwriting(floor: Floor, *fields: str) -> None:
    """Hand edits of these CRM fields are reported."""
    lines = [
        replace(rule, policy=Policy.REPORT)
        for rule in floor.shop.mapping.rules[CRM]
        if rule.field in fields
    ]
    floor.shop = replace(floor.shop, mapping=a_mapping(CRM, *lines))


def in_crm(floor: Floor) -> Mapping[str, Any]:
    """The one record in CRM."""
    [fields] = fields_of(floor.crm, CRM).values()
    return fields


def edit_in_crm(floor: Floor, **fields: Any) -> None:
    """A person edits the one record in CRM."""
    [remote_id] = fields_of(floor.crm, CRM)
    floor.crm.edit(remote_id, **fields)


def waiting(floor: Floor) -> list[tuple[str, frozenset[str], str]]:
    """What waits for a person: record, fields, fingerprint."""
    return [
        (str(one.held.change.key), frozenset(one.held.change.deltas), mark_of(one.held.change))
        for one in floor.guardbook.waiting
        if one.state == "open"
    ]


def whole(plan: Plan) -> Approval:
    """A person approves all that a plan holds."""
    return Approval(plan.fingerprint, ADA)


def rules_of(report: Report) -> list[tuple[str, str]]:
    """The guards that a run broke, and where."""
    return [(one["rule"], one["target"]) for one in report.run.violations]
