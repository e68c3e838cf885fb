"""The facts of the API: its operations and types, what they take, how to search them.

``catalogue.json`` holds the facts; ``build`` makes it from bunq's description and ``corrections``.
"""
