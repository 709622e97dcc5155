"""The settings of a client: keys, address, hooks; and what is wrong with them.

Errors are returned, not raised, where the frame that raises would show a secret to a traceback.
"""

from __future__ import annotations

import numbers
import os
import re
import sys
from collections.abc import Callable
from typing import Literal, Never, cast, get_args

from ..builder.batch import Batch
from ..delivery.gate import Pace
from ..delivery.retry import Retry
from ..dispatch.base import Dispatcher
from ..errors import ConfigurationError, DeliveryError, brief, closest, unknown_option
from ..model.context import Environment
from ..sdk_names import ELSEWHERE, called
from ..transport.base import Response, Transport
from ..transport.destination import Credentials
from ..utils.options import number_between
from ..utils.typed import TypedDict
from ..values import validators
from ..values.check_failed import checked_as
from ..values.validators import Instant
from .data_plan import OnViolation, Plan

Pod = Literal["us1", "us2", "eu1", "au1"]

PODS: tuple[str, ...] = get_args(Pod)
ENVIRONMENTS: tuple[str, ...] = get_args(Environment)
_SCHEMES = ("http", "https")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ClientFields(TypedDict, total=False):
    """The keywords of :class:`~mpfluent.Client` and :class:`~mpfluent.Configuration`."""

    api_key: str | None
    api_secret: str | None
    environment: Environment | None
    pod: Pod
    host: str | None
    transport: Transport | None
    dispatcher: Dispatcher | None
    retry: Retry | None
    rate_limit: float | Pace | None
    historical: bool
    before_send: Callable[[Batch], Batch | None] | None
    on_delivered: Callable[[Batch, Response], object] | None
    on_failed: Callable[[Batch, DeliveryError], object] | None
    now: Callable[[], Instant] | None
    new_id: Callable[[], str] | None
    data_plan: Plan | None
    on_violation: OnViolation | None
    disabled: bool | None


class _Default(str):
    """The default of a setting: known by its identity, so that saying the same differs from it."""

    __slots__ = ()


POD = cast(Pod, _Default("us1"))

_ON = ("1", "true", "yes", "on")
_OFF = ("", "0", "false", "no", "off")


def access_of(
    api_key: str | None,
    api_secret: str | None,
    pod: Pod,
    host: str | None,
    disabled: bool | None,
    unknown: dict[str, Never],
) -> tuple[Credentials, str, bool] | ConfigurationError:
    """Return the credentials, the address, and whether nothing is sent; or what is wrong."""
    misspelt = list(unknown)
    unknown.clear()  # a secret may stand behind a misspelt name, too
    if misspelt:
        return misspelt_option("Client", misspelt[0])
    off = disabled_of(disabled)
    if isinstance(off, ConfigurationError):
        return off
    credentials = credentials_of(api_key, api_secret, needed=not off)
    if isinstance(credentials, ConfigurationError):
        return credentials
    base = base_url(pod, host)
    return base if isinstance(base, ConfigurationError) else (credentials, base, off)


def disabled_of(given: bool | None) -> bool | ConfigurationError:
    """Return whether a client sends nothing: as it is given, or as ``MPFLUENT_DISABLED`` says."""
    if given is not None:
        wrong = f"Client(disabled={brief(given)}): want True or False; write disabled=True"
        return given if isinstance(given, bool) else ConfigurationError(wrong)
    value = os.environ.get("MPFLUENT_DISABLED", "")
    word = value.strip().lower()
    if word in _ON or word in _OFF:
        return word in _ON
    return ConfigurationError(
        f"MPFLUENT_DISABLED={brief(value)}: want one of {', '.join(_ON)}, or one of "
        f"{', '.join(_OFF[1:])}; write MPFLUENT_DISABLED=1"
    )


