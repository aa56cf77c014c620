"""Tokens, members, challenges and audit, in SQLite or PostgreSQL: the only place with SQL.

Nothing here is a secret: a token is kept as its SHA-256, and no passphrase and no key is kept at all.
"""
