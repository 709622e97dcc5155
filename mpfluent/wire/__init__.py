"""From a batch to the body of a request: limits, sealing, splitting, packing.

It knows wire names and bytes. It does not know which class a batch is of, nor how a request is
sent.
"""
