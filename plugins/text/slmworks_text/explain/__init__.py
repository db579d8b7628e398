"""What a curation does to one row: `slmworks curate RECIPE --explain ROW`."""
