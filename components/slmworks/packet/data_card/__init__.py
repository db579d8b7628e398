"""The card of a data set, `card.json` as people read it: an HTML page, Markdown, and Croissant for programs.

Views of what curation has counted: nothing is read but the card, so nothing here changes a digest. A card
may lack any part.
"""

from slmworks.packet.data_card.croissant import croissant
from slmworks.packet.data_card.described import Described, described
from slmworks.packet.data_card.markdown import markdown
from slmworks.packet.data_card.page import page

__all__ = ["Described", "croissant", "described", "markdown", "page"]
