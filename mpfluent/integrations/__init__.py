"""Connects mpfluent to other libraries.

Each module names the extra to install, and imports the other library only when it is used. No
other folder imports these modules.
"""