def environment_of(given: Environment | None) -> Environment | None:
    """Return the environment: as it is given, or as ``MPARTICLE_ENVIRONMENT`` says.

    Raises:
        ConfigurationError: there is no such environment.
    """
    if given is None:
        where, value = _variable("MPARTICLE_ENVIRONMENT")
    else:
        where, value = f"Client(environment={brief(given)})", given
    if value is None:
        return None
    # the word itself: what is equal to it, such as a proxy of a settings module, may not encode
    word = next((word for word in ENVIRONMENTS if word == value), None)
    if word is None:
        raise _not_one_of(where, value, "an environment", ENVIRONMENTS)
    return cast("Environment", word)


def _variable(name: str) -> tuple[str, str | None]:
    """Return what is said of an environment variable in an error, and its value if it is set."""
    value = os.environ.get(name)
    return f"{name}={brief(value)}", value or None


def credentials_of(
    api_key: str | None, api_secret: str | None, *, needed: bool = True
) -> Credentials | ConfigurationError:
    """Return the credentials, or what is wrong with them: no frame of the error shows them.

    Args:
        needed: whether they must not be missing.
    """
    key = os.environ.get("MPARTICLE_API_KEY") if api_key is None else api_key
    secret = os.environ.get("MPARTICLE_API_SECRET") if api_secret is None else api_secret
    if not needed:
        key, secret = key or "disabled", secret or "disabled"
    problem = _missing_key("api_key", key) or _missing_key("api_secret", secret)
    if problem is None and ":" in str(key):
        problem = "Client(api_key=…): a key has no ':'; write the key and the secret apart"
    if problem is not None:
        return ConfigurationError(problem)
    return Credentials(str(key), str(secret))


def _missing_key(name: str, value: object) -> str | None:
    if isinstance(value, str) and value and value == value.strip() and value.isprintable():
        return None
    if value is None or value == "":
        what = "is missing"
    elif not isinstance(value, str):
        what = f"want a string, got {type(value).__name__}"
    elif value != value.strip():
        what = "has spaces around it"
    else:
        what = "has characters that are not printable"
    return f"Client({name}=…): {what}; write Client({name}='…') or set MPARTICLE_{name.upper()}"


def forget_frames_within(error: BaseException) -> None:
    """Let no frame below the one that caught an error show what it was given."""
    entry = error.__traceback__ and error.__traceback__.tb_next
    while entry is not None:
        entry.tb_frame.clear()
        entry = entry.tb_next


def misspelt_option(where: str, name: str) -> ConfigurationError:
    """Return the error for a keyword that a client has not; what it is made of may have it."""
    from ..dispatch.options import OPTIONS

    if name in OPTIONS:
        return ConfigurationError(
            f"{where}() has no option {name!r}, its dispatcher has; "
            f"write dispatcher=ThreadedDispatcher({name}={OPTIONS[name]})"
        )
    line = called(name, ELSEWHERE, ELSEWHERE.values())
    if line is not None:
        return ConfigurationError(f"{where}() has no option {brief(name)}; write {line}")
    return unknown_option(where, name, ClientFields.__annotations__)


def check_has(name: str, value: object, method: str, example: str) -> None:
    """Raise unless a setting has the method that it needs."""
    if isinstance(value, type) and hasattr(value, method):
        example = f"{value.__name__}()"
    if value is not None and (isinstance(value, type) or not hasattr(value, method)):
        why = f"want an object with a method {method}()"
        raise wrong_setting(name, brief(value), why, f"{name}={example}")


def pace_of(rate_limit: object) -> Pace | None:
    """Return what says when requests may leave: for a number, a limit of its own.

    Raises:
        ConfigurationError: it is no number above 0, and does not have the method that it needs.
    """
    if rate_limit is None:
        return None
    from ..delivery.rate_limit import RateLimit  # with a rate limit: most have none

    rate = number_between(rate_limit, sys.float_info.min, sys.float_info.max)
    if rate is not None:
        return RateLimit(rate)
    # a number of NumPy's has a method of this name
    is_none = isinstance(rate_limit, type | numbers.Number)
    if is_none or not callable(getattr(rate_limit, "take", None)):
        why = "want batches a second, a number above 0, or an object with a method take()"
        line = "rate_limit=RateLimit(250)" if rate_limit is RateLimit else "rate_limit=250"
        raise wrong_setting("rate_limit", brief(rate_limit), why, line)
    return cast(Pace, rate_limit)


