"""The command line: what is written in a shell, and what is shown there.

It parses, calls what is public in Python, and prints. How rows are read, mapped and sent is in
``rows`` and ``client``; what a command needs and Python cannot do must not be here.
"""
