"""The paper's words."""

from typing import Self, TypeVar

from mpfluent import EventVerbs

V = TypeVar("V", bound="NewsVerbs")


class NewsVerbs(EventVerbs):
    """What readers do."""

    def read_article(self: V, title: str, *, seconds: int = 0) -> V:
        """Append the reading of an article."""
        return self.screen_view(title, attributes={"seconds": seconds})

    def seen(self, advert: str) -> Self:
        """Append the view of an advert, with Self for a type."""
        return self.event("Seen", {"advert": advert})
