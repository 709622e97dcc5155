"""What lets a recipe of a page run as it is printed: its mParticle is on this machine."""

# Python runs it first in every process of a server: mParticle is on this machine, and each batch
# that an application sent is counted where that happens
STAND_IN = """
import os

if "STAND_IN" in os.environ:
    import re

    from mpfluent import Client, Request, RequestsTransport

    to_the_network, accept = RequestsTransport.send, Client.send

    def send(self, request):
        url = re.sub("^https://[^/]+", os.environ["STAND_IN"], request.url)
        mine = Request(url, request.body, request.headers, credentials=request.credentials)
        return to_the_network(self, mine)

    send.raises_only_transport_errors = True
    RequestsTransport.send = send

    def counted(self, *batches, **options):
        delivery = accept(self, *batches, **options)
        if "COUNT" in os.environ:
            with open(os.environ["COUNT"], "ab", buffering=0) as file:
                file.write(b"x" * len(batches))
        return delivery

    Client.send = counted
"""
