"""What people see of a batch: at a prompt, in a notebook, before sending, beside another."""

import io
import json
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given
from internals import differences
from IPython.core.formatters import DisplayFormatter
from IPython.lib.pretty import pretty

from mpfluent import (
    AppEvent,
    Batch,
    BreadcrumbEvent,
    Client,
    DeliveryError,
    InvalidBatch,
    InvalidValue,
    Product,
    RecordingTransport,
    Session,
    TooLarge,
)
from mpfluent.testing import LocalServer
from mpfluent.testing.strategies import batches

AT = "2026-11-23T10:15:00Z"
SCRIPT = "<script>alert('x')</script>"
SHOPPER = (
    Batch.for_user(customer_id="123456", email="user@example.com")
    .with_environment("development")
    .with_device(platform="iOS", os_version="26.1")
)

# At a prompt


def test_a_batch_shows_who_where_how_much_and_which_events():
    batch = (
        SHOPPER.with_mpid(7)
        .with_user_attributes(plan="pro")
        .with_ip("203.0.113.7")
        .with_data_plan("plan")
        .with_gdpr_consent("marketing", True, at=AT)
        .with_ccpa_data_sale_opt_out(False, at=AT)
        .event("Searched", at=AT)
        .purchase(Product("sku-1", "Teapot"))
    )

    assert (
        repr(batch)
        == """\
<Batch development, 918 of 128,000 bytes
  mpid: 7
  user: customer_id='123456', email='user@example.com'
  device: platform='iOS', os_version='26.1'
  user attributes: plan='pro'
  consent: marketing=True, data_sale_opt_out=False
  also set: ip, context
  custom_event 'Searched' at 2026-11-23T10:15:00Z
  commerce_event purchase Teapot>"""
    )


@given(batches(max_fields=9, max_events=20))
def test_no_batch_takes_more_than_ten_lines_at_a_prompt(batch):
    lines = repr(batch).splitlines()

    assert len(lines) <= 10
    assert max(map(len, lines)) <= 89


def test_a_batch_over_the_limit_says_that_it_is_split():
    batch = Batch()
    for _ in range(100):
        batch = batch.event("x", {"text": "y" * 4000})

    assert repr(batch).splitlines()[0] == "<Batch, 421,399 bytes (split: 128,000 fit)"


def test_what_cannot_be_sent_even_in_parts_says_so():
    client = Client("key", "secret", transport=RecordingTransport())
    many = {str(number): "y" * 4000 for number in range(40)}
    for batch, what in (
        (SHOPPER.event("x", many), "events[0] (custom_event 'x') with the batch's context"),
        (SHOPPER.with_user_attributes(many), "the batch's context alone"),
    ):
        with pytest.raises(TooLarge) as caught:
            client.send(batch)
        size = batch.preview().size

        assert repr(batch).splitlines()[0] == (
            f"<Batch development, {size.bytes:,} bytes (too large: 128,000 fit)"
        )
        (problem,) = batch.problems()
        assert (problem.kind, problem.text) == ("too_large", str(size.error))
        assert problem.text.startswith(what)
        assert "too_large" in {problem.kind for problem in batch.preview().problems}
        assert str(caught.value).partition(" is ")[0] == what


@given(batches())
def test_the_size_is_that_of_what_is_sent(batch):
    sent = RecordingTransport()
    batch = batch.with_environment("production")
    with Client("key", "secret", transport=sent) as client:
        client.send(batch)
    size = len(sent.requests[0].body)
    stamped = [event.at is None for event in batch.events]

    assert batch.preview().size == (size, None)
    assert f"{size:,} of 128,000 bytes" in repr(batch)
    assert any("timestamp_unixtime_ms" in text for text in batch.preview().stamped) == any(stamped)


def test_rich_gets_the_fields_that_are_set():
    batch = SHOPPER.with_user_attributes(plan="pro").event("x")

    assert dict(batch.__rich_repr__()) == {
        "environment": "development",
        "user_identities": batch.user_identities,
        "user_attributes": {"plan": "pro"},
        "device_info": batch.device_info,
        "events": list(batch.events),
    }
    assert type(dict(batch.__rich_repr__())["user_attributes"]) is dict
    assert list(Product("sku-1", price=2).__rich_repr__()) == [("id", "sku-1"), ("price", 2)]


def test_rich_lays_a_batch_out():
    rich = pytest.importorskip("rich.console")
    console = rich.Console(file=io.StringIO(), width=60)
    from rich.pretty import Pretty

    console.print(Pretty(SHOPPER.event("Searched", {"query": "teapot"})))

    assert console.file.getvalue().splitlines()[:3] == [
        "Batch(",
        "    environment='development',",
        "    user_identities=UserIdentities(",
    ]


