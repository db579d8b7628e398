"""`feature-extraction`: a text as a vector, judged by how well it finds the right document."""
