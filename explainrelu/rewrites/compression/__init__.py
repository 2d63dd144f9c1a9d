"""The compressed network: what is taken out, the record, and the proof unit by unit."""
