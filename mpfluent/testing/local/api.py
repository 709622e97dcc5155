"""The API of a local server: what arrived, for tests in any language, and for the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote

from ...errors import MPFluentError, brief, closest
from ..faults import Action
from ..held_values import held
from ..http_connection import Arrival, Left, Streamed
from . import access
from .fault_actions import actions_of
from .page_files import HEADERS, page_file
from .queries import Query, matches, query_of
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
_MOST_BODY = 1_000_000  # bytes of a body, that comes or that is shown
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


def answer(site: Site, arrival: Arrival) -> Answer:
    """Return the answer to a request for the page or for the API."""
    found = _answered(site, arrival)
    # after HEAD, a body would be taken for the next answer
    if arrival.method == "HEAD" and isinstance(found, Action):
        return found._replace(body=b"")
    return found


def _answered(site: Site, arrival: Arrival) -> Answer:
    try:
        return _answer(site, arrival)
    except _Refused as refused:
        return _json({"error": str(refused)}, refused.status_code, *refused.headers)
    except MPFluentError as error:
        return _json({"error": str(error)}, 400)
    except RecursionError:
        return _json({"error": "what came is nested too deeply to be shown"}, 400)


def foreign(site: Site, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Return the status and the words for a request that a web page elsewhere made, or None."""
    host = headers.get("host")
    if site.loopback and not access.is_host(host):
        return 421, (
            f"Host {brief(host)} is not this server; write http://localhost:PORT or "
            "http://127.0.0.1:PORT"
        )
    if not access.is_own_origin(headers, site.scheme):
        origin = brief(headers["origin"])
        return 403, f"a page of {origin} may not read or change what this server keeps"
    return None


def _answer(site: Site, arrival: Arrival) -> Answer:
    refusal = foreign(site, arrival.headers)
    if refusal is not None:
        raise _Refused(*refusal)
    if len(arrival.body) > _MOST_BODY:
        raise _Refused(413, f"want at most {_MOST_BODY} bytes, got {len(arrival.body)}")
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
    query = query_of(arrival.query, call.parameters)
    if site.token is not None and not access.has_token(arrival.headers, query.token, site.token):
        raise _Refused(
            403, "the token is missing or wrong; write Authorization: Bearer TOKEN, or ?token=TOKEN"
        )
    return call.function(site, _Asked(arrival, query, unquote(rest, errors="backslashreplace")))


class _Asked(NamedTuple):
    """A request of the API: what its address says, and the rest of its path."""

    arrival: Arrival
    query: Query
    rest: str


def _json(data: Any, status_code: int = 200, *headers: tuple[str, str]) -> Action:
    return _text(json_text(data), status_code, *headers)


def _text(text: str, status_code: int = 200, *headers: tuple[str, str]) -> Action:
    kind = ("Content-Type", "application/json; charset=utf-8")
    body = text.encode("utf-8", "backslashreplace")
    return Action(status_code, (kind, *HEADERS, *headers), body)


# What arrived


def _events(site: Site, asked: _Asked) -> Action:
    found: list[dict[str, Any]] = []
    for entry in site.store.entries(asked.query.after):
        found += [row for row in _kept_rows(site, entry) if matches(row, asked.query)]
        if len(found) >= asked.query.limit:
            break
    found = found[: asked.query.limit]
    last = found[-1]["id"] if found else asked.query.after
    return _text(f'{{"events":[{",".join(map(event_text, found))}],"next":{last}}}')


def _kept_rows(site: Site, entry: Entry) -> list[dict[str, Any]]:
    return [row for row in rows_of(entry) if row["id"] >= site.store.oldest]


def _wait(site: Site, asked: _Asked) -> Action:
    query, seen = asked.query, asked.query.after
    end = time.monotonic() + query.timeout
    while True:
        newest = site.store.newest
        for entry in site.store.entries(seen):
            for row in _kept_rows(site, entry):
                if matches(row, query):
                    return _text(f'{{"event":{event_text(row)}}}')
        seen = newest
        if not site.store.wait_beyond(seen, end - time.monotonic()):
            if site.store.closed:
                raise _Refused(503, "the server stops")
            raise _Refused(408, _nothing_came(site, query))


def _nothing_came(site: Site, query: Query) -> str:
    asked = [f"{name}={getattr(query, name)}" for name in ("event", "type", "user")]
    wanted = " ".join(each for each in asked if not each.endswith("=None")) or "any"
    every = query._replace(event=None, type=None, user=None, problems=False)
    names = {
        str(row["name"] or row["action"] or row["event_type"]): None
        for entry in site.store.entries(query.after)
        for row in _kept_rows(site, entry)
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
    entries = [entry for entry in site.store.of_batch(batch_id) if entry.parts is not None]
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
            "violations": [violation_of(each) for each in part.violations],
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
    attempts = {
        other.number: other for name in request.batch_ids for other in site.store.of_batch(name)
    } or {entry.number: entry}
    body = request.body[:_MOST_BODY].decode("utf-8", "backslashreplace")
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
                for _, each in sorted(attempts.items())
            ],
            "body": body,
            **({"cut": True} if len(request.body) > _MOST_BODY else {}),
            "problems": list(request.problems),
        }
    )


def _counts(site: Site) -> dict[str, Any]:
    rate_limit = _DEFAULT_RATE if site.rate_limit is None else site.rate_limit
    return {
        **site.store.counts()._asdict(),
        "rate": site.store.rate(),
        "rate_limit": rate_limit,
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
