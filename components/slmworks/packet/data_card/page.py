"""A data card as one HTML file, without scripts and with nothing loaded from anywhere."""

from slmworks.packet.data_card.described import Described
from slmworks.packet.data_card.sections import sections
from slmworks.packet.markup import whole_page


def page(data: Described) -> str:
    """The card as HTML."""
    return whole_page(f"{data.title}: data card", sections(data))
