"""Documents: text files, Markdown, HTML and PDF read as blocks of text, and cut into chunks."""