def base_url(pod: str, host: str | None) -> str | ConfigurationError:
    """Return where to send, or what is wrong: the host may hold a password that no frame shows."""
    if host is None:
        where, value = f"Client(pod={brief(pod)})", pod
        if pod is POD:
            where, set_to = _variable("MPARTICLE_POD")
            value = set_to or pod
        if not isinstance(value, str) or value not in PODS:
            return _not_one_of(where, value, "a pod", PODS)
        return f"https://s2s.{value}.mparticle.com"
    from urllib.parse import urlsplit  # with a host of one's own: it is slow to import

    from ..transport.guard import HOST

    try:
        parts = urlsplit(host)
        name, _ = parts.hostname, parts.port  # a port that is none raises
    except (ValueError, AttributeError, TypeError):  # no text, or no URL
        shown = "…" if isinstance(host, str) else brief(host)  # it may hold a secret anywhere
        return wrong_setting("host", shown, "want https://name[:port]", "host='https://…'")
    # Letter by letter: other libraries may read an odd host differently, and send elsewhere.
    odd = "\\" in str(host) or not str(host).isprintable()
    if parts.username or parts.password or parts.query or parts.fragment or "@" in str(host):
        why = "want https://name[:port] without credentials, query or fragment"
        return ConfigurationError(f"Client(host=…): {why}")
    if odd or not name or not re.fullmatch(HOST, str(parts.netloc)) or parts.scheme not in _SCHEMES:
        bare = isinstance(host, str) and host and "//" not in host
        fixed = f"host='https://{host if bare else '…'}'"
        return wrong_setting("host", brief(host), "want https://name[:port]", fixed)
    path = parts.path.rstrip("/")
    if parts.scheme == "http" and name not in _LOOPBACK:
        why = "plain http would show the secret on the way, and goes to this machine only"
        fixed = f"host='https://{parts.netloc}{parts.path}'"
        return wrong_setting("host", brief(host), why, fixed)
    before = re.sub(r"/v2(/(bulk)?events)?$", "", path)
    if before != path:
        fixed = f"host='{parts.scheme}://{parts.netloc}{before}'"
        return wrong_setting("host", brief(host), "want only what comes before /v2", fixed)
    return f"{parts.scheme}://{parts.netloc}{path}"


def wrong_setting(name: str, shown: str, why: str, write: str) -> ConfigurationError:
    """Return the error for a setting that cannot be used."""
    return ConfigurationError(f"Client({name}={shown}): {why}; write {write}")


def _not_one_of(
    where: str, value: object, what: str, options: tuple[str, ...]
) -> ConfigurationError:
    """Return the error for a word that is none of the options."""
    begun = (option for option in options if value and option.startswith(str(value).lower()))
    meant = closest(value, options) or next(begun, None)  # "prod" is too short to be close
    listed = ", ".join(options)
    hint = f"did you mean {meant!r}? ({listed})" if meant else f"want one of {listed}"
    return ConfigurationError(f"{where}: not {what}; {hint}")


def milliseconds_of(now: Callable[[], Instant]) -> Callable[[], int]:
    """Return the clock, its answer made Unix milliseconds."""
    return lambda: checked_as(validators.instant, "Client", "now", now())


def ids_of(new_id: Callable[[], str]) -> Callable[[int], list[str]]:
    """Return the source of so many ids, each answer checked."""

    def fresh() -> str:
        return checked_as(validators.name, "Client", "new_id", new_id())

    return lambda count: [fresh() for _ in range(count)]
