"""The page of a local server with much on it, and with what others made up to harm it."""

import json

import pytest
from browsers import BEYOND, Page
from local_servers import post
from page_events import many, send

from mpfluent.testing import LocalServer

pytestmark = pytest.mark.together("browser")


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def test_five_thousand_events_stay_a_few_elements(server, page):
    send(server, *many(5_000))
    page.open()
    page.until(lambda: page.text("#shown") == "5\u202f000 rows", "all are there")
    page.until(lambda: page.names()[:1] == ["Event 4999"], "the newest is on top")

    frames = page.asynchronous(SCROLL)

    print("\nmilliseconds of a frame, while 5 000 rows scroll:", frames)
    assert page.names()[-1:] == ["Event 0"]
    assert len(page.all("#rows .row")) < 100
    filtering = page.asynchronous(FILTER_TIME)
    print("milliseconds to filter them by an attribute:", filtering)
    page.shows("Event 4321")
    send(server, *many(100, first=5_000))
    page.until(lambda: page.text("#shown") == "1 of 5\u202f100", "more comes")


SCROLL = """
const grid = document.getElementById("grid");
const times = [];
let before = await new Promise(requestAnimationFrame);
for (let step = 0; step <= 60; step++) {
  grid.scrollTop = (grid.scrollHeight - grid.clientHeight) * step / 60;
  const now = await new Promise(requestAnimationFrame);
  times.push(now - before);
  before = now;
}
await new Promise(requestAnimationFrame);
times.sort((a, b) => a - b);
return {median: Math.round(times[30]), worst: Math.round(times[60])};
"""

FILTER_TIME = """
const box = document.getElementById("filter");
const begin = performance.now();
box.value = "number:4321";
box.dispatchEvent(new Event("input"));
return Math.round(performance.now() - begin);
"""


def test_rows_that_come_on_top_do_not_move_what_is_read(server, page):
    send(server, *many(300))
    page.open()
    page.until(lambda: page.names()[:1] == ["Event 299"], "the newest is on top")
    page.script("document.getElementById('grid').scrollTop = 3200")
    page.until(lambda: "Event 190" in page.names(), "a row in the middle")
    place = f"return {ROW_190}.getBoundingClientRect().top"
    before = page.script(place)

    send(server, *many(100, first=300))

    page.until(lambda: page.text("#newest") == "↑ 100 new", "what came is counted")
    assert page.script(place) == before
    page.click("#newest")
    page.until(lambda: page.names()[:1] == ["Event 399"], "the newest is on top")
    assert not page.find("#newest").is_displayed()


ROW_190 = (
    "[...document.querySelectorAll('#rows .row')]"
    ".find((row) => row.querySelector('.c-name').textContent === 'Event 190')"
)


def test_a_hostile_batch_is_text(server, page):
    script = "<script>window.broken = 1</script>"
    attributes = {f"k{number}": 7 for number in range(10_000)}
    hostile = {
        "<img src=x onerror='window.broken = 1'>": "<b>bold</b>",
        "__proto__": "polluted",
        "arabic": "مرحبا بالعالم",
        "overriding": "safe \u202egnp.exe",
        "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈",
        "nul": "a\u0000b",
        "surrogate": "\ud800",
        "beyond": BEYOND,
        "long": 123456789012345678901234567890,
        "exact": 1.10,
    }
    text = json.dumps(
        {
            "environment": "development",
            "user_identities": {"customer_id": script},
            "user_attributes": {script: script},
            "events": [
                {
                    "event_type": "custom_event",
                    "data": {
                        "event_name": script,
                        "custom_event_type": "other",
                        "custom_attributes": {**hostile, **attributes},
                    },
                }
            ],
        },
        separators=(",", ":"),
    ).replace('"exact":1.1,', '"exact":1.10,')
    answer = post(server, text.encode())
    assert answer.status_code == 202, answer.text
    page.open().open_row(script)

    shown = page.text("#tab-panel")
    for part in (
        "<b>bold</b>",
        "__proto__",
        "مرحبا بالعالم",
        "👩‍👩‍👧‍👦",
        "a⟨U+0000⟩b",
        "safe ⟨U+202E⟩gnp",
    ):
        assert part in shown
    assert f"{BEYOND}" in shown
    assert "123456789012345678901234567890" in shown
    assert "k9999" not in shown
    page.click(".fields button")
    page.until(lambda: "k9999" in page.text("#tab-panel"), "all attributes")
    batch = page.tab("batch")
    assert f'"beyond": {BEYOND}' in batch
    assert '"exact": 1.10,' in batch
    assert '"long": 123456789012345678901234567890' in batch
    assert '"k9999": 7' in batch
    page.tab("python")
    page.tab("request")
    page.filter("overriding:safe*")
    page.shows(script)
    assert page.script("return window.broken ?? null") is None
    assert page.script("return ({}).polluted ?? null") is None
    assert page.all("#panel img, #rows img, #panel script, #rows script, #panel b") == []


def test_a_page_that_missed_rows_says_how_many(driver):
    with LocalServer(max_events=300) as server:
        page = Page(driver, server.url).open()
        hidden = (
            "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
        )
        change = hidden + "document.dispatchEvent(new Event('visibilitychange'))"
        send(server, *many(100))
        page.until(lambda: page.names()[:1] == ["Event 99"], "the page reads")
        page.script(change, True)
        send(server, *many(500, first=100))

        page.script(change, False)

        page.until(lambda: page.names()[:1] == ["Event 599"], "the page reads again")
        words = "200 rows left the server's memory before this page had read them."
        assert page.text("#notices p").startswith(words)
        page.click("#notices button")
        assert page.text("#notices p") is None
        driver.get("about:blank")
