"""``connect()`` and the context that it returns.

A ``Context`` is put together of parts: ``channel`` (client and sessions), ``guard`` (which writes
may be sent), ``writes`` with ``lookup``, ``references`` and ``settling`` (each write once, also if
its answer is lost), ``caller`` with ``api`` (any operation), and ``tables`` (over any source of
pages).
"""
