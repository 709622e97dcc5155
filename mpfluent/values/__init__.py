"""What a value is: immutable, of declared fields, each checked by a validator.

A new kind of field is added here. ``codegen`` writes code for speed, and ``code_cache`` keeps it.
Nothing here knows mParticle's objects, JSON or the network.
"""
