"""Questions for the preflight: what the organisation is, has and allows. Nothing is written.

The probes of write permissions send requests that cannot be carried out (no record, or one that
cannot exist): Zoho looks at the permission first, so what it refuses tells which one is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trueup.domain.errors import RecordError, ScopeError, TargetStoppedError
from trueup.domain.records import FieldSpec, Kind, Schema, TargetName
from trueup.zoho.billing_records import BASE as BILLING
from trueup.zoho.billing_records import ORGANISATION, SHAPES
from trueup.zoho.codec import flag, identifier, number, text
from trueup.zoho.crm import BASE as CRM
from trueup.zoho.custom_fields import MODULE
from trueup.zoho.http import Door, Safety
from trueup.zoho.refusals import reading
from trueup.zoho.scopes import needed
from trueup.zoho.subscriptions import PATH as SUBSCRIPTIONS

# No record of Zoho has this id.
NOBODY = "0"
LAYOUTS = f"{CRM}/settings/layouts"


@dataclass(frozen=True, slots=True)
class CrmOrganisation:
    """What CRM says about itself; `zgid` is the organisation's id there."""

    zgid: str
    name: str
    currency: str
    time_zone: str
    edition: str = ""
    users: int | None = None


@dataclass(frozen=True, slots=True)
class BillingOrganisation:
    """One organisation of the token's user."""

    organization_id: str
    name: str
    currency: str
    price_precision: int | None


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether one permission is there. `granted` None: the probe could not tell, see `detail`."""

    scope: str
    granted: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One page of Products in CRM, and the fields that it demands; `default` for somebody."""

    name: str
    required: frozenset[str]
    default: bool


@dataclass(frozen=True, slots=True)
class FieldFact:
    """One field that the mapping wants; `spec` None: the organisation has no such field."""

    name: str
    spec: FieldSpec | None

    @property
    def present(self) -> bool:
        """Whether the organisation has the field."""
        return self.spec is not None


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax of Billing; the percentage as Billing writes it (zoho-facts §3.1)."""

    tax_id: str
    name: str
    percentage: str
    default: bool


def crm_organisation(door: Door) -> CrmOrganisation:
    """CRM's organisation: currency, time zone, id (zoho-facts §2.2)."""
    row = next(iter(_rows(door, TargetName.CRM, f"{CRM}/org", "org", {})), {})
    licence = row.get("license_details")
    licence = licence if isinstance(licence, Mapping) else {}
    users = number(licence.get("users_license_purchased"))
    return CrmOrganisation(
        zgid=identifier(row.get("zgid")),
        name=text(row.get("company_name")),
        currency=text(row.get("iso_code") or row.get("currency")),
        time_zone=text(row.get("time_zone")),
        edition=text(licence.get("paid_type")),
        users=users if isinstance(users, int) else None,
    )


def billing_organisations(door: Door) -> list[BillingOrganisation]:
    """The organisations of the token's user; ours must be among them."""
    rows = _rows(door, TargetName.BILLING, f"{BILLING}/organizations", "organizations", {})
    return [_billing_organisation(row) for row in rows]


def currency_of(door: Door, target: TargetName, org_id: str) -> str:
    """What an organisation counts in; empty where it may not be asked, or does not say."""
    try:
        if target is TargetName.CRM:
            return crm_organisation(door).currency
        ours = [o for o in billing_organisations(door) if o.organization_id == org_id]
    except (RecordError, TargetStoppedError):
        return ""  # what stops a target stops its first write as well, and says why
    return ours[0].currency if ours else ""


def taxes(door: Door, org_id: str) -> list[Tax]:
    """The taxes that Billing knows."""
    path = f"{BILLING}/settings/taxes"
    rows = _rows(door, TargetName.BILLING, path, "taxes", {ORGANISATION: org_id})
    return [
        Tax(
            identifier(row.get("tax_id")),
            text(row.get("tax_name")),
            text(row.get("tax_percentage")),
            text(row.get("is_default_tax")).lower() == "true",
        )
        for row in rows
    ]


def fields(schema: Schema, names: Sequence[str]) -> list[FieldFact]:
    """Which of these CRM fields exist, with type, length and uniqueness."""
    specs = schema.kinds[Kind.CRM_PRODUCT]
    return [FieldFact(name, specs.get(name)) for name in names]


