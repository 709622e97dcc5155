"""Helpers that know nothing of mParticle: options, the log, forks, interrupts, introspection.

They import no other folder, only files beside the folders, such as :mod:`mpfluent.errors`. Code
that knows a field, a batch or a request lives elsewhere.
"""
