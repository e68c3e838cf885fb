"""``bunqkit doctor`` and ``bunqkit scrub``: what is wrong with a set-up, what holds secrets."""
