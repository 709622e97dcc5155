"""What a value is: immutable, of declared fields, each checked by a validator.

Nothing here knows mParticle's objects, JSON or the network. A new kind of field is added here.
"""
