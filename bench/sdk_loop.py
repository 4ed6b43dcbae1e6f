"""One loop with Zoho's official CRM SDK: search, then create or update, product by product.

A program of its own: the SDK keeps global state and costs a second and much memory to import.
Arguments: the emulator's variables as JSON, a folder for the SDK's files, and the products as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.api.logger import Logger
from zohocrmsdk.src.com.zoho.crm.api import HeaderMap, Initializer, ParameterMap
from zohocrmsdk.src.com.zoho.crm.api.dc.data_center import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.record import (
    BodyWrapper,
    Field,
    Record,
    RecordOperations,
    SearchRecordsParam,
)
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig


def sign_in(variables: dict[str, str], folder: Path) -> None:
    """Point the SDK at the emulator."""
    accounts, api = variables["ZOHO_ACCOUNTS_URL"], variables["ZOHO_API_URL"]
    Initializer.initialize(
        DataCenter.Environment(api, f"{accounts}/oauth/v2/token", api),
        OAuthToken(
            client_id=variables["ZOHO_CLIENT_ID"],
            client_secret=variables["ZOHO_CLIENT_SECRET"],
            refresh_token=variables["ZOHO_REFRESH_TOKEN"],
        ),
        store=FileStore(str(folder / "tokens.csv")),
        sdk_config=SDKConfig(read_timeout=20, connect_timeout=20),
        resource_path=str(folder),
        logger=Logger.get_instance(level=Logger.Levels.ERROR, file_path=str(folder / "sdk.log")),
    )


def found(operations: RecordOperations, sku: str) -> Any:
    """The id of the first record that the search gives."""
    parameters = ParameterMap()
    parameters.add(SearchRecordsParam.criteria, f"(Product_Code:equals:{sku})")
    answer = operations.search_records(parameters, HeaderMap())
    wrapper = answer.get_object() if answer is not None else None
    records = wrapper.get_data() if wrapper is not None else None
    return records[0].get_id() if records else None


def main() -> None:
    """Write every product once."""
    variables, folder, rows = json.loads(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    sign_in(variables, folder)
    operations = RecordOperations("Products")
    for sku, name, price in rows:
        record = Record()
        record.add_field_value(Field.Products.product_name(), name)
        record.add_field_value(Field.Products.product_code(), sku)
        record.add_field_value(Field.Products.unit_price(), price)
        body = BodyWrapper()
        body.set_data([record])
        known = found(operations, sku)
        if known is None:
            operations.create_records(body, HeaderMap())
        else:
            operations.update_record(known, body, HeaderMap())


if __name__ == "__main__":
    main()
