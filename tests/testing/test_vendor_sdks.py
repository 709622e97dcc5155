"""The vendor's SDKs and curl send the examples of their documentation, and these appear rightly.

``MPFLUENT_VENDOR_PYTHON`` is an interpreter that has ``mparticle`` of PyPI, and
``MPFLUENT_VENDOR_NODE`` a folder in which ``mparticle`` of npm is installed; ``.ci/run`` makes
both.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from local_servers import LocalServer, Stream, answered

PYTHON = """
import sys
import mparticle

configuration = mparticle.Configuration()
configuration.api_key, configuration.api_secret = "key", "secret"
configuration.host = sys.argv[1] + "/v2"

batch = mparticle.Batch()
batch.environment = "development"
identities = mparticle.UserIdentities()
identities.customerid = "123456"
identities.email = "user@example.com"
batch.user_identities = identities
device_info = mparticle.DeviceInformation()
device_info.ios_advertising_id = "07d2ebaa-e956-407e-a1e6-f05f871bf4e2"
batch.device_info = device_info
batch.user_attributes = {"hair color": "brown"}

app_event = mparticle.AppEvent("Example", "navigation")
app_event.timestamp_unixtime_ms = 1552679592000
product = mparticle.Product()
product.name, product.id = "Example Product", "sample-sku"
product.price, product.quantity = 19.199, 2
action = mparticle.ProductAction("purchase")
action.products = [product]
action.tax_amount, action.total_amount = 3, 41
commerce = mparticle.CommerceEvent(action)
commerce.timestamp_unixtime_ms = 1552679592000
start, end = mparticle.SessionStartEvent(), mparticle.SessionEndEvent()
start.session_id = end.session_id = 12345678
end.session_duration_ms = 3000
batch.events = [start, app_event, commerce, end]

mparticle.EventsApi(configuration).upload_events(batch)
"""

NODE = """
var mParticle = require('mparticle');

var api = new mParticle.EventsApi(new mParticle.Configuration('key', 'secret'));
api.apiClient.basePath = process.argv[2] + '/v2';

var batch = new mParticle.Batch(mParticle.Batch.Environment.development);

batch.user_identities = new mParticle.UserIdentities();
batch.user_identities.customerid = '123456' // identify the user (required)

batch.user_attributes = {'hair color': 'brown'}

var event = new mParticle.AppEvent(mParticle.AppEvent.CustomEventType.navigation,
  'Hello World');

batch.addEvent(event);

var body = [batch]; // {[Batch]} Up to 100 Batch objects

var callback = function(error, data, response) {
  if (error) {
    console.error(error);
    process.exitCode = 1;
  } else {
    console.log('API called successfully.');
  }
};

api.bulkUploadEvents(body, callback);
"""

# The example of the HTTP API's documentation
CURL = """{
    "events" : [{
        "data" : {
            "event_name": "Hello World",
            "custom_event_type": "navigation",
            "custom_attributes" : {"sample attribute" : "value", "large" : 9007199254740993}
        },
        "event_type" : "custom_event"
    }],
    "user_attributes" : {"hair color" : "brown"},
    "device_info" : {},
    "user_identities" : {"customer_id": "123456", "email": "user@example.com"},
    "application_info" : {},
    "schema_version": 2,
    "environment": "development",
    "context" : {},
    "mpid": 1234567890,
    "ip": "172.217.12.142"
}"""


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def run(*command, **options):
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=60, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shown(server):
    """Return what the page and the API show of each event; all of them must have been taken."""
    assert [request.status_code for request in server.requests] == [202]
    found = answered(server, "events")["events"]
    with Stream(server) as stream:
        rows = stream.rows(len(found))
    assert [row["verdict"] for row in rows] == ["ok"] * len(found)
    return [(one["event_type"], one["action"], one["name"]) for one in found], found


def test_the_python_sdk(server):
    interpreter = os.environ.get("MPFLUENT_VENDOR_PYTHON")
    if not interpreter:
        pytest.skip("MPFLUENT_VENDOR_PYTHON names no interpreter that has the vendor's SDK")
    run(interpreter, "-c", PYTHON, server.url)
    kinds, found = shown(server)

    assert kinds == [
        ("session_start", None, None),
        ("custom_event", None, "Example"),
        ("commerce_event", "purchase", None),
        ("session_end", None, None),
    ]
    assert found[0]["user"] == {"customerid": "123456", "email": "user@example.com"}
    (product,) = found[2]["data"]["product_action"]["products"]
    assert (product["id"], product["price"], product["quantity"]) == ("sample-sku", 19.199, 2)
    assert len(server.events(user="123456", type="purchase")) == 1


def test_the_node_sdk(server, tmp_path):
    folder = os.environ.get("MPFLUENT_VENDOR_NODE")
    if not folder or not Path(folder, "node_modules", "mparticle").is_dir():
        pytest.skip("MPFLUENT_VENDOR_NODE names no folder that has the vendor's SDK")
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    program = tmp_path / "example.js"
    program.write_text(NODE, encoding="utf-8")
    modules = {**os.environ, "NODE_PATH": str(Path(folder, "node_modules"))}
    said = run("node", program, server.url, env=modules)
    kinds, found = shown(server)

    assert said == "API called successfully.\n"
    assert kinds == [("custom_event", None, "Hello World")]
    assert found[0]["user"] == {"customerid": "123456"}
    assert server.wait_for("Hello World", user="123456", timeout=0)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(server):
    url, kind = f"{server.url}/v2/events", "Content-Type: application/json"
    run("curl", "-sf", "-u", "key:secret", "-H", kind, url, "-d", CURL)
    kinds, found = shown(server)

    assert kinds == [("custom_event", None, "Hello World")]
    assert found[0]["user"] == {
        "customer_id": "123456",
        "email": "user@example.com",
        "mpid": 1234567890,
    }
    assert found[0]["data"]["custom_attributes"]["large"] == 9007199254740993
