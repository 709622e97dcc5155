"""How the page of a local server leads somebody who has not seen it before."""

import page_events as shop
import pytest
from browsers import Page
from local_servers import post
from page_events import TEAPOT, send, several, user

from mpfluent import Batch, Product, Retry
from mpfluent.testing import LocalServer

pytestmark = pytest.mark.together("browser")

ESCAPE, PAGE_DOWN = "\ue00c", "\ue00f"


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def planned(driver):
    """A server with a data plan, a visit that is not all as planned, and its page."""
    with LocalServer(data_plan=shop.plan()) as server:
        send(server, *shop.visit(2))
        post(server, b"{")
        yield server, Page(driver, server.url).open()
        driver.get("about:blank")


# The table


def test_a_row_says_what_it_can_of_its_event(server, page):
    cup = Product("sku-3", "Porcelain cup", price=8.5)
    send(server, user().session_start(), user().purchase(cup, total_amount=48))
    page.open()

    page.shows("Porcelain cup", "session start")
    assert "total 48" in page.text("#rows .row:first-child .c-detail, #rows .c-detail")


def test_a_cell_that_is_cut_has_a_title_with_its_text(server, page):
    from selenium.webdriver import ActionChains

    send(
        server, user().event("A rather long name " * 12, type="other").event("Short", type="other")
    )
    page.open()
    page.until(lambda: len(page.all("#rows .c-name")) == 2, "both rows")

    short, long = page.all("#rows .c-name")
    for cell in (short, long):
        ActionChains(page.driver).move_to_element(cell).perform()

    page.until(lambda: long.get_attribute("title").startswith("A rather long"), "a title")
    assert short.get_attribute("title") == ""


def test_only_what_was_refused_has_another_background(planned):
    _, page = planned
    page.until(lambda: len(page.names()) == 7, "all rows")

    def backgrounds(verdict):
        return page.script(
            "return [...new Set([...document.querySelectorAll('#rows .is-' + arguments[0])]"
            ".map((row) => getComputedStyle(row).backgroundColor))]",
            verdict,
        )

    assert backgrounds("violation") == backgrounds("ok") == ["rgba(0, 0, 0, 0)"]
    assert backgrounds("refused") != ["rgba(0, 0, 0, 0)"]


def test_a_counter_leads_to_its_rows(planned):
    _, page = planned
    page.until(lambda: page.text("[data-count=refused] dd") == "1", "it is counted")

    page.click("[data-count=refused] button")
    page.shows("400 refused")
    assert page.find("#filter").get_attribute("value") == "verdict:refused"
    page.click("[data-count=violations] button")
    page.shows("Searched")

    assert not page.find("[data-count=duplicates] button").is_enabled()
    assert "mParticle would cut" in page.find("[data-count=problems] button").get_attribute("title")


def test_what_goes_on_after_a_pause_does_not_move_what_is_read(server, page):
    send(server, user().event("Read", type="other"))
    page.open().open_row("Read")
    page.click("#pause")
    send(server, *(user().event(f"New {number}", type="other") for number in range(50)))
    page.until(lambda: page.text("#shown") == "1 row, 50 new", "they wait")

    page.click("#pause")

    page.until(lambda: page.text("#newest") == "↑ 50 new", "they are above")
    assert page.find("#newest").is_displayed()
    page.click("#newest")
    page.until(lambda: page.names()[:1] == ["New 49"], "the newest")


def test_clear_is_called_off_by_going_elsewhere(server, page):
    several(server)
    page.open()
    page.until(lambda: len(page.names()) == 4, "all four rows")

    page.click("#clear")
    page.click("#filter")

    assert page.text("#clear") == "Clear"
    page.click("#clear")
    assert page.text("#clear") == "Forget 4 rows?"
    assert len(page.names()) == 4


