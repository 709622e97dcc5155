"""Helpers that know nothing of mParticle: options, the log, forks, interrupts, introspection.

They import :mod:`mpfluent.errors` and nothing else of the package. Code that knows a field, a batch
or a request lives in another folder.
"""
