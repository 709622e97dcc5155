"""The page of a local server, in a real Chromium: what somebody sees, types and presses."""

import json
import socket

import page_events as shop
import pytest
import requests
from browsers import BEYOND, Page
from local_servers import post
from page_events import send, several, user

from mpfluent import Batch, Retry, TransportError
from mpfluent.testing import LocalServer

pytestmark = pytest.mark.together("browser")


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


# What arrives


def test_rows_appear_while_the_page_is_open(server, page):
    page.open()
    assert "Nothing has arrived yet" in page.text("#empty")
    assert server.url in page.text("#empty")

    send(server, user().event("Searched", {"query": "teapot"}, type="search"))
    page.shows("Searched")
    send(server, user().screen_view("Home"))
    page.shows("Home", "Searched")

    assert not page.find("#empty").is_displayed()
    assert page.text("#live") == ""  # a screen reader does not read out each row
    row = page.text("#rows .row:last-child")
    cells = ["time", "environment", "user", "type", "name", "detail", "size", "verdict"]
    searched = {cell: page.all(f".c-{cell}")[1].text for cell in cells}
    assert {key: searched[key] for key in cells[1:6]} == {
        "environment": "dev",
        "user": "123",
        "type": "search",
        "name": "Searched",
        "detail": "query teapot",
    }
    assert searched["verdict"] == "ok"
    assert row


def test_the_summary_counts(server, page):
    page.open()

    send(server, user().event("A", type="other").event("B", type="other"))
    post(server, b"{")
    batch = user().event("C", type="other").with_source_request_id("same")
    send(server, batch)
    send(server, batch)

    def counted(name):
        return page.text(f"[data-count={name}] dd")

    page.until(lambda: counted("duplicates") == "1", "the duplicate is counted")
    page.until(lambda: counted("refused") == "1", "the refusal is counted")
    assert (counted("batches"), counted("events")) == ("2", "3")
    assert page.text("#limit") == "270"
    assert "now" in page.find("#plot").get_attribute("aria-label")


def test_a_refused_request_is_a_row_in_the_servers_words_with_its_body_as_it_came(server, page):
    body = b'{"environment": "development", "events": [{"event_type": "custom_event", '
    page.open()
    answer = post(server, body)
    page.shows("400 refused")

    words = answer.json()["errors"][0]["message"]
    assert words in page.text("#rows .c-detail")
    page.open_row("400 refused")
    shown = page.text("#tab-panel")
    assert words in shown
    assert body.decode() in shown
    assert "Basic …" in shown
    assert len(page.all("[role=tab]")) == 1


def test_a_batch_without_events_is_a_row(server, page):
    send(server, user(7, plan="pro"))
    page.open().shows("no events")

    page.open_row("no events")
    assert "pro" in page.text("#tab-panel")


# The filter


FILTERS = {
    "search": ["Search closed", "Searched"],
    "type:purchase": ["Cast-iron teapot"],
    "type:search": ["Searched"],
    "customer_id:123 type:purchase": ["Cast-iron teapot"],
    "user:45": ["Search closed"],
    'query:"tea pot"': ["Searched"],
    "query:tea*": ["Searched"],
    "plan:free": ["Search closed"],
    "PLAN:FREE": ["Search closed"],
    '"search c"': ["Search closed"],
    "total_amount:>50": ["Cast-iron teapot"],
    "total_amount:>100": [],
    "-type:purchase -verdict:refused": ["Search closed", "Searched"],
    "status:400": ["400 refused"],
}


def test_a_filter_shows_what_fits(server, page):
    several(server)
    page.open()
    page.until(lambda: len(page.names()) == 4, "all four rows")

    for expression, names in FILTERS.items():
        page.filter(expression)
        page.shows(*names)
        assert page.text("#shown") == f"{len(names)} of 4", expression


BROKEN = {
    "search plan:": "A value is missing after “plan:”: write plan:something",
    'search "tea': 'The quote at character 8 has no end: write "tea"',
    "search :pro": "A name is missing before “:”: write plan:pro",
    "search -": "A word is missing after “-”: write -type:screen_view",
    "search total_amount:>x": "“total_amount:>x” wants a number after >",
}


def test_a_broken_word_of_a_filter_is_named_and_left_out(server, page):
    several(server)
    page.open()
    page.until(lambda: len(page.names()) == 4, "all four rows")

    for expression, message in BROKEN.items():
        page.filter(expression)
        page.shows("Search closed", "Searched")
        page.until(lambda: message in page.text("#filter-message"), message)  # noqa: B023
        assert "this word is left out" in page.text("#filter-message")
        assert page.find("#filter").get_attribute("aria-invalid") == "true"
    page.filter("search")
    page.until(lambda: not page.find("#filter-message").is_displayed(), "the message goes")


