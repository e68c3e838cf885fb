"""Widgets that drive the API from a notebook; each is loaded, with ipywidgets, when first used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
