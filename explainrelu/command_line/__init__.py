"""What the commands do: files in, tables and text out."""
