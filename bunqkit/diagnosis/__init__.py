"""``bunqkit doctor`` and ``bunqkit scrub``: why a connection fails, and which files hold secrets.

``checkup`` runs the doctor, ``probe`` calls the bank for it, ``causes`` has its texts; ``scrub``
takes secrets out of notebooks and recordings.
"""
