"""Bytes or items to a DataFrame and back: columns, money, times, pages, the curated tables."""