def test_the_filter_holds_for_what_arrives_later(server, page):
    page.open("/?q=type:search")
    several(server)
    page.shows("Searched")

    page.filter("")
    page.until(lambda: len(page.names()) == 4, "all four rows")


def test_only_problems_leaves_what_is_wrong(server, page):
    several(server)
    page.open()
    page.until(lambda: len(page.names()) == 4, "all four rows")

    page.click(".check")

    page.shows("400 refused")


def test_the_address_holds_the_filter(driver, server, page):
    several(server)
    page.open()
    page.filter("customer_id:123 type:purchase")
    page.shows("Cast-iron teapot")
    page.click(".check")
    page.shows()
    held = "?q=customer_id%3A123+type%3Apurchase&problems=1"
    page.until(lambda: driver.current_url.endswith(held), "the address holds it")
    shared = driver.current_url.removeprefix(server.url)

    page.open(shared)

    assert page.find("#filter").get_attribute("value") == "customer_id:123 type:purchase"
    assert page.find("#problems").is_selected()
    page.until(lambda: page.text("#shown") == "0 of 4", "the filter holds")
    page.click("#empty button")
    page.until(lambda: len(page.names()) == 4, "all four rows")
    page.until(lambda: "?" not in driver.current_url, "the address holds no filter")


def test_only_this_user_is_a_button_of_the_panel(server, page):
    several(server)
    page.open()
    page.open_row("Search closed")

    page.click(".panel header .copy")

    page.shows("Search closed")
    assert page.find("#filter").get_attribute("value") == "customer_id:45"


# The panel


@pytest.fixture
def planned(driver):
    """A server with a data plan, and its page."""
    with LocalServer(data_plan=shop.plan()) as server:
        yield server, Page(driver, server.url)


def test_a_row_opens_with_all_that_is_known(planned):
    server, page = planned
    for batch in shop.visit(2):
        send(server, batch.with_source_request_id(f"visit-2-{batch.events[0].event_type}"))
    page.open().open_row("Searched")

    wrong = page.text(".has-wrong")
    assert wrong.startswith("results")
    assert "want number, got string" in wrong
    assert "none" in wrong
    assert "want number, got string" in page.tab("problems")
    batch = page.tab("batch")
    assert (
        json.loads(page.text("#tab-panel .code"))["events"][0]["data"]["event_name"] == "Searched"
    )
    assert '"customer_id": "77120"' in batch
    shown = page.tab("request")
    assert "POST /v2/events" in shown
    assert "202" in shown
    assert "content-type" in shown
    assert "Batch.for_user(" in page.tab("python")


def test_an_event_that_fell_out_of_memory_can_still_be_read(page_of_three):
    server, page = page_of_three
    send(server, user().event("Old", {"query": "teapot"}, type="other"))
    page.open().shows("Old")
    for number in range(4):
        send(server, user().event(f"New {number}", type="other"))
    page.until(lambda: page.text("[data-count=dropped] dd") == "2", "two fell out")

    page.open_row("Old")

    assert "teapot" in page.text("#tab-panel")
    assert "fell out" in page.text("#tab-panel .failed")
    assert "fell out" in page.tab("batch")
    page.errors()  # of the answers 404


@pytest.fixture
def page_of_three(driver):
    """A server that holds three events, and its page."""
    with LocalServer(max_events=3) as server:
        yield server, Page(driver, server.url)
        driver.get("about:blank")


def test_the_event_of_the_row_is_marked_in_its_batch(server, page):
    (batch,) = shop.many(100)
    send(server, batch)
    page.open()
    page.filter("number:70")
    page.open_row("Event 70")

    page.tab("batch")

    first = """const rest = document.createRange();
    rest.setStartAfter(document.querySelector(".here"));
    rest.setEndAfter(document.querySelector("#tab-panel .code"));
    return rest.toString().match(/"event_name": "(.*?)"/)[1]"""
    assert page.script(first) == "Event 70"
    assert page.script("return document.querySelector('#tab-panel').scrollTop") > 1_000


def test_the_open_row_is_still_the_chosen_one_when_a_filter_gives_it_back(server, page):
    several(server)
    page.open().open_row("Searched")

    page.filter("nothing like it")
    page.shows()
    page.filter("search")

    page.shows("Search closed", "Searched")
    chosen = page.text("#rows [aria-selected=true] .c-name")
    assert chosen == page.text("#panel-title") == "Searched"


