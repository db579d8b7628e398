"""What a store keeps and what it lets go: roots, laying aside, removal. Nothing that is needed is touched."""
