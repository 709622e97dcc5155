"""The API of a local server: what arrived, for tests in any language, and for the page."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote

from ...errors import MPFluentError, brief, closest
from ..faults import Action
from ..held_values import held
from ..http_connection import MOST_BODY, Arrival, Left, Streamed
from . import access
from .fault_actions import actions_of
from .page_files import HEADERS, page_file
from .queries import Query, matches, query_of, token_of
from .rows import (
    batch_id_of,
    event_text,
    first_row_of,
    json_text,
    payloads_of,
    rows_of,
    user_of,
    verdict_of,
    violation_of,
)
from .store import Entry, Part, Store
from .stream import stream

PREFIX = "/_mpfluent/"
_FILES = {"/": "index.html", "/favicon.ico": "icon.svg"}  # a browser asks for the second by itself
_MOST_ANSWER = 8_000_000  # characters of events in one answer, and the event that is beyond them
_LOOK = 0.25  # seconds after which who waits looks whether its client has gone
_OFTEN = 100  # rows after which it looks, too
_PAUSE = 0.01  # seconds between two looks at what came, at least
_DEFAULT_RATE = 270.0  # batches a second, mParticle's own limit
_UNNAMED = "unnamed-"
Answer = Action | Streamed


class Site(NamedTuple):
    """What the API reads and changes.

    Attributes:
        store: what came.
        scheme: of the server's address.
        loopback: whether only this machine reaches it.
        token: what a request must have; None for nothing.
        rate_limit: the server's own, if it has one.
        add_actions: sets the actions for the next requests.
        actions: returns how many wait.
        clear_actions: forgets them.
    """

    store: Store
    scheme: str
    loopback: bool
    token: str | None
    rate_limit: float | None
    add_actions: Callable[[list[Action]], None]
    actions: Callable[[], int]
    clear_actions: Callable[[], None]


class _Refused(Exception):
    """The answer is an error."""

    def __init__(self, status_code: int, error: str, *headers: tuple[str, str]) -> None:
        super().__init__(error)
        self.status_code = status_code
        self.headers = headers


def answer(site: Site, arrival: Arrival, left: Left) -> Answer:
    """Return the answer to a request for the page or for the API.

    Args:
        site: what it reads and changes.
        arrival: the request.
        left: waits, and says whether the client has gone.
    """
    found = _answered(site, arrival, left)
    # after HEAD, a body would be taken for the next answer
    if arrival.method == "HEAD" and isinstance(found, Action):
        length = ("Content-Length", str(len(found.body)))
        return found._replace(body=b"", headers=(*found.headers, length))
    return found


def _answered(site: Site, arrival: Arrival, left: Left) -> Answer:
    try:
        return _answer(site, arrival, left)
    except _Refused as refused:
        return _json({"error": str(refused)}, refused.status_code, *refused.headers)
    except MPFluentError as error:
        return _json({"error": str(error)}, 400)
    except RecursionError:
        return _json({"error": "what came is nested too deeply to be shown"}, 400)
    except OSError:  # the client has gone
        raise
    except Exception as error:  # a mistake of ours is told, too
        traceback.print_exc()
        return _json({"error": f"mpfluent failed: {brief(error)}; please report it"}, 500)


def foreign(
    site: Site, headers: Mapping[str, str], *, may_lead: bool = False
) -> tuple[int, str] | None:
    """Return the status and the words for a request that a web page elsewhere made, or None.

    Args:
        site: what it would read and change.
        headers: names in lower case.
        may_lead: whether a page elsewhere may lead to this address, as a link does.
    """
    host = headers.get("host")
    if site.loopback and not access.is_host(host):
        return 421, (
            f"Host {brief(host)} is not this server; write http://localhost:PORT or "
            "http://127.0.0.1:PORT"
        )
    page = access.elsewhere(headers, site.scheme, may_lead=may_lead)
    if page is not None:
        return 403, f"a page of {page} may not read or change what this server keeps"
    return None


def _answer(site: Site, arrival: Arrival, left: Left) -> Answer:
    refusal = foreign(site, arrival.headers, may_lead=arrival.method == "GET")
    if refusal is not None:
        site.store.count_foreign()
        raise _Refused(*refusal)
    name = _FILES.get(arrival.path) or arrival.path.removeprefix(PREFIX)
    found = page_file(name) if arrival.method in ("GET", "HEAD") else None
    if found is not None:  # these are the same for everybody
        return found
    route, _, rest = name.partition("/")
    methods = _ROUTES.get(f"{route}/" if rest else route)
    if methods is None:
        routes = sorted(each + "{id}" * each.endswith("/") for each in _ROUTES)
        raise _Refused(404, f"{brief(arrival.path)} is not there; there is {', '.join(routes)}")
    call = methods.get(arrival.method)
    if call is None:
        allow = ", ".join(methods)
        raise _Refused(405, f"{arrival.method} does nothing here; want {allow}", ("Allow", allow))
    given = token_of(arrival.query)
    if site.token is not None and not access.has_token(arrival.headers, given, site.token):
        raise _Refused(
            403, "the token is missing or wrong; write Authorization: Bearer TOKEN, or ?token=TOKEN"
        )
    if arrival.size > MOST_BODY:
        raise _Refused(413, f"want at most {MOST_BODY} bytes, got {arrival.size}")
    query = query_of(arrival.query, call.parameters)
    rest = unquote(rest, errors="backslashreplace")
    return call.function(site, _Asked(arrival, query, rest, left))


class _Asked(NamedTuple):
    """A request of the API: what its address says, the rest of its path, and its client."""

    arrival: Arrival
    query: Query
    rest: str
    left: Left


def _json(data: Any, status_code: int = 200, *headers: tuple[str, str]) -> Action:
    return _text(json_text(data), status_code, *headers)


def _text(text: str, status_code: int = 200, *headers: tuple[str, str]) -> Action:
    kind = ("Content-Type", "application/json; charset=utf-8")
    body = text.encode("utf-8", "backslashreplace")
    return Action(status_code, (kind, *HEADERS, *headers), body)


# What arrived


def _events(site: Site, asked: _Asked) -> Action:
    found: list[str] = []
    size, last = 0, asked.query.after
    for row in _rows_behind(site, site.store.entries(last)):
        last = max(last, row["id"])  # also if it does not match: nobody has to look at it again
        if matches(row, asked.query):
            found.append(event_text(row))
            size += len(found[-1])
            if len(found) == asked.query.limit or size > _MOST_ANSWER:
                break
    return _text(f'{{"events":[{",".join(found)}],"next":{last}}}')


def _rows_behind(site: Site, entries: list[Entry]) -> Iterator[dict[str, Any]]:
    return (row for entry in entries for row in rows_of(entry) if row["id"] >= site.store.oldest)


def _wait(site: Site, asked: _Asked) -> Action:
    query, store, seen = asked.query, site.store, asked.query.after
    end = time.monotonic() + query.timeout
    while True:
        newest = store.newest
        for number, row in enumerate(_rows_behind(site, store.entries(seen)), 1):
            if matches(row, query):
                return _text(f'{{"event":{event_text(row)}}}')
            if number % _OFTEN == 0 and asked.left(0):
                raise _gone()
        seen = newest
        # many that wait do not look at each row by itself, which would hold up the answers
        if asked.left(max(0.0, min(_PAUSE, end - time.monotonic()))):
            raise _gone()
        if store.wait_beyond(seen, min(_LOOK, end - time.monotonic())):
            continue
        if store.closed:
            raise _Refused(503, "the server stops")
        if time.monotonic() >= end:
            raise _Refused(408, _nothing_came(site, query))


def _gone() -> OSError:
    return ConnectionAbortedError("the client has gone")


def _nothing_came(site: Site, query: Query) -> str:
    asked = [f"{name}={getattr(query, name)}" for name in ("event", "type", "user")]
    wanted = " ".join(each for each in asked if not each.endswith("=None")) or "any"
    every = query._replace(event=None, type=None, user=None, problems=False)
    names = {
        str(row["name"] or row["action"] or row["event_type"]): None
        for row in _rows_behind(site, site.store.entries(query.after))
        if matches(row, every)
    }
    close = closest(query.event, names) if query.event else None
    came = ", ".join(map(brief, list(names)[-10:])) or "none"
    hint = f"; did you mean {close!r}?" if close else ""
    return f"no event ({wanted}) came within {query.timeout:g} s; what came: {came}{hint}"


def _batches(site: Site, asked: _Asked) -> Action:
    found = [
        {
            "id": batch_id_of(entry, place),
            "at": entry.at,
            "environment": payload.get("environment"),
            "user": user_of(payload),
            "events": part.events,
            "verdict": verdict_of(entry, place),
            "row": first_row_of(entry, place),
        }
        for entry, place, part, payload in _payloads(site, asked.query)
    ]
    return _json({"batches": found, "next": found[-1]["row"] if found else asked.query.after})


def _payloads(site: Site, query: Query) -> list[tuple[Entry, int, Part, Any]]:
    found: list[tuple[Entry, int, Part, Any]] = []
    for entry in site.store.entries(query.after):
        if entry.parts is not None and len(found) < query.limit:
            found += [
                (entry, place, part, payload)
                for (place, part), payload in zip(enumerate(entry.parts), payloads_of(entry))
                if first_row_of(entry, place) > query.after
            ]
    return found[: query.limit]


def _batch(site: Site, asked: _Asked) -> Action:
    batch_id = asked.rest
    entries = [entry for entry in site.store.of_batches([batch_id]) if entry.parts is not None]
    if not entries and batch_id.startswith(_UNNAMED) and batch_id[len(_UNNAMED) :].isdecimal():
        entry = site.store.of_row(int(batch_id[len(_UNNAMED) :][:18]))
        entries = [] if entry is None or entry.parts is None else [entry]
    found = [
        (entry, place)
        for entry in entries
        for place in range(len(entry.parts or ()))
        if batch_id_of(entry, place) == batch_id
    ]
    if not found:
        raise _Refused(404, f"no batch {brief(batch_id)} was accepted, or it fell out")
    entry, place = found[0]
    payload = payloads_of(entry)[place]
    if asked.query.format == "python":
        text = held(payload).batch.to_python() + "\n"
        kind = ("Content-Type", "text/x-python; charset=utf-8")
        return Action(200, (kind, *HEADERS), text.encode("utf-8", "backslashreplace"))
    part = (entry.parts or ())[place]
    return _json(
        {
            "id": batch_id,
            "request": entry.number,
            "at": entry.at,
            "batch": payload,
            "problems": part.problems,
            "violations": [violation_of(each, payload) for each in part.violations],
            "verdict": verdict_of(entry, place),
            "duplicates": len(found) - 1,
        }
    )


def _request(site: Site, asked: _Asked) -> Action:
    number = int(asked.rest[:18]) if asked.rest.isascii() and asked.rest.isdigit() else 0
    entry = site.store.of_request(number)
    if entry is None:
        raise _Refused(404, f"no request {brief(asked.rest)} came, or it fell out")
    request = entry.request
    attempts = site.store.of_batches(request.batch_ids) or [entry]
    body = request.body.decode("utf-8", "backslashreplace")
    return _json(
        {
            "id": entry.number,
            "at": entry.at,
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "status_code": request.status_code,
            "message": entry.message,
            "connection": request.connection,
            "port": request.port,
            "batch_ids": list(request.batch_ids),
            "attempts": [
                {"request": each.number, "at": each.at, "status_code": each.request.status_code}
                for each in attempts
            ],
            "body": body,
            **({"cut": True} if entry.size > len(request.body) else {}),
            "problems": list(request.problems),
        }
    )


def _counts(site: Site) -> dict[str, Any]:
    rate_limit = _DEFAULT_RATE if site.rate_limit is None else site.rate_limit
    return {
        **site.store.counts()._asdict(),
        "rate": site.store.rate(),
        "rate_limit": rate_limit,
        "foreign": site.store.foreign,
        "faults": site.actions(),
        "started": site.store.started,
    }


def _clear(site: Site, asked: _Asked) -> Action:
    site.store.clear()
    return _json(_counts(site))


def _stream(site: Site, asked: _Asked) -> Streamed:
    last = asked.arrival.headers.get("last-event-id", "")
    after = int(last[:18]) if last.isascii() and last.isdigit() else asked.query.after
    headers = (("Content-Type", "text/event-stream; charset=utf-8"), *HEADERS)
    begun: Callable[[Left], Any] = partial(stream, site.store, after, partial(_counts, site))
    return Streamed((*headers, ("Connection", "close")), begun)


# Faults


def _add_faults(site: Site, asked: _Asked) -> Action:
    site.add_actions(actions_of(asked.arrival.body))
    return _waiting_faults(site, asked)


def _waiting_faults(site: Site, asked: _Asked) -> Action:
    return _json({"actions": site.actions()})


def _clear_faults(site: Site, asked: _Asked) -> Action:
    site.clear_actions()
    return _waiting_faults(site, asked)


# All of it


class _Call(NamedTuple):
    """What a method does, and what may stand in its address."""

    function: Callable[[Site, _Asked], Answer]
    parameters: tuple[str, ...] = ()


_FILTER = ("event", "type", "user", "after")
_ROUTES: Mapping[str, Mapping[str, _Call]] = MappingProxyType(
    {
        "events": {
            "GET": _Call(_events, (*_FILTER, "limit", "problems")),
            "DELETE": _Call(_clear),
        },
        "batches": {"GET": _Call(_batches, ("after", "limit"))},
        "batches/": {"GET": _Call(_batch, ("format",))},
        "requests/": {"GET": _Call(_request)},
        "counts": {"GET": _Call(lambda site, asked: _json(_counts(site)))},
        "wait": {"GET": _Call(_wait, (*_FILTER, "problems", "timeout"))},
        "faults": {
            "GET": _Call(_waiting_faults),
            "POST": _Call(_add_faults),
            "DELETE": _Call(_clear_faults),
        },
        "stream": {"GET": _Call(_stream, ("after",))},
    }
)