def test_the_attempts_of_a_batch_are_listed(server, page):
    server.script(503, 503)
    retry = Retry(base=0.01, cap=0.02)
    send(server, user().event("Searched", type="search"), retry=retry)
    page.open().open_row("Searched")

    page.tab("request")

    assert [each.text[:3] for each in page.all(".attempts li")] == ["503", "503", "202"]


def test_each_part_can_be_copied(driver, server, page):
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    driver.execute_cdp_cmd("Browser.grantPermissions", {**permissions, "origin": server.url})
    body = {
        "environment": "development",
        "user_identities": {"customer_id": "1"},
        "events": [
            {
                "event_type": "custom_event",
                "data": {
                    "event_name": "Big",
                    "custom_event_type": "other",
                    "custom_attributes": {"number": BEYOND, "price": 1.5},
                },
            }
        ],
    }
    post(server, body)
    page.open().open_row("Big")

    assert json.loads(page.copied("#tab-panel .copy")) == body["events"][0]["data"]
    page.tab("batch")
    batch = json.loads(page.copied("#tab-panel .copy"))
    assert batch["events"] == body["events"]
    page.tab("python")
    built = eval(page.copied("#tab-panel .copy"), {"Batch": Batch})
    assert built.to_dict() == body
    page.tab("request")
    assert "POST /v2/events" in page.copied("#tab-panel .copy")
    page.click("#address")
    page.until(lambda: page.text("#address") == "Copied", "it is seen that it is copied")
    assert page.text("#live") == "Copied the address"
    assert page.asynchronous("return navigator.clipboard.readText()") == server.url


# Buttons


def test_clear_begins_anew(server, page):
    several(server)
    page.open()
    page.until(lambda: len(page.names()) == 4, "all four rows")

    page.click("#clear")
    assert page.text("#clear") == "Forget 4 rows?"
    assert len(page.names()) == 4
    page.click("#clear")

    page.shows()
    page.until(lambda: page.text("[data-count=events] dd") == "0", "the counts begin anew")
    assert page.text("#clear") == "Clear"
    send(server, user().event("After", type="other"))
    page.shows("After")


def test_a_pause_holds_the_table_and_counts_what_waits(server, page):
    page.open()
    send(server, user().event("Before", type="other"))
    page.shows("Before")
    page.click("#pause")

    send(server, user().event("Meanwhile", type="other"))

    page.until(lambda: page.text("#shown") == "1 row, 1 new", "one waits")
    assert page.text("#pause") == "Resume"
    assert page.text("#connection-text") == "Paused"
    assert page.names() == ["Before"]
    assert page.find("#pause").get_attribute("aria-pressed") == "true"
    page.click("#pause")
    page.shows("Meanwhile", "Before")
    assert page.text("#connection-text") == "Live"


def test_the_next_requests_can_be_made_to_fail(server, page):
    page.open()
    page.click("#faults")
    page.find("#fault-times").clear()
    page.find("#fault-times").send_keys("2")
    page.click("#fault-dialog [type=submit]")
    page.until(lambda: page.text("#faults") == "Faults: 2", "two wait")

    answers = [post(server, {}).status_code for _ in range(2)]

    assert answers == [503, 503]
    page.until(lambda: page.text("#faults") == "Faults", "none waits")
    page.click("#faults")
    page.click("#fault-dialog [value=throttled]")
    page.find("#fault-times").clear()
    page.find("#fault-times").send_keys("1")
    page.find("#fault-seconds").clear()
    page.find("#fault-seconds").send_keys("7")
    page.click("#fault-dialog [type=submit]")
    page.until(lambda: page.text("#faults") == "Faults: 1", "one waits")
    answer = post(server, {})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("fault", ["reset", "lost", "hang"])
def test_a_connection_can_be_made_to_break(server, page, fault):
    page.open()
    page.click("#faults")
    page.click(f"#fault-dialog [value={fault}]")
    if fault == "hang":
        page.find("#fault-seconds").clear()
        page.find("#fault-seconds").send_keys("0")
    page.click("#fault-dialog [type=submit]")
    page.until(lambda: page.text("#faults") == "Faults: 1", "one waits")

    with pytest.raises(TransportError):
        send(server, user().event("Searched", type="search"))

    page.until(lambda: page.text("#faults") == "Faults", "none waits")


