"""Any value to JSON text and to marshmallow schemas, and back.

It knows fields and values, but none of mParticle's objects by name.
"""
