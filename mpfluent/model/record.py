"""The base of records and events: a frozen value that knows its wire form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..encoding.json import parsed, plain, write_record
from ..errors import InvalidValue, brief
from ..values.frozen import Frozen

if TYPE_CHECKING:
    from ..encoding.reader import Unknown


class Record(Frozen):
    """A frozen value with a wire form.

    >>> from mpfluent import Product
    >>> product = Product("sku-1", "Teapot", price=19.99)
    >>> product.to_dict()
    {'id': 'sku-1', 'name': 'Teapot', 'price': 19.99}
    >>> Product.from_dict(product.to_dict()) == product
    True
    """

    def to_dict(self) -> dict[str, Any]:
        """Export as plain dicts and lists, by wire name; Decimals stay Decimals.

        >>> from mpfluent import Batch
        >>> Batch().with_ip("203.0.113.7").to_dict()
        {'ip': '203.0.113.7'}
        """
        from ..encoding import encoder

        return encoder.encoder(type(self))(self)

    def to_json(self, indent: int | None = None) -> str:
        """Export as JSON text in schema order; the same value always gives the same text.

        Args:
            indent: spaces a level; None for one compact line.

        >>> from mpfluent import Batch
        >>> Batch().with_ip("203.0.113.7").to_json()
        '{"ip":"203.0.113.7"}'
        """
        if indent is None:
            return write_record(self)
        if type(indent) is not int or indent < 0:
            raise InvalidValue(
                f"to_json(indent={brief(indent)}): want spaces a level; write to_json(indent=2)"
            )
        return plain(self.to_dict(), indent)

    @classmethod
    def from_dict(cls: type[R], data: Any, *, unknown: Unknown = "raise") -> R:
        """Construct from wire form, as the API takes it or as mParticle sends it out.

        Args:
            data: a mapping by wire name. Nulls, empty containers and what only the server sets
                are dropped.
            unknown: "raise" for an error that names the path of a field that mpfluent cannot
                place, "ignore" to leave such fields out, and flags that no event can hold.

        >>> from mpfluent import Batch
        >>> Batch.from_dict({"ip": "203.0.113.7", "mpid": None}).ip
        '203.0.113.7'
        """
        from ..encoding import reader

        return reader.read(cls, data, unknown=unknown)

    @classmethod
    def from_json(cls: type[R], text: str | bytes | bytearray, *, unknown: Unknown = "raise") -> R:
        """Construct from JSON text; numbers with a fraction stay exact.

        Args:
            text: JSON text, or its UTF-8 bytes.
            unknown: as for :meth:`from_dict`.

        >>> from mpfluent import Batch
        >>> Batch.from_json('{"ip": "203.0.113.7"}').ip
        '203.0.113.7'
        """
        from ..encoding import reader

        return reader.read(cls, parsed(text), unknown=unknown, where="from_json")


R = TypeVar("R", bound=Record)  # jedi follows it to the class that was called; Self it does not
