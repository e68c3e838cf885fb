"""Payments kept in a file: ``Ledger``.

``store`` is the file, ``sync`` brings it up to date, ``snapshot`` has the tables and SQL over it,
``export`` writes files for other programs (add a format there), ``repair`` saves what can be read
of a damaged file.
"""
