"""The facts of the API: its operations and types, their arguments, and a search.

``catalogue.json`` holds the facts. ``build`` makes it from bunq's description and
``corrections.toml``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
