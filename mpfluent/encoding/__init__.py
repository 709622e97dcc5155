"""Writes any value as JSON text, or as plain data by a marshmallow schema, and reads it back.

All follows from the fields that a class declares. None of mParticle's objects is named here.
"""
