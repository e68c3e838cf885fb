"""Everything that is shown to a person: HTML for notebooks and pages, text for terminals.

``html`` has the parts (card, table, tree, badge), whose HTML is in ``templates/``; ``report`` shows
one report both ways; ``terminal`` makes texts of strangers safe to print.
"""
