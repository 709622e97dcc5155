"""The command line: ``python -m mpfluent`` is what ``mpfluent`` is."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
