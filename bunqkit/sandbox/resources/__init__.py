"""The rules of the bank, one module for each kind of resource; none of them knows HTTP.

A rule takes a ``Call`` and returns items, each with the name of its type, or raises a ``Refusal``.
``rules`` lists which rule answers which operation.
"""
