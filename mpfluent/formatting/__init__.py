"""What people see of a batch: its repr, HTML, differences, a preview, Python code.

Nothing here changes a value or sends it. The JSON that is sent is made in ``encoding``.
"""
