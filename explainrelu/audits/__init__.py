"""Audits: what a validator must sign, proven where it can be proven."""
