"""Where it all comes together: ``Client``, ``EventsApi``, their settings, preparing a batch.

Nothing that one of the other folders can do alone lives here.
"""
