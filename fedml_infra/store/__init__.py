"""Tokens, members, challenges and audit, in SQLite or PostgreSQL: the only place with SQL.

A token is kept as its SHA-256 alone, and no passphrase and no key at all. Only its owner may read it all the same: from
a token's hash follows what an offline request to join is authenticated with.
"""
