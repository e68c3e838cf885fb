"""Explains a call: the X-ray, the same call as curl and Python, what broke a signature."""
