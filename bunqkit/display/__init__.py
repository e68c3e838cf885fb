"""Everything that becomes HTML or text for a terminal: cards, tables, badges, reports."""
