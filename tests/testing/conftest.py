"""One browser for all tests of the page: to start one takes seconds."""

import pytest
from browsers import Page, browser


@pytest.fixture(scope="session")
def driver():
    with browser() as driver:
        yield driver


@pytest.fixture
def page(driver, server):
    page = Page(driver, server.url)
    driver.get("about:blank")
    page.errors()  # of another test
    yield page
    page.size(1280, 800)
    # such as a style or a script that the Content Security Policy refuses
    assert page.errors() == []
    driver.get("about:blank")
