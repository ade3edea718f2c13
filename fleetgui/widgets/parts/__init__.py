"""What pages are built of: chips, tables of cells, text that is shown as it is, JSON as it came, keys of one page."""