def test_ipython_shows_the_lines_of_a_batch_wherever_it_stands():
    batch = Batch.for_user(mpid=7).event("x")

    assert pretty(batch) == repr(batch)
    assert pretty([batch]) == f"[{repr(batch).replace(chr(10), chr(10) + ' ')}]"


def test_ipython_breaks_a_long_value_field_by_field():
    event = AppEvent("Searched", {"query": "teapot"}, type="search", at=AT, page_url="x" * 20)

    assert pretty(Product("sku-1")) == "Product(id='sku-1')"
    assert (
        pretty(event)
        == """\
AppEvent(event_name='Searched',
         type='search',
         at=1795428900000,
         attributes={'query': 'teapot'},
         page_url='xxxxxxxxxxxxxxxxxxxx')"""
    )


# In a notebook


class Seen(HTMLParser):
    """Reads HTML as a browser does: the tags, and the text between them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), set(), []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.texts.append(data)


TAGS = {"table", "caption", "tbody", "tr", "th", "td"}


def test_a_notebook_shows_context_and_events_as_a_table():
    batch = SHOPPER.event("Searched", {"query": "teapot"}, at=AT)

    assert Seen(batch._repr_html_()).texts == [
        "Batch development, 449 of 128,000 bytes",
        "user",
        "customer_id='123456', email='user@example.com'",
        "device",
        "platform='iOS', os_version='26.1'",
        "events[0]",
        "custom_event 'Searched': query='teapot'",
        "2026-11-23T10:15:00Z",
    ]


def test_a_notebook_shows_a_session_as_a_table():
    session = Session.start(session_id=42, at=AT).event("x", after=1)

    assert Seen(session._repr_html_()).texts == [
        "Session session_id=42",
        "events[0]",
        "session_start",
        "2026-11-23T10:15:00Z",
        "events[1]",
        "custom_event 'x'",
        "2026-11-23T10:15:01Z",
    ]


def test_values_are_inert_in_a_notebook():
    batch = (
        Batch.for_user(customer_id=SCRIPT)
        .with_user_attributes({SCRIPT: SCRIPT, "list": [SCRIPT]})
        .with_device(device=SCRIPT)
        .with_gdpr_consent(SCRIPT, True, at=AT)
        .event(SCRIPT, {SCRIPT: SCRIPT})
        .screen_view('"><img src=x onerror=alert(1)>')
        .purchase(Product(SCRIPT, SCRIPT))
        .impression(SCRIPT, Product(SCRIPT))
    )
    seen = Seen(batch._repr_html_())

    assert seen.tags == TAGS
    assert seen.attributes == {"style", "scope"}
    assert any(SCRIPT[:20] in text for text in seen.texts)
    assert Seen(Session.start(session_id=1).event(SCRIPT)._repr_html_()).tags == TAGS


@given(batches(max_fields=9))
def test_a_notebook_gets_the_same_few_tags_for_any_batch(batch):
    seen = Seen(batch._repr_html_())

    assert seen.tags <= TAGS
    assert seen.attributes <= {"style", "scope"}


def test_a_notebook_shows_fifty_events_at_most():
    batch = Batch().add(*[BreadcrumbEvent("x")] * 52)

    assert batch._repr_html_().count("<tr>") == 51
    assert Seen(batch._repr_html_()).texts[-2:] == ["…", "and 2 more events"]
    one_more = Batch().add(*[BreadcrumbEvent("x")] * 51)
    assert Seen(one_more._repr_html_()).texts[-1] == "and 1 more event"


def test_ipython_finds_the_table():
    formats, _ = DisplayFormatter().format(SHOPPER)

    assert set(formats) == {"text/plain", "text/html"}
    assert formats["text/html"] == SHOPPER._repr_html_()


# Before it is sent


def test_a_preview_says_what_will_be_stamped_and_what_is_wrong():
    preview = Batch().event("x" * 300).event("y", at=AT).preview()

    assert preview.stamped == (
        "environment (that of the client)",
        "source_request_id",
        "2 × source_message_id",
        "timestamp_unixtime_ms",
    )
    assert str(preview).splitlines()[-4:] == [
        "760 of 128,000 bytes on the wire",
        "stamped when it is sent: environment (that of the client), source_request_id, "
        "2 × source_message_id, timestamp_unixtime_ms",
        "problem: events[0].event_name has 300 characters; mParticle cuts it at 256",
        "advice: nobody is identified: no user identity, no mpid and no device id; "
        "write Batch.for_user(customer_id=…)",
    ]
    assert repr(preview) == str(preview)
    assert json.loads(preview.json)["events"][1]["data"]["timestamp_unixtime_ms"] == 1795428900000


def test_a_preview_of_a_sealed_batch_has_nothing_to_stamp():
    sent = RecordingTransport()
    with Client("key", "secret", transport=sent) as client:
        client.send(SHOPPER.event("x"))

    preview = sent.batches[0].preview()

    assert preview.stamped == ()
    assert str(preview).splitlines()[-2:] == [
        f"{len(sent.requests[0].body)} of 128,000 bytes on the wire",
        "no problems",
    ]


# Beside another

DIFFERENCES = {
    "an identity": (
        lambda b: b.with_identities(email="other@example.com"),
        ["user_identities.email: 'user@example.com' -> 'other@example.com'"],
    ),
    "an identity more": (
        lambda b: b.with_identities(other="x"),
        ["user_identities.other: added 'x'"],
    ),
    "a record less": (
        lambda b: b.without_device(),
        ["device_info: removed DeviceInformation(platform='iOS', os_version='26.1')"],
    ),
    "a user attribute": (
        lambda b: b.with_user_attributes({"plan": "trial", "new": 1}),
        ["user_attributes['plan']: 'pro' -> 'trial'", "user_attributes['new']: added 1"],
    ),
    "a consent": (
        lambda b: b.with_gdpr_consent("marketing", False, at=AT),
        ["consent_state.gdpr['marketing'].consented: True -> False"],
    ),
    "an event's attribute": (
        lambda b: b._having(
            [AppEvent("Searched", {"query": "kettle"}), *b.events[1:]],
        ),
        ["events[0].attributes['query']: 'teapot' -> 'kettle'"],
    ),
    "a product": (
        lambda b: b._having(b.events[:2]).purchase(Product("sku-1", price=3), Product("sku-2")),
        [
            "events[2].product_action.products[0].price: Decimal('2.00') -> 3",
            "events[2].product_action.products[1]: added Product(id='sku-2')",
        ],
    ),
    "an event between": (
        lambda b: b._having([b.events[0], BreadcrumbEvent("x"), *b.events[1:]]),
        ["events[1]: added breadcrumb 'x'"],
    ),
    "an event less": (
        lambda b: b._having(b.events[1:]),
        ["events[0]: removed custom_event 'Searched'"],
    ),
    "an event less, and the next one changed": (
        lambda b: b._having([b.events[0], b.events[2]._with({"currency_code": "EUR"})]),
        ["events[1]: removed screen_view 'Home'", "events[2].currency_code: added 'EUR'"],
    ),
    "another type of event": (
        lambda b: b._having([b.events[0], BreadcrumbEvent("Home"), b.events[2]]),
        ["events[1]: screen_view 'Home' -> breadcrumb 'Home'"],
    ),
}


@pytest.mark.parametrize(("change", "lines"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_diff_names_the_paths_that_changed(change, lines):
    batch = (
        SHOPPER.with_user_attributes(plan="pro")
        .with_gdpr_consent("marketing", True, at=AT)
        .event("Searched", {"query": "teapot"})
        .screen_view("Home")
        .purchase(Product("sku-1", price=Decimal("2.00")))
    )

    assert repr(batch.diff(change(batch))).splitlines() == lines


def test_equal_batches_have_no_differences():
    left = Batch().purchase(Product("sku-1", price=Decimal("2.00")))
    right = Batch().purchase(Product("sku-1", price=2))

    assert left.diff(right) == ()
    assert not left.diff(right)
    assert repr(left.diff(right)) == "no differences"


def test_a_difference_has_its_two_sides():
    (added,) = Batch().diff(Batch().with_mpid(7))

    assert (added.path, repr(added.left), added.right) == ("mpid", "absent", 7)


@given(batches(), batches())
def test_there_are_differences_exactly_where_batches_are_not_equal(left, right):
    assert (left.diff(right) == ()) == (left == right)
    assert left.diff(left) == ()
    mirrored = {(each.path.partition("[")[0], repr(each.right)) for each in right.diff(left)}
    for each in left.diff(right):
        if not each.path.startswith("events"):
            assert (each.path.partition("[")[0], repr(each.left)) in mirrored


def test_a_diff_with_something_else_says_what_to_write():
    with pytest.raises(InvalidValue) as caught:
        Batch().diff({"mpid": 7})

    assert str(caught.value) == (
        "diff({'mpid': 7}): want a Batch, got dict; write diff(Batch.from_dict(…))"
    )
    with pytest.raises(InvalidValue) as caught:
        Batch().diff(None)
    assert str(caught.value) == "diff(None): want a Batch, got NoneType; write diff(other_batch)"


def test_any_two_values_can_be_compared():
    assert repr(differences(Product("a", price=1), Product("a"))) == "price: removed 1"
    assert repr(differences(AppEvent("a"), AppEvent("b"))) == "event_name: 'a' -> 'b'"
    assert repr(differences(Batch(), Session.start(session_id=1))) == (
        ": <Batch, 88 of 128,000 bytes> -> <Session session_id=1 session_start>"
    )


# As a shell command


def posix_curl():
    return shutil.which("curl") and shutil.which("sh")


@pytest.mark.skipif(not posix_curl(), reason="there is no curl here")
@pytest.mark.parametrize(
    "text", ["plain", 'it\'s "quoted" $HOME `id` \\ end', "END", "Tee für zwei ☕\n\tEND\n"]
)
def test_the_curl_command_sends_what_send_would_send(text):
    batch = SHOPPER.event("Searched", {"query": text}, at=AT)
    with LocalServer() as server:
        client = Client("key", "secret", host=server.url)
        keys = {"MPARTICLE_API_KEY": "key", "MPARTICLE_API_SECRET": "secret"}
        subprocess.run(
            ["sh", "-c", client.to_curl(batch).encode()],
            check=True,
            capture_output=True,
            env={**os.environ, **keys},
        )

        (sent,) = server.batches
    assert sent.events[0].attributes["query"] == text
    assert sent.source_request_id is not None


@pytest.mark.skipif(not posix_curl(), reason="there is no curl here")
def test_a_large_batch_is_sent_by_as_many_commands_as_it_takes():
    batch = SHOPPER.add(*[AppEvent("x", {"text": "y" * 4000}) for _ in range(100)])
    with LocalServer() as server:
        command = Client("key", "secret", host=server.url).to_curl(batch)
        keys = {"MPARTICLE_API_KEY": "key", "MPARTICLE_API_SECRET": "secret"}
        subprocess.run(
            ["sh"],
            input=command,
            text=True,
            check=True,
            capture_output=True,
            env={**os.environ, **keys},
        )

        assert command.count("curl ") == 2
        assert sum(len(batch.events) for batch in server.batches) == 100
        assert {request.path for request in server.requests} == {"/v2/bulkevents"}


def test_the_curl_command_shows_no_keys():
    command = Client("the-key", "the-secret", environment="development").to_curl(SHOPPER)

    assert "the-key" not in command
    assert "the-secret" not in command
    assert '"$MPARTICLE_API_KEY:$MPARTICLE_API_SECRET"' in command


def test_the_curl_command_is_for_the_batch_as_it_is_sealed_and_filtered():
    client = Client(
        "key",
        "secret",
        environment="development",
        pod="eu1",
        now=lambda: AT,
        new_id=iter("abc").__next__,
        before_send=lambda batch: batch.without_identities("email"),
    )
    document = client.to_curl(Batch.for_user(email="a@b.example", other="x").event("y"))

    assert json.loads(document.splitlines()[-2]) == {
        "environment": "development",
        "source_request_id": "b",
        "user_identities": {"other": "x"},
        "events": [
            {
                "event_type": "custom_event",
                "data": {
                    "event_name": "y",
                    "custom_event_type": "other",
                    "timestamp_unixtime_ms": 1795428900000,
                    "source_message_id": "a",
                },
            }
        ],
    }
    assert "https://s2s.eu1.mparticle.com/v2/events" in document
    assert client.stats.submitted == 0


def test_the_curl_command_is_for_the_historical_endpoint_if_the_client_is():
    client = Client("key", "secret", environment="development", historical=True)

    with pytest.raises(InvalidBatch):
        client.to_curl(SHOPPER)
    old = client.to_curl(SHOPPER.event("x", at="2020-01-01T00:00:00Z"))
    assert "/v2/bulkevents/historical " in old
    assert old.splitlines()[-2].startswith("[{")


def test_only_a_batch_has_a_curl_command():
    with pytest.raises(InvalidValue) as caught:
        Client("key", "secret").to_curl(3)

    assert str(caught.value) == "to_curl(3): want a Batch, got int; write client.to_curl(batch)"


def test_a_batch_that_is_dropped_has_no_curl_command():
    client = Client("key", "secret", environment="development", before_send=lambda batch: None)

    with pytest.raises(DeliveryError) as caught:
        client.to_curl(SHOPPER)
    assert caught.value.reason == "filtered"


# What it costs to have all this


def test_looking_is_loaded_when_somebody_looks():
    code = """
import sys
from mpfluent import Batch, Client
batch = Batch.for_user(mpid=7).event("x")
batch.to_json()
ours = "difference notebook preview python_code layout __main__ testing"
loaded = {f"mpfluent.{name}" for name in ours.split()} & {*sys.modules}
loaded |= {"difflib", "html", "argparse"} & {*sys.modules}
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)
