"""A workshop whose runs are written down beside the job for which they are made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.bootstrap import App
    from trueup.domain.runs import Trigger
    from trueup.reconcile.scope import Workshop


def noted_workshop(app: App) -> Workshop:
    """The app's workshop; the id of every run that it begins is noted with the job."""
    shop = app.workshop()

    def new_run_id(trigger: Trigger, started: datetime) -> str:
        run_id = shop.new_run_id(trigger, started)
        app.note_run(run_id)
        return run_id

    return replace(shop, new_run_id=new_run_id)
