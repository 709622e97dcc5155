"""mParticle's objects: the user, the device, consent, commerce, the events and their history.

A new field or event type is declared here. Verbs live in ``builder``, sending in ``client``.
"""
