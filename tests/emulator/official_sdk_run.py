"""Drives Zoho's official CRM SDK against an emulator and prints what it saw, as JSON.

A program of its own: the SDK keeps global state, costs a second and much memory to import, and
emits warnings that are not ours. Arguments: the emulator's variables as JSON, and a folder for
the SDK's token store, field cache and log.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.api.logger import Logger
from zohocrmsdk.src.com.zoho.crm.api import HeaderMap, Initializer, ParameterMap
from zohocrmsdk.src.com.zoho.crm.api.coql import BodyWrapper as CoqlBody
from zohocrmsdk.src.com.zoho.crm.api.coql import CoqlOperations
from zohocrmsdk.src.com.zoho.crm.api.dc.data_center import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.record import (
    BodyWrapper,
    Field,
    GetRecordsParam,
    Record,
    RecordOperations,
)
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig
from zohocrmsdk.src.com.zoho.crm.api.util import Choice


def sign_in(variables: dict[str, str], folder: Path) -> None:
    accounts, api = variables["ZOHO_ACCOUNTS_URL"], variables["ZOHO_API_URL"]
    environment = DataCenter.Environment(api, f"{accounts}/oauth/v2/token", api)
    token = OAuthToken(
        client_id=variables["ZOHO_CLIENT_ID"],
        client_secret=variables["ZOHO_CLIENT_SECRET"],
        refresh_token=variables["ZOHO_REFRESH_TOKEN"],
    )
    Initializer.initialize(
        environment,
        token,
        store=FileStore(str(folder / "tokens.csv")),
        sdk_config=SDKConfig(read_timeout=20, connect_timeout=20),
        resource_path=str(folder),
        logger=Logger.get_instance(level=Logger.Levels.INFO, file_path=str(folder / "sdk.log")),
    )


def product(name: str, code: str, price: float, **more: Any) -> Record:
    record = Record()
    record.add_field_value(Field.Products.product_name(), name)
    record.add_field_value(Field.Products.product_code(), code)
    record.add_field_value(Field.Products.unit_price(), price)
    for key, value in more.items():
        record.add_key_value(key, value)
    return record


def body(*records: Record, checks: list[str] | None = None) -> BodyWrapper:
    wrapper = BodyWrapper()
    wrapper.set_data(list(records))
    wrapper.set_trigger([])
    if checks is not None:
        wrapper.set_duplicate_check_fields(checks)
    return wrapper


def action_of(one: Any) -> str | None:
    """What an upsert did; nothing for other writes and for errors."""
    action = getattr(one, "get_action", lambda: None)()
    return action.get_value() if action else None


def results(answer: Any) -> dict[str, Any]:
    """The status, and of each result its class, code and id."""
    told = [
        {
            "kind": type(one).__name__,
            "code": one.get_code().get_value(),
            "id": str(one.get_details().get("id")),
            "message": str(getattr(one.get_message(), "get_value", lambda: None)()),
            "action": action_of(one),
        }
        for one in answer.get_object().get_data()
    ]
    return {"status": answer.get_status_code(), "results": told}


def shown(record: Record) -> dict[str, Any]:
    category = record.get_key_value("Product_Category")
    return {
        "id": str(record.get_id()),
        "name": record.get_key_value("Product_Name"),
        "code": record.get_key_value("Product_Code"),
        "price": record.get_key_value("Unit_Price"),
        "active": record.get_key_value("Product_Active"),
        "speed": record.get_key_value("ct_download_speed_mbps"),
        "valid_from": str(record.get_key_value("ct_valid_from")),
        "category": category.get_value() if category else None,
        "owner": record.get_key_value("Owner").get_name(),
        "created": str(record.get_created_time()),
        "author": record.get_created_by().get_name(),
    }


def pages(operations: RecordOperations) -> list[list[str]]:
    """The codes of each page: one by number, the rest by token."""
    seen: list[list[str]] = []
    token = None
    while True:
        parameters = ParameterMap()
        parameters.add(GetRecordsParam.fields, "id,Product_Code")
        parameters.add(GetRecordsParam.per_page, 2)
        if token is not None:
            parameters.add(GetRecordsParam.page_token, token)
        wrapper = operations.get_records(parameters, HeaderMap()).get_object()
        seen.append([record.get_key_value("Product_Code") for record in wrapper.get_data()])
        if not wrapper.get_info().get_more_records():
            return seen
        token = wrapper.get_info().get_next_page_token()


def drive() -> dict[str, Any]:
    operations = RecordOperations("Products")
    extra = {
        "Product_Active": True,
        "Product_Category": Choice("Hardware"),
        "ct_download_speed_mbps": 100,
        "ct_valid_from": dt.date(2026, 1, 31),
    }
    created = results(
        operations.create_records(
            body(
                product("Fibre 100", "FIB-100", 499.0, **extra),
                product("Fibre 200", "FIB-200", 699.5),
            ),
            HeaderMap(),
        )
    )
    first_id, second_id = (int(one["id"]) for one in created["results"])
    read = operations.get_record(first_id, ParameterMap(), HeaderMap())
    single = results(
        operations.update_record(
            first_id, body(product("Fibre 100", "FIB-100", 549.0)), HeaderMap()
        )
    )
    renamed = product("Fibre 200 Pro", "FIB-200", 719.0)
    renamed.set_id(second_id)
    batch = results(operations.update_records(body(renamed), HeaderMap()))
    upserted = results(
        operations.upsert_records(
            body(
                product("Fibre 100 Pro", "FIB-100", 559.0),
                product("Fibre 300", "FIB-300", 899.0),
                checks=["Product_Code"],
            ),
            HeaderMap(),
        )
    )
    faulty = results(
        operations.create_records(
            body(product("Fibre 400", "FIB-400", 1.0), product("Fibre 500", "FIB-100", 1.0)),
            HeaderMap(),
        )
    )
    question = CoqlBody()
    question.set_select_query(
        "select Product_Name, Unit_Price from Products where Product_Code = 'FIB-100' limit 0, 5"
    )
    answer = CoqlOperations().get_records(question)
    found = answer.get_object().get_data()
    return {
        "created": created,
        "read": shown(read.get_object().get_data()[0]),
        "updated": single,
        "batch": batch,
        "upserted": upserted,
        "faulty": faulty,
        "pages": pages(operations),
        "coql": [
            [one.get_key_value("Product_Name"), one.get_key_value("Unit_Price")] for one in found
        ],
        "unknown": operations.get_record(1, ParameterMap(), HeaderMap()).get_status_code(),
        "deleted": results(operations.delete_record(second_id, ParameterMap(), HeaderMap())),
    }


if __name__ == "__main__":
    sign_in(json.loads(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write(json.dumps(drive()))
