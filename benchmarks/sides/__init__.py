"""The programs that are measured, each run by an interpreter of its own, as a script.

* ``answering``: a line of JSON asks for something, a line of JSON answers.
* ``workload``: the batches that are measured, as fluent chains and as dict literals.
* ``ours``: mpfluent, and dict literals and marshmallow beside it; ``sending``, ``queueing``: its
  background sending, and the memory that takes.
* ``with_mparticle``, ``with_segment``, ``with_posthog``: the others.

What they import from each other they find in their own folder, since ``mpfluent`` must come from
whichever checkout is measured.
"""
