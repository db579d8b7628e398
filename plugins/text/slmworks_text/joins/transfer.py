"""A sample of the transfer text."""

from slmworks_text.ledger import Ledger
from slmworks_text.rows import TRANSFER, Tally


def sample_transfer(ledger: Ledger, rows: int, tally: Tally) -> None:
    """Keep at most `rows` rows of transfer text: ids are digests, so the first ones are a random sample."""
    found = (ledger.kept & (ledger.place == TRANSFER)).nonzero()[0]
    if len(found) > rows:
        tally.dropped["more than transfer_rows"] += len(found) - rows
        ledger.kept[found[rows:]] = False
