"""Answers from tables of payments: spending, recurring payments, plots, reconciliation.

The stub names what ``bunqkit.analysis`` offers; plots need matplotlib, so they are a module of
their own, and so are recurring payments.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
