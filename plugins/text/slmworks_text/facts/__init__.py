"""What a card tells besides counts: steps, clusters of duplicates, examples; in bounded memory."""
