"""What a user calls to send: ``Client`` and ``EventsApi``, with their settings.

Each batch is prepared here and handed to a dispatcher. Code that needs only one of the other
folders lives in that folder.
"""
