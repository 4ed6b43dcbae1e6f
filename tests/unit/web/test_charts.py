"""Charts say in words what they show, and draw it to scale."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from trueup.web.ui.charts import Mark, bars, gauge, line

HOSTILE = '"><script>alert(1)</script>&'


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 (our own markup)


def tall(image: ET.Element) -> list[float]:
    return [float(one.attrib["height"]) for one in image.iter("rect") if "y" in one.attrib]


def test_bars_are_to_scale_and_have_titles() -> None:
    marks = [Mark(2, "two", "good"), Mark(None, "no run"), Mark(4, "four"), Mark(0, "nothing")]
    image = drawn(bars(marks, "four nights", height=44))
    assert image.attrib["role"] == "img"
    assert image.attrib["aria-label"] == "four nights"
    assert [one.text for one in image.iter("title")] == ["two", "no run", "four", "nothing"]
    assert tall(image) == [20, 40, 1]


def test_what_is_little_is_not_nothing() -> None:
    image = drawn(bars([Mark(1, "one"), Mark(1_000_000, "a million")], "two"))
    assert tall(image)[0] > 1


def test_a_line_is_broken_where_there_is_nothing() -> None:
    marks = [Mark(0, "a"), Mark(1, "b"), Mark(None, "c"), Mark(0.5, "d")]
    image = drawn(line(marks, "text", height=46))
    points = [one.attrib["points"] for one in image.iter("polyline")]
    assert points == ["35,44 45,4", "65,24"]
    assert [one.attrib["cy"] for one in image.iter("circle")] == ["44", "4", "24"]


@pytest.mark.parametrize(
    ("used", "limit", "width", "mood"),
    [(0, 90, 0, "good"), (45, 90, 120, "good"), (90, 90, 240, "warn"), (95, 90, 240, "warn"),
     (1, 0, 1.5, "good"), (1, 100_000, 1.5, "good")],
)  # fmt: skip
def test_a_gauge_fills(used: float, limit: float, width: float, mood: str) -> None:
    _, full = drawn(gauge(used, limit, "so much")).iter("rect")
    assert (float(full.attrib["width"]), full.attrib["class"]) == (width, mood)


def test_a_gauge_that_is_meant_to_be_full_does_not_warn() -> None:
    _, full = drawn(gauge(90, 90, "so much", warns=False)).iter("rect")
    assert full.attrib["class"] == "good"


@pytest.mark.parametrize("draw", [bars, line])
def test_hostile_words_stay_words(draw: object) -> None:
    image = drawn((bars if draw is bars else line)([Mark(1, HOSTILE)], HOSTILE))
    assert image.attrib["aria-label"] == HOSTILE
    assert [one.text for one in image.iter("title")] == [HOSTILE]
    assert not list(image.iter("script"))


def test_nothing_to_draw_is_still_an_image() -> None:
    assert drawn(bars([], "no night yet")).attrib["aria-label"] == "no night yet"
    assert drawn(line([], "no night yet")).attrib["aria-label"] == "no night yet"


@pytest.mark.parametrize("shape", [bars, line])
@pytest.mark.parametrize("number", [0, 1, 2, 400])
def test_few_and_many_stand_within_the_image_and_the_newest_at_the_right(
    shape: Callable[..., Markup], number: int
) -> None:
    image = drawn(shape([Mark(1, str(one)) for one in range(number)], "all of them"))
    width = float(image.attrib["viewBox"].split()[2])
    assert [one.text for one in image.iter("title")] == [str(one) for one in range(number)]
    rights = [float(one.attrib["x"]) + float(one.attrib["width"]) for one in image.iter("rect")]
    rights += [float(one.attrib["cx"]) + 5 for one in image.iter("circle")]
    assert all(0 < right <= width for right in rights)
    assert max(rights, default=width) == width
