"""One call: serialise, sign, send within the limits, verify, judge."""
