"""One self-contained HTML page: its content, its pictures, its style."""
