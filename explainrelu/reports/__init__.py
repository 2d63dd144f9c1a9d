"""Records as tables, pictures and one page; nothing is computed here."""
