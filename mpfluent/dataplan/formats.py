"""The formats that the vendor's validator knows: as generous as they are there."""

from __future__ import annotations

import re
from collections.abc import Callable

from .patterns import SPACES, Unreadable, compiled

_TIME = r"(?:[0-2]\d:[0-5]\d:[0-5]\d|23:59:60)(?:\.\d+)?"
_ZONE = r"(?:z|[+-]\d\d(?::?\d\d)?)"
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATEXT = r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]"
_BYTE = r"(?:25[0-5]|2[0-4]\d|[01]?\d\d?)"
_HEX = "%[0-9a-f]{2}"
_PCHAR = rf"(?:[a-z0-9_\-.!$&'()*+,;:=@]|{_HEX}|~0|~1)"
_VARIABLE = rf"(?:[a-z0-9_]|{_HEX})+(?::[1-9][0-9]{{0,3}}|\*)?"
_POINTER = "(?:/(?:[^~/]|~0|~1)*)*"
_HOST_OF_URL = r"(?:[a-z0-9\u00a1-\ud7ff\ue000-\uffff]+-?)*[a-z0-9\u00a1-\ud7ff\ue000-\uffff]+"
_PRIVATE = (
    r"(?!(?:10|127)(?:\.\d{1,3}){3})(?!(?:169\.254|192\.168)(?:\.\d{1,3}){2})"
    r"(?!172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})"
)
_PUBLIC = (
    r"(?:[1-9]\d?|1\d\d|2[01]\d|22[0-3])(?:\.(?:1?\d{1,2}|2[0-4]\d|25[0-5])){2}"
    r"\.(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4])"
)

# As regular expressions of JavaScript, which ignore case and mean the whole text.
_PATTERNS = {
    "date": r"\d\d\d\d-[01]\d-[0-3]\d",
    "time": rf"{_TIME}{_ZONE}?",
    "date-time": rf"\d\d\d\d-[01]\d-[0-3]\d[t\s]{_TIME}{_ZONE}",
    "uri": r"[a-z][a-z0-9+-.]*:\S*",
    "uri-reference": r"(?:(?:[a-z][a-z0-9+-.]*:)?/?/)?(?:[^\\\s#][^\s#]*)?(?:#[^\\\s]*)?",
    "uri-template": (
        rf"(?:(?:[^\x00-\x20\"'<>%\\^`{{|}}]|{_HEX})"
        rf"|\{{[+#./;?&=,!@|]?{_VARIABLE}(?:,{_VARIABLE})*\}})*"
    ),
    "url": (
        rf"(?:https?|ftp)://(?:\S+(?::\S*)?@)?(?:{_PRIVATE}{_PUBLIC}"
        rf"|{_HOST_OF_URL}(?:\.{_HOST_OF_URL})*\.[a-z\u00a1-\ud7ff\ue000-\uffff]{{2,}})"
        r"(?::\d{2,5})?(?:/\S*)?"
    ),
    "email": rf"{_ATEXT}+@{_LABEL}(?:\.{_LABEL})*",
    "hostname": rf"(?=.{{1,253}}\.?$){_LABEL}(?:\.{_LABEL})*\.?",
    "ipv4": rf"{_BYTE}(?:\.{_BYTE}){{3}}",
    "uuid": r"(?:urn:uuid:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "json-pointer": _POINTER,
    "json-pointer-uri-fragment": rf"#(?:/{_PCHAR}*)*",
    "relative-json-pointer": rf"(?:0|[1-9][0-9]*)(?:#|{_POINTER})",
}


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: compiled(f"^(?:{pattern})$", ignore_case=True).finds(text)


_GROUP = re.compile("[0-9a-f]{1,4}", re.IGNORECASE)
_IPV4 = re.compile(
    r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}", re.ASCII
)


_ZONE_NAME = compiled(r"^.+\s*$")


def is_ipv6(text: str) -> bool:
    """Return whether a text is an IPv6 address; blanks around it and a zone are fine.

    >>> is_ipv6("::1"), is_ipv6(" fe80::1%eth0 "), is_ipv6("1::2::3"), is_ipv6("::ffff:10.0.0.1")
    (True, True, False, True)
    """
    address, zone, name = text.lstrip(SPACES).partition("%")
    if zone and not _ZONE_NAME.finds(name):
        return False
    address = address if zone else address.rstrip(SPACES)
    left, gap, right = address.partition("::")
    groups = [part.split(":") if part else [] for part in (left, right)]
    last = groups[1] if gap else groups[0]
    count = len(groups[0]) + len(groups[1])
    if last and _IPV4.fullmatch(last[-1]):
        last.pop()
        count += 1
    if not all(_GROUP.fullmatch(group) for part in groups for group in part):
        return False
    return count < 8 if gap else count == 8


def is_regex(text: str) -> bool:
    """Return whether a text is a regular expression of JavaScript.

    >>> is_regex("^a+$"), is_regex("(")
    (True, False)
    """
    try:
        compiled(text)
    except Unreadable as error:
        return error.in_javascript  # which reads it, though we do not
    return not re.search(r"[^\\]\\Z", text)


FORMATS: dict[str, Callable[[str], bool]] = {
    **{name: _matches(pattern) for name, pattern in _PATTERNS.items()},
    "ipv6": is_ipv6,
    "regex": is_regex,
}
