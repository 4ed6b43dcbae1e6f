"""All endpoints of `/api/v1`, one file for each thing that they are about."""

from __future__ import annotations

from fastapi import APIRouter

from trueup.web.api import acting, catalogue, checking, deciding, keeping, looking
from trueup.web.api.endpoints import Api
from trueup.web.ui.access import House


def router(house: House) -> APIRouter:
    """All of them."""
    api = Api(house)
    for part in (looking, catalogue, keeping, acting, deciding, checking):
        part.add(api)
    return api.router
