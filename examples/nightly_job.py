"""A nightly job: a CSV of policies with dirty rows. Exit status 1 says that some were not sent.

    python examples/nightly_job.py

Without keys, it sends to a server on this machine that stands in for mParticle. With
MPARTICLE_API_KEY and MPARTICLE_API_SECRET, it sends development data to your workspace; delete
policies.checkpoint before, which is of one key. Run it again: nothing counts twice.
"""

import os
import sys
from pathlib import Path
from typing import Any

from mpfluent import Client
from mpfluent.rows import Rows, RowsReport
from mpfluent.testing import LocalServer

HERE = Path(__file__).parent


def nightly(**options: Any) -> RowsReport:
    policies = (
        Rows.from_csv(HERE / "policies.csv")
        .map(HERE / "policies.toml")  # which says what the key and the job are, too
        .with_rejects("policies.rejects.jsonl", stop_after=1000)
        .with_checkpoint("policies.checkpoint")
        .grouped_by("customer_id")
    )
    with Client(environment="development", rate_limit=250, **options) as client:
        return client.send_all(policies)


if os.environ.get("MPARTICLE_API_KEY"):
    report = nightly()
else:
    with LocalServer() as server:
        report = nightly(api_key="key", api_secret="secret", host=server.url)
print(report)
sys.exit(0 if report else 1)
