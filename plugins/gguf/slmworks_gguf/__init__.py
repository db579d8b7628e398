"""slmworks plugins that read, write and quantize GGUF, proved against llama.cpp."""
