"""What all sides send: one of 200 users, an event with five attributes."""

AT = 1795428900000
ATTRIBUTES = {"a": "x", "b": "y", "c": 1, "d": 2.5, "e": True}
USERS = 200


def user(number):
    """Return whose turn it is."""
    return f"user-{number % USERS}"
