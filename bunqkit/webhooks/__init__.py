"""Receives callbacks of the bank and verifies their signatures: ``Receiver``.

It knows nothing of tables and ledgers; a handler decides what a notification changes.
"""
