"""What the web process and the worker share: the application of Celery, and the client."""

import os

from celery import Celery

from mpfluent import Client, RateLimit
from mpfluent.integrations.celery import CeleryDispatcher

LOCAL = int(os.environ.get("LOCAL_PORT", "8080"))  # where web.py stands in for mParticle
has_keys = "MPARTICLE_API_KEY" in os.environ

app = Celery("shop", broker=os.environ.get("BROKER", "redis://localhost:6379/0"))

client = Client(
    environment="development",
    api_key=None if has_keys else "key",  # None: from the environment
    api_secret=None if has_keys else "secret",
    host=None if has_keys else f"http://127.0.0.1:{LOCAL}",
    rate_limit=RateLimit(250, shared="rate.limit"),  # for all processes of the worker together
    on_failed=lambda batch, error: print("not delivered:", error.reason),  # in the worker
    dispatcher=CeleryDispatcher(app),
)
