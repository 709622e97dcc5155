"""Recipes for schedulers: each is run as it is printed, and once more: nothing is counted twice.

Needs the extra ``queues``; and Airflow, which wants an environment of its own.
"""

import csv
import importlib.util

import pytest
from recipes import Recipes
from scenarios import KEY, SECRET

from mpfluent.testing import LocalServer, status

ROWS = 200


@pytest.fixture
def server():
    with LocalServer(api_key=KEY, api_secret=SECRET) as server:
        yield server


@pytest.fixture
def recipes(tmp_path, server):
    with (tmp_path / "2026-11-29.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "user_id", "sku", "at"])
        for number in range(ROWS):
            writer.writerow([number, f"u{number % 50}", number, "2026-11-29T10:00:00Z"])
    with Recipes(tmp_path, server) as recipes:
        recipes.replace("orders.py", '{"sku": row["sku"]}', '{"number": int(row["sku"])}')
        yield recipes


def needs(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"no {package}; write pip install -e '.[test,queues]', or apache-airflow")


def check(recipes, name):
    assert len(recipes.server.duplicates) == 50  # a batch for each user
    recipes.check(f"{name}, run twice", ROWS)


@pytest.mark.slow
def test_the_part_that_schedulers_share(recipes):
    each = "send_part('2026-11-29.csv', part) for part in range(PARTS)"
    code = f"from orders import *\nprint(sum(({each}), Report()))"
    for _ in range(2):
        recipes.run("-c", code)

    assert recipes.printed == "Report(submitted=50, delivered=50, failed=0)\n" * 2
    check(recipes, "SendPartition")


@pytest.mark.slow
def test_beam(recipes):
    needs("apache_beam")
    for _ in range(2):
        recipes.run("orders_beam.py", "2026-11-29.csv")

    assert recipes.printed.count("Report(submitted=50, delivered=50, failed=0)") == 2
    check(recipes, "Beam")


@pytest.mark.slow
def test_prefect(recipes, server):
    needs("prefect")
    recipes.replace("orders_flow.py", "300", "0")
    server.script(status(401))  # so that a part fails, and is tried again
    code = "from orders_flow import orders; print(orders('2026-11-29.csv'))"
    for _ in range(2):
        recipes.run("-c", code)

    assert recipes.printed.count("Report(submitted=50, delivered=50, failed=0)") == 2
    check(recipes, "Prefect, a part failed")


@pytest.mark.slow
def test_airflow(recipes, tmp_path, server):
    needs("airflow")
    recipes.replace("orders_dag.py", "/data/orders", str(tmp_path))
    recipes.replace("orders_dag.py", "minutes=5", "minutes=0")
    server.script(status(401))
    recipes.variables.update(
        AIRFLOW_HOME=str(tmp_path / "airflow"),
        AIRFLOW__CORE__DAGS_FOLDER=str(tmp_path),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
    )
    recipes.run("-m", "airflow", "db", "migrate")
    recipes.run("-m", "airflow", "dags", "reserialize")
    for _ in range(2):
        recipes.run("-m", "airflow", "dags", "test", "orders", "2026-11-29")

    check(recipes, "Airflow, a part failed")