def test_an_empty_page_says_that_a_filter_holds(server, page):
    page.open("/?q=customer_id:77120")

    assert "if they fit the filter" in page.text("#empty")
    page.click("#empty > p button")

    assert "if they fit the filter" not in page.text("#empty")
    assert page.find("#filter").get_attribute("value") == ""


@pytest.mark.parametrize("width", [1440, 1024, 768])
def test_the_first_lines_to_try_are_not_cut(server, page, width):
    page.size(width, 900)
    page.open()
    page.until(lambda: len(page.all("#empty .code")) == 2, "both examples")

    for code in page.all("#empty .code"):
        assert page.script("return arguments[0].scrollWidth - arguments[0].clientWidth", code) <= 0


# The panel


def test_a_path_of_a_finding_leads_to_the_field(planned):
    _, page = planned
    page.open_row("Searched")
    page.tab("problems")

    assert page.text(".wrongs button") == "data.custom_attributes.results"
    page.click(".wrongs button")

    page.until(lambda: page.text(".aimed th") == "results", "the field")
    assert page.focused() == "tab-event"


def test_what_is_about_the_whole_event_has_no_path(planned):
    server, page = planned
    send(server, user(1, rank="new").event("Unplanned", type="other"))
    page.open_row("Unplanned")
    page.tab("problems")

    paths = [each.text for each in page.all(".wrongs button")]
    assert [path for path in paths if "#" in path or not path] == []
    assert len(paths) < len(page.all(".wrongs li"))


def test_a_tab_never_shows_what_another_tab_had(server, page):
    several(server)
    page.open().open_row("Searched")
    page.script(
        "const real = window.fetch;"
        "window.fetch = (...all) =>"
        " new Promise((go) => { window.go = () => go(real(...all)); });"
    )

    page.click("#tab-request")

    assert page.text("#tab-panel") in ("", "Loading …")
    page.until(lambda: page.text("#tab-panel") == "Loading …", "a word")
    page.script("window.go()")
    page.until(lambda: "POST /v2/events" in page.text("#tab-panel"), "the request")


def test_an_attempt_leads_to_its_row(server, page):
    server.script(503)
    retry = Retry(base=0.01, cap=0.02)
    send(server, user().event("Searched", type="search"), retry=retry)
    page.open().open_row("Searched")
    page.tab("request")

    page.click(".attempts button")

    page.until(lambda: page.text("#panel-title") == "503 refused", "the first attempt")


def test_an_open_row_says_that_the_filter_hides_it(server, page):
    several(server)
    page.open().open_row("Searched")
    assert page.text(".hint") == ""

    page.filter("nothing like it")
    page.until(lambda: page.text(".hint") == "The filter hides this row", "a hint")

    page.filter("searched")
    page.until(lambda: page.text(".hint") == "", "it is there again")


def test_the_python_says_that_null_is_left_out(server, page):
    def event(name, attributes):
        data = {"event_name": name, "custom_event_type": "other", "custom_attributes": attributes}
        return {"event_type": "custom_event", "data": data}

    shared = {"environment": "development", "user_attributes": {"vip": None}}
    post(server, {**shared, "events": [event("Null", {"plan": None, "seats": 3})]})
    post(server, {**shared, "events": [event("Full", {"seats": 3})]})
    page.open().open_row("Null")

    said = "A field that is null is not set, so the Python leaves it out."
    assert said in page.tab("python")
    page.open_row("Full")
    assert said not in page.text("#tab-panel")


def test_page_down_on_a_tab_scrolls_the_panel(server, page):
    attributes = {f"k{number}": number for number in range(90)}
    send(server, user().event("Long", attributes, type="other"))
    page.open().open_row("Long")

    page.click("#tab-event")
    page.until(page.is_filled, "the event")
    page.keys(PAGE_DOWN)

    page.until(
        lambda: page.script("return document.querySelector('#tab-panel').scrollTop") > 100,
        "it scrolls",
    )


