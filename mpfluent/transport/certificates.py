"""Certificates: whether a file of them can be used, and why a server's is not trusted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from ..errors import brief, one_line

if TYPE_CHECKING:
    import ssl

Path = str | os.PathLike[str]
Verify = bool | Path
Cert = Path | tuple[Path, Path]

_OTHER_NAME = 62  # the certificate is for another host
_NOT_TRUSTED = "is not trusted ({})"
# What OpenSSL's numbers of errors mean, the X509_V_ERR_… in its x509_vfy.h
_MEANINGS: tuple[tuple[Collection[int], str], ...] = (
    ([10], "has expired, by the clock of this machine"),
    ([9], "is not valid yet, by the clock of this machine"),
    # 64: it is for another IP address
    ([_OTHER_NAME, 64], "is for another name ({}); check the host and who answers there"),
    (  # no trusted authority signed it
        [2, 18, 19, 20, 21],
        f"{_NOT_TRUSTED}; if you trust its issuer, write RequestsTransport(verify='ca-bundle.pem')",
    ),
    (  # of VERIFY_X509_STRICT, on since Python 3.13 with urllib3 2.4 and newer
        range(79, 95),
        "breaks a rule that Python checks since 3.13 ({}); make a new one, or let its issuer make "
        "a new one",
    ),
)


def plain_paths(value: object) -> Any:
    """Return a path, or each path of a pair, as text, and anything else as it is.

    >>> from pathlib import Path
    >>> plain_paths((Path("client.crt"), "client.key")), plain_paths(True)
    (('client.crt', 'client.key'), True)
    """
    if isinstance(value, tuple):
        return tuple(plain_paths(part) for part in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def problem_of_verify(verify: object) -> str | None:
    """Return what is wrong with an argument ``verify``, or None."""
    if verify is None or isinstance(verify, bool):
        return None
    if not isinstance(verify, str) or not verify:
        return "want True, False or the path of a file of PEM certificates"
    if os.path.isdir(verify):
        return None  # OpenSSL looks up a certificate in a folder only when it needs one

    def load(context: ssl.SSLContext) -> None:
        context.load_verify_locations(cafile=verify)

    return _problem(load, "there is no PEM certificate in it")


def problem_of_cert(cert: object) -> str | None:
    """Return what is wrong with an argument ``cert``, or None."""
    if cert is None:
        return None
    paths = cert if isinstance(cert, tuple) and len(cert) == 2 else (cert,)
    if not all(isinstance(path, str) and path for path in paths):
        return "want the path of a PEM file, or a pair of paths"

    def no_password() -> str:  # without a callback, OpenSSL would ask at the terminal
        raise _Locked

    def load(context: ssl.SSLContext) -> None:
        context.load_cert_chain(str(paths[0]), str(paths[-1]), no_password)

    return _problem(load, "there is no PEM certificate with its key in it")


class _Locked(Exception):
    """A key has a password."""


PROBLEMS = {"verify": problem_of_verify, "cert": problem_of_cert}


def _problem(load: Any, otherwise: str) -> str | None:
    import ssl

    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except ssl.SSLError as error:
        matches = "KEY_VALUES_MISMATCH" not in str(error)
        return otherwise if matches else "its key does not match the certificate"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    except ValueError:  # it has a NUL
        return "that is no path"
    except _Locked:
        return "its key has a password, which requests cannot give; save the key without one"
    return None


def distrust(linked: Iterable[BaseException], whose: str) -> str | None:
    """Return why a certificate was not trusted, or None if that was not the problem.

    Args:
        linked: the error that ended the attempt, and its causes.
        whose: "its" for the server's, "the proxy's" for the proxy's.
    """
    import ssl

    from urllib3.util import ssl_match_hostname

    for one in linked:
        if isinstance(one, ssl.SSLCertVerificationError):
            said = one_line(str(getattr(one, "verify_message", "") or one)).rstrip(".")
            return f"{whose} certificate {_why(getattr(one, 'verify_code', 0), said)}"
        if isinstance(one, ssl_match_hostname.CertificateError):  # of urllib3 before 2
            return f"{whose} certificate {_why(_OTHER_NAME, one_line(str(one)))}"
    return None


def _why(code: int, said: str) -> str:
    meaning = next((text for codes, text in _MEANINGS if code in codes), _NOT_TRUSTED)
    return meaning.format(said)


def shown(value: object) -> str:
    """Return an argument as an error shows it: a path, but never the text of a key.

    >>> shown(["client.pem"]), shown("-----BEGIN PRIVATE KEY-----")
    ("['client.pem']", '…')
    """
    text = brief(value, 160)
    return "…" if "-----" in text or "\\n" in text else text
