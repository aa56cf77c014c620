"""Bytes <-> values: request maps, answers, ciphers, invites, rosters, signatures. No I/O; both versions."""