def test_faults_that_wait_can_be_taken_back(server, page):
    page.open()
    page.click("#faults")
    page.click("#fault-dialog [type=submit]")
    page.until(lambda: page.text("#faults") == "Faults: 1", "one waits")

    page.click("#faults")
    page.until(lambda: page.script(f"return !{TAKE_BACK}.hidden"), "a button")
    page.script(f"{TAKE_BACK}.click()")

    page.until(lambda: page.text("#faults") == "Faults", "none waits")
    page.keys("\ue00c")


TAKE_BACK = (
    "[...document.querySelectorAll('#fault-dialog button')]"
    ".find((button) => button.textContent === 'Cancel the faults')"
)


def test_what_is_shown_is_exported_as_json_lines(driver, server, page, tmp_path):
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    several(server)
    send(server, user().event("Search of all", {"number": BEYOND}, type="other"))
    page.open("/?q=search")
    page.until(lambda: len(page.names()) == 3, "three rows")

    page.click("#export")

    file = tmp_path / "mpfluent-events.jsonl"
    page.until(lambda: file.exists() and file.read_text().count("\n") == 3, "the file is there")
    exported = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["name"] for row in exported] == ["Searched", "Search closed", "Search of all"]
    assert exported[2]["data"]["custom_attributes"] == {"number": BEYOND}


# The connection


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_it_connects_again_by_itself_and_a_new_server_begins_anew(driver):
    port = free_port()
    with LocalServer(port=port) as server:
        page = Page(driver, server.url)
        send(server, user().event("Before", type="other"))
        page.open().shows("Before")
    page.until(lambda: page.text("#connection-text") == "Reconnecting", "the server is gone")
    assert page.text("#lost").startswith(f"No answer from 127.0.0.1:{port}. Start mpfluent serve")
    assert page.names() == ["Before"]

    with LocalServer(port=port) as server:
        page.until(lambda: page.text("#connection-text") == "Live", "it is there again")
        send(server, user().event("After", type="other"))
        page.shows("After")
        assert not page.find("#lost").is_displayed()
    driver.get("about:blank")
    page.errors()  # those of the refused connections


def look_away(page, away):
    """Let the page believe that it is in the background."""
    hidden = "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
    page.script(f"{hidden} document.dispatchEvent(new Event('visibilitychange'))", away)


def test_without_a_server_an_empty_page_does_not_say_that_it_waits_for_events(driver):
    with LocalServer() as server:
        page = Page(driver, server.url).open()
        assert "Nothing has arrived yet" in page.text("#empty")

    page.until(lambda: page.find("#lost").is_displayed(), "the server is gone")

    assert page.text("#empty") == ""
    driver.get("about:blank")
    page.errors()  # those of the refused connections


def test_a_page_in_the_background_sleeps_and_goes_on_where_it_was(server, page):
    send(server, user().event("Before", type="other"))
    page.open().shows("Before")

    look_away(page, True)
    page.until(lambda: page.text("#connection-text") == "Asleep", "nobody sees the page")
    send(server, user().event("Meanwhile", type="other"))
    look_away(page, False)

    page.shows("Meanwhile", "Before")


def test_a_page_that_slept_while_all_was_cleared_begins_anew(server, page):
    send(server, user().event("Before", type="other"))
    page.open().shows("Before")

    look_away(page, True)
    assert requests.delete(f"{server.url}/_mpfluent/events", timeout=30).status_code == 200
    send(server, user().event("After", type="other"))
    look_away(page, False)

    page.shows("After")


def test_a_server_that_wants_a_token_is_asked_for_it(driver):
    with LocalServer(token="s3cret") as server:
        send(server, user().event("Secret", type="other"))
        page = Page(driver, server.url)
        driver.get(server.url)
        page.until(lambda: page.all("#token-dialog[open]"), "the page asks")
        assert page.names() == []

        page.find("#token").send_keys("s3cret")
        page.click("#token-dialog [type=submit]")

        page.shows("Secret")
        page.open_row("Secret")
        assert "Secret" in page.tab("batch")
        page.open().shows("Secret")
        driver.get("about:blank")
        page.errors()  # those of the refused requests


def test_a_token_in_the_address_is_taken_out_of_it(driver):
    with LocalServer(token="s3cret") as server:
        send(server, user().event("Secret", type="other"))
        page = Page(driver, server.url)
        page.errors()  # of another test
        page.open("/?token=s3cret&q=secret")

        page.shows("Secret")

        assert driver.current_url == f"{server.url}/?q=secret"
        assert page.errors() == []
        driver.get("about:blank")
