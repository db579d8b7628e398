"""slmworks plugins that quantize with Intel Neural Compressor."""

import os

# Its logger for Gaudi would make a folder in the home of whoever imports it; 6 is off.
os.environ.setdefault("LOG_LEVEL_INC", "6")
