"""Callbacks of the bank: receive them and verify who sent them."""
