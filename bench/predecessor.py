"""The predecessor's nightly loop as a model of its calls: who is asked what, in which order.

Per product it searches CRM and writes, then mints a token for Billing, then finds and writes the
Billing product, the plan and the installation item, with fixed pauses between them. Nothing is
remembered, nothing is batched, an error while searching counts as "not found", and every product
is written again every night. Its prices are right here: only its calls are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

BATCH = 20
# Seconds: after a CRM call, between the targets, after a Billing record, between products and
# between batches.
CRM_PAUSE, TARGET_PAUSE, BILLING_PAUSE, PRODUCT_PAUSE, BATCH_PAUSE = 0.15, 0.5, 0.15, 0.7, 15.0

_CRM, _BILLING = "/crm/v8/Products", "/billing/v1"


class RefusedError(Exception):
    """Zoho refused, or no answer came: the product failed at this target."""


@dataclass(frozen=True, slots=True)
class Product:
    """What is sent of a product."""

    sku: str
    name: str
    price: float


@dataclass(slots=True)
class Predecessor:
    """One night. `pause` waits the given emulated seconds."""

    client: httpx2.Client
    variables: Mapping[str, str]
    pause: Callable[[float], None]
    failures: Counter[str] = field(default_factory=Counter)
    succeeded: int = 0
    _crm_token: str = ""

    def night(self, products: Iterable[Product]) -> None:
        """Write every product once."""
        for number, product in enumerate(products):
            if number:
                self.pause(BATCH_PAUSE if number % BATCH == 0 else PRODUCT_PAUSE)
            fine = self._tried("crm", self._sync_crm, product)
            self.pause(TARGET_PAUSE)
            fine = self._tried("billing", self._sync_billing, product) and fine
            self.succeeded += fine

    def _tried(self, target: str, sync: Callable[[Product], None], product: Product) -> bool:
        try:
            sync(product)
        except RefusedError as error:
            self.failures[f"{target}: {error}"] += 1
            return False
        return True

    # --- CRM: one token for the night, a search, a write --------------------------------------

    def _sync_crm(self, product: Product) -> None:
        self._crm_token = self._crm_token or self._mint()
        criteria = {"criteria": f"(Product_Code:equals:{product.sku})"}
        try:
            found = self._send("GET", f"{_CRM}/search", self._crm_token, params=criteria)
        except RefusedError:
            found = {}
        self.pause(CRM_PAUSE)
        body = {
            "data": [
                {
                    "Product_Name": product.name,
                    "Product_Code": product.sku,
                    "Unit_Price": product.price,
                }
            ]
        }
        rows = found.get("data") or []
        if rows:
            self._send("PUT", f"{_CRM}/{rows[0]['id']}", self._crm_token, body)
        else:
            self._send("POST", _CRM, self._crm_token, body)
        self.pause(CRM_PAUSE)

    # --- Billing: a token for every product, three look-ups, three writes ---------------------

    def _sync_billing(self, product: Product) -> None:
        token = self._mint()
        product_id = self._billing_product(token, product)
        self.pause(BILLING_PAUSE)
        self._plan(token, product, product_id)
        self.pause(BILLING_PAUSE)
        self._item(token, product)
        self.pause(BILLING_PAUSE)

    def _billing_product(self, token: str, product: Product) -> str:
        path, body = f"{_BILLING}/products", {"name": product.name}
        listed = self._send("GET", path, token).get("products") or []
        for row in listed:
            if row["name"] == product.name:
                self._send("PUT", f"{path}/{row['product_id']}", token, body)
                return str(row["product_id"])
        return str(self._send("POST", path, token, body)["product"]["product_id"])

    def _plan(self, token: str, product: Product, product_id: str) -> None:
        path = f"{_BILLING}/plans"
        body = {
            "plan_code": product.sku,
            "name": product.name,
            "recurring_price": product.price,
            "interval": 1,
            "interval_unit": "months",
        }
        if self._send("GET", path, token, params={"plan_code": product.sku}).get("plans"):
            self._send("PUT", f"{path}/{product.sku}", token, body)
        else:
            self._send("POST", path, token, body | {"product_id": product_id})

    def _item(self, token: str, product: Product) -> None:
        path, sku = f"{_BILLING}/items", f"{product.sku}-INSTALL"
        body = {"name": f"{product.name} - Installation", "rate": 900.0}
        listed = self._send("GET", path, token, params={"sku": sku}).get("items") or []
        if listed:
            self._send("PUT", f"{path}/{listed[0]['item_id']}", token, body)
        else:
            self._send("POST", path, token, body | {"sku": sku})

    # --- the wire -----------------------------------------------------------------------------

    def _mint(self) -> str:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.variables["ZOHO_CLIENT_ID"],
            "client_secret": self.variables["ZOHO_CLIENT_SECRET"],
            "refresh_token": self.variables["ZOHO_REFRESH_TOKEN"],
        }
        url = self.variables["ZOHO_ACCOUNTS_URL"] + "/oauth/v2/token"
        answer = self._answer("POST", url, data=form)
        if "access_token" not in answer:
            raise RefusedError(f"token refused ({answer.get('error')})")
        return str(answer["access_token"])

    def _send(
        self,
        method: str,
        path: str,
        token: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Zoho-oauthtoken {token}"}
        if path.startswith(_BILLING):
            headers["X-com-zoho-subscriptions-organizationid"] = self.variables["ZOHO_ORG_ID"]
        url = self.variables["ZOHO_API_URL"] + path
        return self._answer(method, url, headers=headers, json=body, params=params)

    def _answer(self, method: str, url: str, **request: Any) -> dict[str, Any]:
        try:
            response = self.client.request(method, url, **request)
        except httpx2.TransportError as error:
            raise RefusedError("no answer") from error
        if response.status_code >= 400 and "/oauth/" not in url:
            raise RefusedError(f"{method} answered {response.status_code}")
        document: dict[str, Any] = response.json() if response.content else {}
        return document
