"""Widgets that drive the API from a notebook; each is loaded, with ipywidgets, when first used.

- The four widgets: ``connect``, ``explorer``, ``payments``, ``wire``. Each is a subclass of
  ``panel.Panel``, through whose wrapper every handler goes; a new one also gets a line in the stub.
- Parts of all: ``panel``, ``fold``, ``choice_list``, ``data_table``, ``confirmation``,
  ``write_sender``, ``draft_call``.
- Parts of the explorer: ``form`` with ``body_inputs`` and ``value_inputs``, ``pickers``,
  ``result_tabs`` (the tabs of an answer), ``history``.
- Parts of the payments panel: ``transfer_form``, ``payment_view``, ``plot_tabs``.

Their HTML is in ``bunqkit/display/``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
