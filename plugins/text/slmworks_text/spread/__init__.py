"""What of `curate/text` workers do: cleaning rows, hashing and comparing texts; the rest is the driver's.

The driver reads files, keeps the cleaned rows on its disk and their numbers in memory, and writes. So no
other machine needs to see a file of it.
"""
