"""The rules of the bank, one module for each kind of resource; none of them knows HTTP.

A rule takes a ``Call`` and returns items, each with the name of its type, or raises a ``Refusal``.
Each module ends with its ``RULES``, the rule of each operation. ``rules`` joins them, and needs a
line only for a new module or a new kind of scheduled job.
"""
