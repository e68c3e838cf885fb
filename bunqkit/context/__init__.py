"""``connect()`` and the context that it returns: calls, tables, the guard of writes."""
