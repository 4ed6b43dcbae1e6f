"""The pages of people, of one's own account and of deeds; and who may not see them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from support import postgres
from support.served import calling, deployed, settings_of
from support.visitor import PASSWORD, Visitor, let_in, quick_hashing, visiting
from trueup.domain.people import Deed, Person, Role, Standing
from trueup.postgres.people import People

HOSTILE = "<script>alert(1)</script>"
BASE = "/w/default"
LINK = re.compile(r'value="http://trueup\.example(/welcome/[^"]+)"')


@dataclass
class World:
    """A served deployment with one person for each role, all signed in."""

    app: FastAPI
    people: People
    signed_in: dict[Role, Visitor]

    def person(self, login: str) -> Person:
        found = self.people.find(login)
        assert found is not None, login
        return found

    def newcomer(self, login: str, role: Role = Role.VIEWER) -> Person:
        found = self.people.add(login, f"{login} Example", role)
        assert found is not None
        return found

    def last_deed(self) -> Deed:
        return self.people.deeds(1)[0]


@pytest.fixture(scope="module")
def world(postgres_server: str, template: str) -> Iterator[World]:
    with postgres.fresh_database(postgres_server, template) as database, quick_hashing():
        env = {
            "DATABASE_URL": database,
            "TRUEUP_SECRET_KEY": "invented-key-of-the-tests",
            "ZOHO_CLIENT_SECRET": "invented-client-secret",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:invented-password@collector.example",
        }
        with deployed(settings_of(env)) as deployment, calling(deployment) as client:
            app, people = client.app, People(deployment.home.pool)
            assert isinstance(app, FastAPI)
            let_in(people, *Role)
            found = World(app, people, {})
            for role in Role:
                found.signed_in[role] = Visitor(calling_as(app, role))
            yield found
            for one in found.signed_in.values():
                one.client.close()


def calling_as(app: FastAPI, role: Role) -> TestClient:
    client = TestClient(app, base_url="http://trueup.example", raise_server_exceptions=False)
    assert Visitor(client).sign_in(role.value).status_code == 303
    return client


@pytest.fixture
def admin(world: World) -> Visitor:
    return world.signed_in[Role.ADMIN]


def test_only_admins_see_and_change_people(world: World) -> None:
    one = world.newcomer("bystander")
    page = f"{BASE}/people/{one.person_id}"
    for role in (Role.VIEWER, Role.OPERATOR, Role.APPROVER):
        visitor = world.signed_in[role]
        assert "/people" not in visitor.get(f"{BASE}/account").text
        token = visitor.token(f"{BASE}/account")
        for path in (f"{BASE}/people", page, f"{page}/disable", f"{page}/reset"):
            assert visitor.get(path).status_code == 403
        for path in (f"{BASE}/people", f"{page}/role", f"{page}/disable", f"{page}/reset"):
            answer = visitor.send(path, form_token=token, role="admin", login="x")
            assert answer.status_code == 403
            assert "admin may" in answer.text
    assert world.person("bystander").role is Role.VIEWER


def test_no_form_of_another_session_is_taken(world: World, admin: Visitor) -> None:
    one = world.newcomer("untouched")
    stolen = world.signed_in[Role.VIEWER].token(f"{BASE}/account")
    for path in ("role", "disable", "reset", "out"):
        where = f"{BASE}/people/{one.person_id}/{path}"
        assert admin.send(where, role="admin").status_code == 403
        assert admin.send(where, role="admin", form_token=stolen).status_code == 403
    assert world.person("untouched") == one


def test_somebody_is_let_in(world: World, admin: Visitor) -> None:
    shown = admin.post(f"{BASE}/people", login="bea", name="Bea Example", role="operator")
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    link = LINK.search(shown.text)
    assert link
    assert world.person("bea").standing is Standing.INVITED
    assert (world.last_deed().action, world.last_deed().subject) == ("invited", "bea")
    assert link[1].removeprefix("/welcome/") not in str(world.people.deeds(5))
    with visiting(world.app) as bea:
        assert bea.post(link[1], password=PASSWORD).status_code == 303
        assert "Bea Example" in bea.get(f"{BASE}/account").text
    again = admin.post(f"{BASE}/people", login="BEA", name="Another", role="viewer")
    assert again.status_code == 400
    assert "already" in again.text
    namesake = admin.post(f"{BASE}/people", login="bea-2", name="bea example", role="viewer")
    assert namesake.status_code == 400


@pytest.mark.parametrize(
    ("login", "role", "status"),
    [
        ("", "viewer", 400),
        ("x" * 101, "viewer", 400),
        ("a\x07b", "viewer", 400),
        ("y", "king", 400),
    ],
)
def test_nobody_is_called_so(admin: Visitor, login: str, role: str, status: int) -> None:
    assert admin.post(f"{BASE}/people", login=login, role=role).status_code == status


def test_hostile_names_are_just_text(world: World, admin: Visitor) -> None:
    shown = admin.post(f"{BASE}/people", login=HOSTILE, name=HOSTILE, role="viewer").text
    page = f"{BASE}/people/{world.person(HOSTILE).person_id}"
    for text in (shown, *(admin.get(p).text for p in (f"{BASE}/people", page, f"{BASE}/deeds"))):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_a_role_holds_from_the_next_click_on(world: World, admin: Visitor) -> None:
    one = world.newcomer("cleo")
    page = f"{BASE}/people/{one.person_id}"
    answer = admin.post(f"{page}/role", page, role="approver")
    assert answer.headers["location"] == f"{page}?done=role"
    assert "The role is changed." in admin.get(f"{page}?done=role").text
    assert HOSTILE not in admin.get(f"{page}?done={HOSTILE}").text
    deed = world.last_deed()
    assert (deed.before, deed.after) == ({"role": "viewer"}, {"role": "approver"})
    assert admin.post(f"{page}/role", page, role="approver").status_code == 303
    assert world.last_deed() == deed


def test_the_last_admin_cannot_be_lost(world: World, admin: Visitor) -> None:
    me = world.person("admin")
    page, mine = f"{BASE}/people/{me.person_id}", f"{BASE}/account"
    assert "The last admin" in admin.get(page).text
    for path in ("role", "disable"):
        answer = admin.post(f"{page}/{path}", mine, role="viewer")
        assert answer.status_code == 409
        assert "make somebody else admin first" in answer.text.lower()
    assert world.person("admin").role is Role.ADMIN
    assert admin.post(f"{page}/reset", mine).status_code == 409
    assert world.person("admin").standing is Standing.ACTIVE


def test_somebody_is_shut_out_and_let_in_again(world: World, admin: Visitor) -> None:
    one = world.newcomer("dora")
    world.people.invite(one.person_id, "link-of-dora")
    page = f"{BASE}/people/{one.person_id}"
    with visiting(world.app) as dora:
        dora.post("/welcome/link-of-dora", password=PASSWORD)
        world.people.invite(one.person_id, "another-link-of-dora")
        assert "signed out everywhere at once" in admin.get(f"{page}/disable").text
        assert admin.post(f"{page}/disable", reason="has left").status_code == 303
        assert world.last_deed().reason == "has left"
        assert dora.get(f"{BASE}/account").status_code == 303
        assert dora.sign_in("dora").status_code == 401
        assert dora.get("/welcome/another-link-of-dora").status_code == 410
        shown = admin.post(f"{page}/reset")
        assert world.person("dora").standing is Standing.INVITED
        assert dora.sign_in("dora").status_code == 401
        link = LINK.search(shown.text)
        assert link
        assert dora.post(link[1], password="another pass phrase").status_code == 303
        assert dora.get(f"{BASE}/account").status_code == 200


def test_ones_own_password(world: World) -> None:
    one = world.newcomer("edda")
    world.people.invite(one.person_id, "link-of-edda")
    page, path = f"{BASE}/account", f"{BASE}/account/password"
    with visiting(world.app) as here, visiting(world.app) as there:
        here.post("/welcome/link-of-edda", password=PASSWORD)
        there.sign_in("edda")
        before = here.cookie("trueup_session")
        wrong = here.post(path, page, password="not mine", new="another pass phrase")
        assert wrong.status_code == 403
        poor = here.post(path, page, password=PASSWORD, new="short")
        assert poor.status_code == 400
        answer = here.post(path, page, password=PASSWORD, new="another pass phrase")
        assert answer.headers["location"] == f"{page}?done=password"
        assert here.get(page).status_code == 200
        assert here.cookie("trueup_session") != before
        assert there.get(page).status_code == 303
        there.sign_in("edda", "another pass phrase")
        assert here.get(page).text.count("Sign out everywhere else") == 1
        assert here.post(f"{page}/out", page).status_code == 303
        assert (here.get(page).status_code, there.get(page).status_code) == (200, 303)
        here.post(f"{page}/out", page, here="too")
        assert here.get(page).status_code == 303


def test_deeds_are_filtered_paged_and_exported(world: World) -> None:
    viewer = world.signed_in[Role.VIEWER]
    now = world.last_deed().at
    for number in range(120):
        deed = Deed(now, "Fay Example", "adopted", f"SKU-{number:03}", "default", reason="=1+1")
        world.people.note(deed)
    world.people.note(Deed(now, "Fay Example", "adopted", "SKU-X", "another-workspace"))
    first = viewer.get(f"{BASE}/deeds?who=Fay+Example")
    assert first.text.count(">adopted</td>") == 50
    assert "SKU-119" in first.text
    assert "SKU-X" not in first.text
    assert ">signed in</td>" not in first.text
    older = re.search(r'href="(/w/default/deeds\?[^"]*before=\d+)"', first.text)
    assert older
    second = viewer.get(older[1].replace("&amp;", "&")).text
    assert second.count(">adopted</td>") == 50
    assert "SKU-069" in second
    assert "Nobody did that" in viewer.get(f"{BASE}/deeds?subject=nothing").text
    assert viewer.get(f"{BASE}/deeds?before=x&subject=%00").status_code == 200
    sent = viewer.get(f"{BASE}/deeds.csv?action=adopted&who=Fay+Example")
    rows = list(csv.DictReader(io.StringIO(sent.text)))
    assert [row["subject"] for row in rows] == [f"SKU-{n:03}" for n in range(119, -1, -1)]
    assert rows[0]["reason"] == "'=1+1"
    assert "attachment" in sent.headers["content-disposition"]


def test_settings_show_everything_but_secrets(world: World) -> None:
    text = world.signed_in[Role.VIEWER].get(f"{BASE}/settings").text
    for known in ("zoho.client_secret", "rate.limit", "crm_product", "Product_Code", "sku"):
        assert known in text
    assert "invented" not in text


def test_health_says_what_is_missing_without_a_request(world: World) -> None:
    viewer, operator = world.signed_in[Role.VIEWER], world.signed_in[Role.OPERATOR]
    text = viewer.get(f"{BASE}/health").text
    for known in ("no worker is alive", "credentials", "ZOHO_REFRESH_TOKEN", "nightly", "0 of 90"):
        assert known in text
    assert text.count("<li><time") == 10
    assert "Ask Zoho too" not in text
    token = viewer.token(f"{BASE}/account")
    assert viewer.send(f"{BASE}/health/check", form_token=token).status_code == 403
    asked = operator.post(f"{BASE}/health/check", f"{BASE}/health")
    assert asked.status_code == 200
    assert "Something fails" in asked.text
    assert "what is needed for a token is not there yet" in asked.text