def layouts(door: Door) -> list[Layout]:
    """The layouts in use; what one demands is in no other answer (zoho-facts §2.2)."""
    rows = _rows(door, TargetName.CRM, LAYOUTS, "layouts", {}, params=MODULE)
    return [_layout(row) for row in rows if text(row.get("status") or "active") == "active"]


def optional_permissions(door: Door, org_id: str) -> list[Permission]:
    """Try what a run can do without; making fields is left to the one who asks for that."""
    headers = {ORGANISATION: org_id}
    few = {"per_page": "1"}
    return [
        _try(door, TargetName.CRM, "GET", LAYOUTS, params=MODULE),
        _try(door, TargetName.BILLING, "GET", SUBSCRIPTIONS, params=few, headers=headers),
    ]


def permissions(door: Door, org_id: str) -> list[Permission]:
    """Try every call that a run makes, one request each; tells which permissions are missing."""
    headers = {ORGANISATION: org_id}
    no_code = {"select_query": "select id from Products where Product_Code in ('') limit 0, 1"}
    few = {"fields": "id", "per_page": "1"}
    found = [
        _try(door, TargetName.CRM, "GET", f"{CRM}/settings/fields", params=MODULE),
        _try(door, TargetName.CRM, "GET", f"{CRM}/org"),
        _try(door, TargetName.CRM, "POST", f"{CRM}/coql", body=no_code),
        _try(door, TargetName.CRM, "GET", f"{CRM}/Products", params=few),
        _try(door, TargetName.CRM, "POST", f"{CRM}/Products", body={"data": []}),
        _try(door, TargetName.CRM, "PUT", f"{CRM}/Products", body={"data": []}),
    ]
    for shape in SHAPES.values():
        path = shape.collection
        found += [
            _try(door, TargetName.BILLING, "GET", path, params={"per_page": "1"}, headers=headers),
            _try(
                door,
                TargetName.BILLING,
                "POST",
                f"{path}/{NOBODY}/{shape.marks[True]}",
                headers=headers,
            ),
            _try(door, TargetName.BILLING, "PUT", f"{path}/{NOBODY}", body={}, headers=headers),
        ]
    settings = f"{BILLING}/settings/taxes"
    return [*found, _try(door, TargetName.BILLING, "GET", settings, headers=headers)]


def _try(
    door: Door,
    target: TargetName,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Permission:
    scope = needed(method, path)
    try:
        # Safe to repeat whatever the method: there is nothing that it could change.
        door.send(
            target, method, path, safety=Safety.READ, params=params, body=body, headers=headers
        )
    except ScopeError as error:
        return Permission(scope, granted=False, detail=str(error))
    except RecordError:
        return Permission(scope, granted=True)  # understood and refused: the permission was there
    except TargetStoppedError as error:
        return Permission(scope, granted=None, detail=str(error))
    return Permission(scope, granted=True)


def _rows(
    door: Door,
    target: TargetName,
    path: str,
    name: str,
    headers: Mapping[str, str],
    *,
    params: Mapping[str, str] | None = None,
) -> list[Mapping[str, Any]]:
    with reading(path):
        document = door.send(target, "GET", path, headers=headers, params=params).document
    rows = document.get(name) if isinstance(document, Mapping) else None
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _layout(row: Mapping[str, Any]) -> Layout:
    """Whose default it is stands in the profiles; where they are not shown, it may be anybody's."""
    own_id = identifier(row.get("id"))
    profiles = row.get("profiles")
    views = [
        profile.get("_default_view")
        for profile in (profiles if isinstance(profiles, list) else [])
        if isinstance(profile, Mapping)
    ]
    named = {identifier(view.get("id")) for view in views if isinstance(view, Mapping)}
    return Layout(
        text(row.get("name")),
        frozenset(text(field.get("api_name")) for field in _fields(row) if _is(field, "required")),
        default=not named or own_id in named,
    )


def _fields(layout: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for section in layout.get("sections") or []:
        fields = section.get("fields") if isinstance(section, Mapping) else None
        yield from (field for field in fields or [] if isinstance(field, Mapping))


def _is(row: Mapping[str, Any], name: str) -> bool:
    return flag(row.get(name)) is True


def _billing_organisation(row: Mapping[str, Any]) -> BillingOrganisation:
    places = number(row.get("price_precision"))
    return BillingOrganisation(
        identifier(row.get("organization_id")),
        text(row.get("name")),
        text(row.get("currency_code")),
        places if isinstance(places, int) else None,
    )
