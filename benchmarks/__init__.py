"""How fast mpfluent is, beside what else could be done; ``faults`` and ``fleet``: how safe."""
