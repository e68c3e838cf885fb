"""The three steps to a session, the session itself, and what is kept of them on disk."""
