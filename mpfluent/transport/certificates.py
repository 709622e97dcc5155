"""Certificates: whether a file of them can be used, and why a server's is not trusted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import brief, one_line

if TYPE_CHECKING:
    import ssl

Path = str | os.PathLike[str]
Verify = bool | Path
Cert = Path | tuple[Path, Path]

# OpenSSL's numbers of errors, the X509_V_ERR_… in its x509_vfy.h
_EXPIRED, _NOT_YET = 10, 9
_NAMES = (62, 64)  # another host name, another IP address
_ISSUERS = (2, 18, 19, 20, 21)  # no trusted authority signed it
_STRICT = range(79, 95)  # of VERIFY_X509_STRICT, on since Python 3.13 with urllib3 2.4 and newer


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
    pair = cert if isinstance(cert, tuple) else (cert, None)
    paths = pair if isinstance(cert, tuple) else pair[:1]
    if len(pair) != 2 or not all(isinstance(path, str) and path for path in paths):
        return "want the path of a PEM file, or a pair of paths"
    asked: list[bool] = []

    def no_password() -> str:  # without a callback, OpenSSL would ask at the terminal
        asked.append(True)
        return ""

    def load(context: ssl.SSLContext) -> None:
        context.load_cert_chain(str(pair[0]), pair[1], no_password)

    problem = _problem(load, "there is no PEM certificate with its key in it")
    if asked:
        return "its key has a password, which requests cannot give; save the key without one"
    return problem


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
    except ValueError:
        return "that is no path"
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
            return f"{whose} certificate {_why(_NAMES[0], one_line(str(one)))}"
    return None


def _why(code: int, said: str) -> str:
    if code == _EXPIRED:
        return "has expired, by the clock of this machine"
    if code == _NOT_YET:
        return "is not valid yet, by the clock of this machine"
    if code in _NAMES:
        return f"is for another name ({said}); check the host and who answers there"
    if code in _ISSUERS:
        return (
            f"is not trusted ({said}); if you trust its issuer, "
            "write RequestsTransport(verify='ca-bundle.pem')"
        )
    if code in _STRICT:
        return (
            f"breaks a rule that Python checks since 3.13 ({said}); make a new one, or let its "
            "issuer make a new one"
        )
    return f"is not trusted ({said})"


def shown(value: object) -> str:
    """Return an argument as an error shows it: a path, but never the text of a key.

    >>> shown(["client.pem"]), shown("-----BEGIN PRIVATE KEY-----")
    ("['client.pem']", '…')
    """
    text = brief(value, 160)
    return "…" if "-----" in text or "\\n" in text else text
