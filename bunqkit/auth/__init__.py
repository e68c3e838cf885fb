"""The three steps from an API key to a session, the session, its state on disk, and OAuth.

``handshake`` has the calls and the state machine, ``sessions`` keeps a session open, ``state`` is
what is kept, ``diagram`` draws the steps, ``oauth`` gets a token for an app.
"""
