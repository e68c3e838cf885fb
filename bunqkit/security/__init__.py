"""What keeps secrets: masking, signing, encryption at rest, private files, the secret scan."""
