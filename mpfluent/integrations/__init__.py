"""What connects mpfluent to other libraries.

Each module names the extra that it needs, and loads that library only where it is used.
"""