def test_an_address_is_read_from_the_left_whatever_its_letters_are(server, page):
    send(server, Batch.for_user(email="مرحبا@example.com").event("Arabic", type="other"))
    page.open().open_row("Arabic")

    direction = "return getComputedStyle(document.querySelector(arguments[0])).direction"
    assert page.script(direction, ".user_identities td bdi") == "ltr"
    assert page.script(direction, "#rows .c-user bdi") == "ltr"


# Faults


def test_the_dialog_of_faults_says_what_waits_and_begins_at_the_choice(server, page):
    page.open()
    page.click("#faults")
    assert page.text("#fault-dialog [type=submit]") == "Make it fail"
    page.click("#fault-dialog [value=throttled]")
    below = "return document.querySelector('[value=throttled]').parentElement.nextElementSibling.id"
    assert page.script(below.replace(".id", ".htmlFor")) == "fault-seconds"
    page.find("#fault-times").clear()
    page.find("#fault-times").send_keys("2")
    assert page.text("#fault-dialog [type=submit]") == "Make them fail"
    page.click("#fault-dialog [type=submit]")
    page.until(lambda: page.text("#faults") == "Faults: 2", "two wait")

    page.click("#faults")

    waiting = "#fault-dialog [role=status]"
    page.until(
        lambda: page.text(waiting) == "2 requests will fail; the next gets 429", "what waits"
    )
    assert page.script("return document.activeElement.value") == "throttled"
    page.keys(ESCAPE)


def test_faults_that_others_set_are_counted_only(server, page):
    server.script(503)
    page.open()
    page.until(lambda: page.text("#faults") == "Faults: 1", "one waits")

    page.click("#faults")

    waiting = "#fault-dialog [role=status]"
    page.until(lambda: page.text(waiting) == "1 request will fail", "what waits")
    page.keys(ESCAPE)


# Sizes


@pytest.mark.parametrize("width", [1440, 1280, 1024, 768, 360])
def test_every_width_shows_the_interesting_part(server, page, width):
    page.size(width, 800, mobile=width == 360)
    send(server, user().purchase(TEAPOT, total_amount=73, currency_code="EUR"))
    post(server, b"{")
    page.open()
    page.until(lambda: len(page.names()) == 2, "both rows")
    if width > 360:
        page.open_row("Cast-iron teapot")

    def details():
        return [(cell.text, cell.rect["width"]) for cell in page.all("#rows .c-detail")]

    # again and again: rows are made anew when the table gets narrower
    (refused, first), (bought, second) = page.until(
        lambda: len(found := details()) == 2 and found, "both details"
    )
    assert "not JSON" in refused
    assert "73 EUR" in bought
    assert min(first, second) > 40


@pytest.mark.parametrize("width", [1440, 1280, 1024, 768])
def test_the_panel_stands_beside_the_table_and_covers_nothing(server, page, width):
    page.size(width, 800)
    several(server)
    page.open().open_row("Searched")

    table, panel = page.find(".list").rect, page.find("#panel").rect
    assert table["x"] + table["width"] <= panel["x"]
    assert table["width"] >= 340
    assert panel["width"] >= 340
    assert panel["x"] + panel["width"] <= width
    assert panel["y"] >= page.find(".bar").rect["y"] + page.find(".bar").rect["height"]
    page.filter("search")
    page.shows("Search closed", "Searched")
    page.open_row("Search closed")


def test_on_a_phone_the_table_begins_early_and_the_page_does_not_scroll(server, page):
    page.size(360, 740, mobile=True)
    send(server, *shop.many(100))
    page.open()
    page.until(lambda: page.names()[:1] == ["Event 99"], "the rows")

    assert page.find(".list").rect["y"] < 240
    assert page.script("return document.documentElement.scrollHeight") == 740
    assert not page.find("[data-count=problems]").is_displayed()
    page.click("#filter-help")
    assert page.find(".list").rect["y"] < 240
    page.click("#help-close")
    assert not page.find("#help").is_displayed()
