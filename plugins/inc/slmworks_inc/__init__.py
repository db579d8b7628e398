"""slmworks plugins that quantize with Intel Neural Compressor."""
