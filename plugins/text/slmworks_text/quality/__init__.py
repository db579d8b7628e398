"""Published rules about the quality of texts, as data: a name, a number of the text, and its limits."""
