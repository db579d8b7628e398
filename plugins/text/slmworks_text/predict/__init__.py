"""`slmworks predict`: an approved model's answers to the rows of a file."""
