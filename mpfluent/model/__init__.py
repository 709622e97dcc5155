"""mParticle's objects: the user, the device, consent, commerce, the events and their history.

A new event type is declared here, and so is a new field of an event or a record. The fields of a
batch and the verbs live in ``builder``. Nothing here knows how a batch is sent.
"""
