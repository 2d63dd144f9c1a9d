"""Whether a score rises or falls with a column: gradients over boxes, regions and programs."""
