"""The audit as tables and as one page that can be filed."""
