"""The facts of the API: its operations and types, what they take, how to search them.

``catalogue.json`` holds the facts; ``build`` makes it from bunq's description and ``corrections``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
