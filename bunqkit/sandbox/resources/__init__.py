"""The rules of the bank, one module a resource; none of them sees HTTP.

A rule takes a ``Call`` and gives items, each with the type it travels under, or refuses.
"""
