"""The reviewer's packet: a verdict as a table in a terminal, as Markdown, and as one HTML page.

Reads `verdict.json` and reports; measures nothing and decides nothing. A gate from elsewhere may write
only `passed` and `sentence`: then that is what is shown.
"""

from slmworks.packet.markdown import markdown
from slmworks.packet.page import page
from slmworks.packet.sources import Background, Made
from slmworks.packet.table import table

__all__ = ["Background", "Made", "markdown", "page", "table"]
