"""Readers that turn a trained model into the normal form, and check themselves."""
