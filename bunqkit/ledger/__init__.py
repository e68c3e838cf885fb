"""Payments kept in a file: store, sync, snapshots, SQL and exports."""
