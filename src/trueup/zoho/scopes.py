"""Permissions: which ones Trueup asks for, and which one a call needs (zoho-facts §1.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_CRM_SCOPES = (
    "ZohoCRM.modules.products.READ",
    "ZohoCRM.modules.products.CREATE",
    "ZohoCRM.modules.products.UPDATE",
    "ZohoCRM.settings.fields.READ",
    "ZohoCRM.coql.READ",
    "ZohoCRM.org.READ",
)
_BILLING_SCOPES = tuple(
    f"ZohoSubscriptions.{area}.{operation}"
    for area in ("products", "plans", "items")
    for operation in ("CREATE", "READ", "UPDATE")
)

# Everything that a run needs, and nothing more.
SCOPES: tuple[str, ...] = (*_CRM_SCOPES, *_BILLING_SCOPES, "ZohoSubscriptions.settings.READ")

# What else a token may be allowed, and what for; nothing fails for the lack of one.
OPTIONAL_SCOPES: Mapping[str, str] = {
    "ZohoCRM.settings.layouts.READ": "to see which fields a layout of CRM demands",
    "ZohoCRM.settings.fields.CREATE": "to make custom fields with `trueup check --fix`",
    "ZohoSubscriptions.subscriptions.READ": "to count the live subscriptions of a plan",
}

_OPERATIONS = {"GET": "READ", "POST": "CREATE", "PUT": "UPDATE", "DELETE": "DELETE"}

# First match wins. `{op}` is the operation of the method: marking a Billing record active or
# inactive is a POST and wants CREATE, not UPDATE (zoho-facts §1.6).
_NEEDED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"/crm/v\d+/settings/fields"), "ZohoCRM.settings.fields.{op}"),
    (re.compile(r"/crm/v\d+/settings/layouts"), "ZohoCRM.settings.layouts.READ"),
    (re.compile(r"/crm/v\d+/settings/modules"), "ZohoCRM.settings.modules.READ"),
    (re.compile(r"/crm/v\d+/org"), "ZohoCRM.org.READ"),
    (re.compile(r"/crm/v\d+/coql"), "ZohoCRM.coql.READ"),
    (re.compile(r"/crm/v\d+/Products/search"), "ZohoSearch.securesearch.READ"),
    (re.compile(r"/crm/v\d+/Products"), "ZohoCRM.modules.products.{op}"),
    (re.compile(r"/crm/v\d+/upload"), "ZohoFiles.files.ALL"),
    (re.compile(r"/crm/bulk/"), "ZohoCRM.bulk.{op}"),
    (
        re.compile(r"/billing/v1/(?P<area>products|plans|items|addons|subscriptions)"),
        "ZohoSubscriptions.{area}.{op}",
    ),
    (re.compile(r"/billing/"), "ZohoSubscriptions.settings.READ"),
)


def needed(method: str, path: str) -> str:
    """The permission that this call needs; empty for a path that is not ours."""
    for pattern, scope in _NEEDED:
        match = pattern.match(path)
        if match is not None:
            area = match.groupdict().get("area", "")
            return scope.format(op=_OPERATIONS.get(method, "ALL"), area=area)
    return ""
