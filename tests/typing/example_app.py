"""Both vocabularies together."""

from example_news import NewsVerbs
from example_shop.verbs import ShopVerbs

from mpfluent import Batch, Session


class AppBatch(ShopVerbs, NewsVerbs, Batch):
    """A batch that speaks of the shop and of the paper."""


class AppSession(ShopVerbs, NewsVerbs, Session):
    """A session that speaks of the shop and of the paper."""
