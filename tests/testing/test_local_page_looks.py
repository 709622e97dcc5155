"""How the page of a local server looks, and how it is used without eyes, or without a mouse."""

import os
from pathlib import Path

import page_events as shop
import pytest
from browsers import Page
from local_servers import post
from page_events import send, several, user

from mpfluent.testing import LocalServer

pytestmark = pytest.mark.together("browser")

ROOT = Path(__file__).parents[2]
PORTRAIT = (360, 740)
PICTURE = (1220, 720)  # as large as it can still be read in the README, with two pixels for one


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def test_the_keyboard_alone_is_enough(server, page):
    several(server)
    page.open()
    page.until(lambda: len(page.names()) == 4, "all four rows")

    up, down, enter, escape, right = "\ue013", "\ue015", "\ue007", "\ue00c", "\ue014"
    page.keys("/")
    assert page.focused() == "filter"
    page.keys("search", enter)
    page.shows("Search closed", "Searched")
    assert page.focused() == "grid"
    page.keys(down)

    def active():
        id = page.find("#grid").get_attribute("aria-activedescendant")
        return id and page.text(f"#{id} .c-name")

    page.until(lambda: active() == "Searched", "the second row")
    page.keys(up)
    page.until(lambda: active() == "Search closed", "the first row")
    page.keys(enter)
    page.until(lambda: page.text("#panel-title") == "Search closed", "the panel")
    assert page.focused() == "tab-event"
    page.keys(right)
    page.until(lambda: page.focused() == "tab-batch", "the next tab")
    page.until(lambda: '"Search closed"' in page.text("#tab-panel"), "the batch")
    page.keys(down)
    page.until(lambda: page.text("#panel-title") == "Searched", "the next row")
    assert page.focused() == "tab-batch"
    page.keys(escape)
    page.until(lambda: not page.find("#panel").is_displayed(), "the panel is closed")
    assert page.focused() == "grid"
    ring = "return getComputedStyle(document.querySelector('.list'), '::after').borderTopStyle"
    assert page.script(ring) == "solid"  # over the rows, which would cover an outline
    page.keys("/", escape)
    page.until(lambda: len(page.names()) == 4, "the filter is gone")


def luminance(page, selector):
    """Return how light a background is, from 0 to 255."""
    colour = page.script(
        "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor", selector
    )
    return sum(map(int, colour.strip("rgb()").split(",")[:3])) / 3


def test_it_is_dark_or_light_as_the_system_or_the_switch_says(server, page):
    page.prefers("dark")
    page.open()
    assert luminance(page, "body") < 60

    page.click("#theme label:nth-of-type(2)")
    assert luminance(page, "body") > 200
    page.open()
    assert luminance(page, "body") > 200
    page.click("#theme label:nth-of-type(3)")
    page.prefers("light")
    assert luminance(page, "body") < 60
    page.click("#theme label:nth-of-type(1)")
    assert luminance(page, "body") > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_360_pixels(server, page, scheme):
    page.size(*PORTRAIT, mobile=True)
    page.prefers(scheme)
    several(server)
    send(server, user("x" * 200).event("y" * 200, {"z" * 200: "z" * 800}, type="other"))
    page.open()
    page.until(lambda: len(page.names()) == 5, "all rows")

    def width():
        return page.script("return document.documentElement.scrollWidth")

    assert width() == PORTRAIT[0]
    for row in page.all("#rows .row"):
        assert row.rect["height"] == 50
    page.click("#filter-help")
    assert width() == PORTRAIT[0]
    page.click("#filter-help")
    page.open_row("y" * 200)
    assert width() == PORTRAIT[0]
    assert page.focused() == "tab-event"  # and nowhere behind the panel
    assert page.script("return document.querySelector('.list').inert") is True
    for name in ("event", "batch", "problems", "request", "python"):
        page.tab(name)
        panel = page.find("#panel").rect
        assert (panel["x"], panel["width"]) == (0, PORTRAIT[0])
        assert width() == PORTRAIT[0]
    page.click("[aria-label=Close]")
    assert page.focused() == "grid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_check_of_accessibility_finds_nothing_serious(server, page, scheme):
    source = os.environ.get("MPFLUENT_AXE")
    if source is None:
        pytest.skip("MPFLUENT_AXE is not set to the axe.min.js of the npm package axe-core")
    page.prefers(scheme)

    def serious():
        page.script(Path(source).read_text(encoding="utf-8"))
        found = page.asynchronous("return (await axe.run()).violations")
        return [
            (each["id"], each["impact"], [node["html"][:200] for node in each["nodes"]][:3])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    page.open()
    assert serious() == []
    several(server)
    page.until(lambda: len(page.names()) == 4, "all four rows")
    page.filter("plan:")
    page.click("#filter-help")
    page.open_row("Searched")
    for name in ("event", "batch", "problems", "request", "python"):
        page.tab(name)
        assert serious() == [], name
    page.open_row("400 refused")
    assert serious() == []
    page.click("#faults")
    assert serious() == []
    page.keys("\ue00c")


def test_a_picture_of_the_page(driver, tmp_path):
    """``MPFLUENT_SCREENSHOT=docs/screenshot.png`` writes the picture that the README shows."""
    wanted = os.environ.get("MPFLUENT_SCREENSHOT")
    file = ROOT / wanted if wanted else tmp_path / "screenshot.png"
    with LocalServer(data_plan=shop.plan(), port=9090 if wanted else 0) as server:
        page = Page(driver, server.url)
        page.size(*PICTURE, scale=2)
        page.open()
        for second in range(50 if wanted else 1):  # the plot has one value a second
            before = page.find("#plot .line").get_attribute("d")
            for number in range(1 + (second * 7) % 4 + (second * 5) % 3):
                send(server, shop.session(number % 2))
            page.until(lambda: page.find("#plot .line").get_attribute("d") != before, "a second")  # noqa: B023
        first, *others = shop.visit(3)
        send(server, first)
        post(server, {"environment": "staging", "events": [{"data": {}}]})
        send(server, *others, *shop.visit(2))
        page.until(lambda: page.text("[data-count=violations] dd") == "1", "all are counted")
        page.until(lambda: page.text(".is-violation .c-name") == "Searched", "all are there")
        page.open_row("Searched")
        page.click("#shown")  # so that no row is under the mouse
        page.until(lambda: "400 refused" in page.names(), "what was refused is in sight")

        assert all("EUR" in each.text for each in page.all("#rows .c-detail")[:3])
        assert driver.save_screenshot(str(file))

        driver.get("about:blank")
        page.errors()
    assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(file.read_bytes()[16:20]) == 2 * PICTURE[0]
    assert file.stat().st_size < 500_000
