"""Keeps secrets: masking, signing, encryption at rest, private files, and the secret scan.

``redaction`` masks what is secret by its name, ``known_secrets`` what is known to be secret, and
``secret_scan`` (``secret_scan_json`` in JSON files) finds what nobody has named. A module that
replaces the names of people and accounts by others belongs beside the scan.
"""
