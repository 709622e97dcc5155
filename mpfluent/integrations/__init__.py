"""Connects mpfluent to other libraries.

Each module names the extra to install where the other library is missing. No other folder imports
these modules, so nothing loads these libraries but who asks for them.
"""
