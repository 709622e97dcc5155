"""Connects mpfluent to other libraries.

Each module names the extra that it needs, and imports that library only where it is used.
"""
