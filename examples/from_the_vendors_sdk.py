"""The same batch, with the vendor's SDK and with mpfluent.

With the vendor's ``mparticle``::

    identities = mparticle.UserIdentities()
    identities.customerid = "123456"
    searched = mparticle.AppEvent("Searched", "search")
    searched.custom_attributes = {"query": "teapot"}
    teapot = mparticle.Product()
    teapot.id, teapot.name, teapot.price = "sku-1", "Teapot", 19.99
    action = mparticle.ProductAction("purchase")
    action.products, action.total_amount = [teapot], 21.49
    batch = mparticle.Batch()
    batch.environment = "development"
    batch.user_identities = identities
    batch.events = [searched, mparticle.CommerceEvent(action)]
    api.upload_events(batch, callback=done)
"""

from mpfluent import Batch, Configuration, EventsApi, Product
from mpfluent.testing import LocalServer

batch = (
    Batch.for_user(customer_id="123456")
    .with_environment("development")
    .event("Searched", {"query": "teapot"}, type="search")
    .purchase(Product("sku-1", "Teapot", price=19.99), total_amount=21.49)
)

with LocalServer() as server:
    configuration = Configuration(api_key="key", api_secret="secret", host=server.url)
    api = EventsApi(configuration)  # the calls that you know
    upload = api.upload_events(batch, callback=lambda data, status, headers: print("done", status))
    upload.join()
    print("returned", api.bulk_upload_events([batch, batch])[1])
    configuration.client.close()
    print([event.event_type for event in server.batches[0].events])
